// Early stopping: after every step the server sends encrypted scores of a validation set into a folder that both
// see, and the owner answers one bit, go on or stop. Here the server is a thread.
#include <blindtuner/owner.h>
#include <blindtuner/server.h>

#include <cstdio>
#include <future>
#include <string>

#include "example.h"

namespace bt = blindtuner;

namespace {

const bt::TrainingOptions kOptions{
    .configuration =
        R"({"steps": 6, "batch_size": 256, "learning_rate": 1, "validation_every": 1})"};

bt::TrainingEnd serve(const std::filesystem::path& keys, const std::filesystem::path& data,
                      const bt::EarlyStopping& early_stopping) {
  const auto server = bt::Server::load(example::context(), keys);
  return server.train(data, kOptions, early_stopping).run();
}

}  // namespace

int main() {
  const example::Folder folder;
  const auto owner = bt::Owner::make_keys(example::context(), folder / "keys",
                                          example::parameters(), example::kShape);
  const example::Clouds train(256);
  // Some of these labels are wrong, so that a model that is too sure of itself does worse.
  example::Clouds validation(100, 7);
  for (std::size_t i = 0; i < 100; i += 4) validation.labels[i] = (validation.labels[i] + 1) % 3;
  owner.encrypt(train.set(), bt::DataUse::kTraining, folder / "data.enc");
  owner.encrypt(validation.set(), bt::DataUse::kValidation, folder / "validation.enc");

  auto end = std::async(std::launch::async, [&] {
    return serve(
        owner.evaluation_keys(), folder / "data.enc",
        {.data = folder / "validation.enc", .exchange = folder / "exchange", .timeout = 120});
  });
  const bt::ValidationResult result = owner.validate(
      {.data = folder / "validation.enc",
       .exchange = folder / "exchange",
       .best_model = folder / "best.enc",
       .patience = 1,
       .timeout = 120,
       .round = [](const std::string& line) { std::printf("owner: %s\n", line.c_str()); }},
      {kOptions, folder / "data.enc"});
  const bool told_to_stop = end.get() == bt::TrainingEnd::kStoppedByOwner;
  example::expect(result.stopped && told_to_stop, "the run ends before its last step");

  // The best round's model lies here, encrypted as it came; the record of the rounds beside it says that the run
  // was to end there.
  const bt::LinearModel model =
      owner.open_model(folder / "best.enc", {kOptions, folder / "data.enc"});
  std::printf("the best of %d rounds is after %d steps: accuracy %.2f\n", result.rounds,
              model.steps, result.accuracy);
  example::expect(model.complete && model.steps == result.best_steps, "the best model is the end");
}
