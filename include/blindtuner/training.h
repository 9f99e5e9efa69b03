// What an owner and a server agree on before a run.
#pragma once

#include <string>

#pragma GCC visibility push(default)
namespace blindtuner {

struct TrainingOptions {
  /// JSON: steps, batch_size, learning_rate, .. as docs/TRAINING.md lists them; empty: the defaults.
  std::string configuration{};
  /// Family of softmax circuits: "default", "guaranteed", "wide". Of other heads (a configuration's "head"):
  /// "default".
  std::string softmax = "default";
  /// Scores that the circuit is to stand, in magnitude; 0: the head's choice.
  double range = 0;
};

}  // namespace blindtuner
#pragma GCC visibility pop
