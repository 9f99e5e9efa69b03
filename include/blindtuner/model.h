// Results in the clear. Values that own what they hold.
#pragma once

#include <blindtuner/data_set.h>

#include <cstddef>
#include <string>
#include <vector>

#pragma GCC visibility push(default)
namespace blindtuner {

/// score of class c = sum_j weights[c * features + j] * x_j + bias[c]; the largest is the answer.
struct LinearModel {
  std::size_t classes = 0, features = 0;
  std::vector<double> weights{};  ///< classes x features, row after row
  std::vector<double> bias{};     ///< one a class
  int steps = 0;                  ///< of training that made it
  /// It is the end of its run as the owner knows it: all planned steps, or the best of a run of validation that
  /// ended.
  bool complete = false;

  /// samples x classes, row after row. Throws ContractError where widths or sizes do not fit.
  std::vector<double> scores(const DataSet& data) const;
  /// One class a sample. Throws as scores(), and DataError for scores that are not finite, as of features that are not.
  std::vector<int> classify(const DataSet& data) const;
};

struct Scores {
  std::size_t classes = 0;
  std::vector<double> values{};  ///< samples x classes, row after row, in the encrypted samples' order
  /// Why nobody knows their errors: they are larger than the circuit that trained the model stands. None: they
  /// are trusted.
  std::vector<std::string> problems{};
};

/// Results with noise, which may be shared.
struct PublishedModel {
  LinearModel model{};
  double noise = 0;  ///< standard deviation; numbers are multiples of it
  double bits = 0;   ///< what it may tell about the secret key; 0 where it was published before
};

struct PublishedScores {
  Scores scores{};
  double noise = 0, bits = 0;  ///< as a model's
};

}  // namespace blindtuner
#pragma GCC visibility pop
