// The owner's side of early stopping: decrypts rounds of validation, keeps the best model, answers.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "app/owner/steps.h"
#include "train/early_stopping.h"

namespace blindtuner {

struct ValidatorOptions {
  std::filesystem::path exchange;  ///< folder that the server sees too
  std::filesystem::path data;      ///< the encrypted validation set, labels included
  std::filesystem::path out;       ///< where the best model so far lies, encrypted as it came
  int patience = 3;
  double logit_limit = 0;                            ///< 0: what the softmax circuit allows
  std::function<void(const std::string&)> announce;  ///< told a line about every round
};

/// One run of training, round by round. What leaves is write_answer()'s bit, once a round.
///
/// Beside `out` lies the record of the rounds, `out` with .rounds.json behind it: written before
/// the answer, so that a validator that was interrupted goes on where it was and never answers a
/// round twice.
class Validator {
 public:
  /// Reads the labels out of the encrypted set. Keys must outlive it. Throws DataError when the
  /// data is of other keys, and when the record does not belong to these options.
  Validator(const OwnerFolder& keys, ValidatorOptions options);

  /// Takes up every round that is there; true when nothing is left to do: it was told to stop, or
  /// the last round has been seen. Throws DataError on a round of another run, data set or order.
  bool poll();

  const std::vector<ValidationRound>& rounds() const { return rounds_; }
  int best_round() const { return stopping_.best_round(); }
  bool stopped() const { return stopped_; }
  bool finished() const { return finished_; }
  /// {"best_round", "stopped_early", "patience", "logit_limit", "rounds": [..]}
  nlohmann::json report() const;

  static std::filesystem::path record_path(const std::filesystem::path& out);

 private:
  void take(const std::filesystem::path& path);
  void check(const std::filesystem::path& path, const RoundFile& file) const;
  void load_record();
  void save_record() const;
  void answer(int round, bool stop) const;

  const OwnerFolder& keys_;
  ValidatorOptions options_;
  DatasetInfo data_;
  Labels labels_;
  bool started_ = false, stopped_ = false, finished_ = false;
  RunId run_{};
  EarlyStopping stopping_;
  double logit_limit_ = 0;
  std::vector<ValidationRound> rounds_;
};

}  // namespace blindtuner
