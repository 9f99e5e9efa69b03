// One step of training after the other. From the second on, each evaluates a softmax on ciphertexts, with a
// bootstrapping before it: the server sees neither scores nor probabilities.
#include <blindtuner/owner.h>
#include <blindtuner/server.h>

#include <cstdio>

#include "example.h"

namespace bt = blindtuner;

int main() {
  const example::Folder folder;
  const bt::Context context = example::context();
  const auto owner =
      bt::Owner::make_keys(context, folder / "keys", example::parameters(), example::kShape);
  const example::Clouds clouds(256);
  owner.encrypt(clouds.set(), bt::DataUse::kTraining, folder / "data.enc");

  const auto server = bt::Server::load(context, owner.evaluation_keys());
  // The state after every step is kept in a file: a run that is killed goes on from there.
  const bt::TrainingOptions options{.configuration =
                                        R"({"steps": 3, "batch_size": 256, "learning_rate": 1})"};
  {
    bt::Training training =
        server.train(folder / "data.enc", options, {}, folder / "checkpoint.enc");
    while (training.done() < training.steps()) {
      (void)training.step();
      training.save_model(folder / "model.enc");
      // Here the owner looks at every model. It gives nothing away as long as it keeps what it sees.
      const bt::LinearModel model = owner.open_model(folder / "model.enc", {options});
      std::printf("step %d: accuracy %.3f, weight %.4f\n", model.steps,
                  example::accuracy(model.classify(clouds.set()), clouds.labels), model.weights[0]);
    }
  }

  // A run holds its checkpoint as long as it lives. Begun again, there is nothing left to do.
  const bt::Training resumed =
      server.train(folder / "data.enc", options, {}, folder / "checkpoint.enc");
  example::expect(resumed.done() == 3, "the checkpoint holds the whole run");
}
