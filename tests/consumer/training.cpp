#include "training.h"

#include <blindtuner/errors.h>
#include <blindtuner/server.h>
#include <blindtuner/study_server.h>
#include <blindtuner/version.h>

#include <cstdio>
#include <filesystem>

namespace bt = blindtuner;

int consumer_train(const char* in) try {
  const std::filesystem::path folder = in;
  const bt::Context context({.threads = 1, .allow_insecure = true});
  const auto server = bt::Server::load(context, folder / "keys" / "evaluation.keys");
  bt::Training training =
      server.train(folder / "data.enc",
                   {.configuration = R"({"steps": 2, "batch_size": 128, "learning_rate": 1})"});
  if (training.run() != bt::TrainingEnd::kAllSteps) return 1;
  training.save_model(folder / "model.enc");
  server.score(folder / "data.enc", folder / "model.enc", folder / "scores.enc");
  bt::StudyServer study(context, folder / "study-server", folder / "exchange");
  if (std::filesystem::exists(folder / "exchange" / "draft")) (void)study.step();  // it joins
  std::printf("version %s, %d steps\n", bt::version().c_str(), training.done());
  return std::fflush(stdout);
} catch (const bt::DataError& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
