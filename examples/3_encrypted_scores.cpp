// Scoring without decrypting the model: the server multiplies encrypted samples by an encrypted model.
#include <blindtuner/owner.h>
#include <blindtuner/server.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "example.h"

namespace bt = blindtuner;

int main() {
  const example::Folder folder;
  const bt::Context context = example::context();
  const auto owner =
      bt::Owner::make_keys(context, folder / "keys", example::parameters(), example::kShape);
  const example::Clouds known(256), fresh(100, 7);
  owner.encrypt(known.set(), bt::DataUse::kTraining, folder / "data.enc");
  owner.encrypt(fresh.unlabelled(), bt::DataUse::kPrediction, folder / "new.enc");

  // The server: a model of one step, then scores of samples that nobody has labelled.
  const auto server = bt::Server::load(context, owner.evaluation_keys());
  bt::Training training =
      server.train(folder / "data.enc",
                   {.configuration = R"({"steps": 1, "batch_size": 256, "learning_rate": 2})"});
  (void)training.run();
  training.save_model(folder / "model.enc");
  server.score(folder / "new.enc", folder / "model.enc", folder / "scores.enc");

  // The owner: scores through the door, and the same by the model in the clear.
  const bt::Scores scores = owner.open_scores(folder / "scores.enc");
  const bt::LinearModel model = owner.open_model(folder / "model.enc");
  const std::vector<double> expected = model.scores(fresh.set());
  double error = 0;
  for (std::size_t i = 0; i < scores.values.size(); ++i)
    error = std::max(error, std::abs(scores.values[i] - expected[i]));
  std::printf("%zu scores, the largest error is %.1e\n", scores.values.size(), error);
  example::expect(scores.problems.empty() && scores.values.size() == 300 && error < 1e-2,
                  "both ways give the same scores");
}
