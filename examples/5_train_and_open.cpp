// The whole way: keys, encryption, training, the opened model. The two parties share files and nothing else; in real
// use each has a program of its own, on a machine of its own.
#include <blindtuner/owner.h>
#include <blindtuner/server.h>

#include <cstdio>

#include "example.h"

namespace bt = blindtuner;

namespace {

// What both know beforehand.
const bt::TrainingOptions kOptions{
    .configuration = R"({"steps": 4, "batch_size": 256, "learning_rate": 1, "method": "nesterov",
                         "momentum": 0.5})"};

void serve(const std::filesystem::path& keys, const std::filesystem::path& data,
           const std::filesystem::path& model) {
  const auto server = bt::Server::load(example::context(), keys);
  bt::Training training = server.train(data, kOptions);
  const auto end = training.run({.training = [](int step, double fraction) {
    if (fraction == 0) std::printf("server: step %d\n", step + 1);
  }});
  example::expect(end == bt::TrainingEnd::kAllSteps, "nobody stops the run");
  training.save_model(model);
}

}  // namespace

int main() {
  const example::Folder folder;
  const auto owner = bt::Owner::make_keys(example::context(), folder / "keys",
                                          example::parameters(), example::kShape);
  const example::Clouds train(512), test(200, 99);
  owner.encrypt(train.set(), bt::DataUse::kTraining, folder / "data.enc");

  serve(owner.evaluation_keys(), folder / "data.enc", folder / "model.enc");

  // The owner says what the server was to do: a model of another training is refused.
  const bt::LinearModel model =
      owner.open_model(folder / "model.enc", {kOptions, folder / "data.enc"});
  const double accuracy = example::accuracy(model.classify(test.set()), test.labels);
  std::printf("owner: %d steps, accuracy %.3f on samples that were not trained on\n", model.steps,
              accuracy);
  example::expect(accuracy > 0.95, "a model that has learnt");

  bt::TrainingOptions other = kOptions;
  other.softmax = "wide";
  try {
    (void)owner.open_model(folder / "model.enc", {other, folder / "data.enc"});
    example::expect(false, "a model of another training is refused");
  } catch (const bt::DataError& error) {
    std::printf("owner: refused: %s\n", error.what());
  }

  // Full precision is for the owner's eyes. What is shared has noise, which hides what the numbers' errors tell
  // about the secret key.
  const bt::PublishedModel shared =
      owner.publish_model(folder / "model.enc", {kOptions, folder / "data.enc"});
  std::printf("to be shared: noise of %g, at most %.1g bits about the secret key\n", shared.noise,
              shared.bits);
}
