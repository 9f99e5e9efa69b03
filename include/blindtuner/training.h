// What an owner and a server agree on before a run.
#pragma once

#include <cstddef>
#include <string>

#pragma GCC visibility push(default)
namespace blindtuner {

/// Functions that take it throw DataError for a configuration or family that is none, ContractError for a range out
/// of its own.
struct TrainingOptions {
  /// JSON: steps, batch_size, learning_rate, .. as docs/TRAINING.md lists them; empty: the defaults.
  std::string configuration{};
  /// Family of softmax circuits: "default", "guaranteed", "wide". Of other heads (a configuration's "head"):
  /// "default".
  std::string softmax = "default";
  /// Scores that the circuit is to stand, in magnitude: 1 to 10^4; 0: the head's choice.
  double range = 0;
};

/// The JSON that an empty configuration stands for, for another number of steps; 0: for its own. What to change a field of.
/// Throws DataError for a number out of range.
std::string default_configuration(int steps = 0);
/// |score| up to which the circuit that such options name is right: a training whose scores are larger may have
/// learnt anything. Throws DataError for options that are none.
double score_range(const TrainingOptions& options, std::size_t classes);

}  // namespace blindtuner
#pragma GCC visibility pop
