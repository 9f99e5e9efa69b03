// The owner's side of early stopping: decrypts rounds of validation, keeps the best model, answers.
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/file_lock.h"
#include "learn/reference/early_stopping.h"
#include "party/owner/opening.h"
#include "records/dataset.h"
#include "records/round.h"
#include "transport/channel.h"

namespace blindtuner::party {
using namespace reference;
using namespace transport;

struct ValidatorOptions {
  std::shared_ptr<Channel> channel;  ///< to the server that trains
  std::filesystem::path data;        ///< the encrypted validation set, labels included
  std::filesystem::path out;         ///< where the best model so far lies, encrypted as it came
  int patience = 3;
  double logit_limit = 0;                            ///< 0: what the circuit allows
  std::function<void(const std::string&)> announce;  ///< told a line about every round
  ExpectedRun run;                                   ///< what is known of it beforehand
  /// The strength by which the model will be moved (learn/reference/balance.h), and by which its loss is
  /// judged: by the training set's class sizes, which the record of data sets has.
  double balance = 0;
};

/// One run of training, round by round. What leaves is write_answer()'s bit, once a round.
///
/// Beside `out` lies the record of the rounds, `out` with .rounds.json behind it, sealed: written
/// before the answer, so that a validator that was interrupted goes on where it was and never answers
/// a round twice. It is a record of one run: it is taken up where the channel still holds the
/// very round that it ends with, and refused everywhere else. `out` is replaced after the record and
/// the answer; where an interruption came between, the best round restores it.
class Validator {
 public:
  /// What the record beside a model says of it.
  struct KeptModel {
    Sha256Digest contents{};  ///< ContainerReader::contents()
    int steps = 0;
    bool ended = false;  ///< the run: told to stop, or gone through
    std::size_t choices = 1;
    double balance = 0;  ///< strength that its rounds were judged with
  };
  /// Empty where there is no record beside `model`. Throws DataError when it was changed.
  static std::optional<KeptModel> kept(const std::filesystem::path& model, const OwnerKeys& keys);

  /// Reads the labels out of the encrypted set, which must be the one that the owner recorded when it
  /// made it. Keys must outlive it. Throws DataError when the data is not that, when another validator
  /// is at work on `out`, and when there is a record that was changed, or is of other options or of
  /// another run.
  Validator(const OwnerFolder& keys, ValidatorOptions options);

  /// Takes up every round that is there; true when nothing is left to do: it was told to stop, or
  /// the last round has been seen, and `out` holds the best model. A round that is there in part is not
  /// there yet. Throws DataError on a round of another run, data set, training or order, and on scores
  /// that no run can have produced: UntrustedResult where a training may have diverged, which is told to stop.
  bool poll();
  /// For the message about a round that ended the rounds: where the best one's model is. Empty: there was none before.
  std::string kept_words() const;

  const std::vector<ValidationRound>& rounds() const { return rounds_; }
  int best_round() const { return stopping_.best_round(); }
  /// There has been one.
  const ValidationRound& best() const {
    return rounds_.at(static_cast<std::size_t>(stopping_.best_round()) - 1);
  }
  /// Steps of the model in `out`; 0: none is there yet.
  int best_steps() const;
  /// Of the run that the rounds are of; there has been one.
  const TrainingState& training() const { return training_; }
  const DataId& trained_on() const { return trained_on_.id; }
  bool stopped() const { return stopped_; }
  bool finished() const { return finished_; }
  /// {"best_round", "stopped_early", "patience", "logit_limit", "balance" (unless 0), "rounds": [..]}
  nlohmann::json report() const;
  /// judge_logits() of the best round: the best of rounds that all left the circuit's range is no good model.
  nlohmann::json judgement() const;

  /// Of a report: how many of the rounds, to whoever knows when the run ended, may have been the best.
  static std::size_t choices(const nlohmann::json& report);

  static std::filesystem::path record_path(const std::filesystem::path& out);

 private:
  static std::size_t choices(std::size_t rounds, int patience);
  void take(ByteSource& source);
  void check(const std::string& name, const RoundFile& file) const;
  /// Its scores. A refusal is answered with stop.
  std::vector<double> open(const std::string& name, const RoundFile& file);
  void load_record();
  void require_record_of_this_run() const;
  void require_best() const;
  [[noreturn]] void refuse_record(const std::string& why) const;
  nlohmann::json record() const;
  /// Of the set that it is trained on.
  LossBalance balance_of_training() const;
  void answer(int round, bool stop);
  void send_answer(const RunId& run, int round, bool stop);
  Channel& channel() const { return *options_.channel; }
  Origin origin(const std::string& name, int round) const;

  const OwnerFolder& keys_;
  Disclosure door_;
  ValidatorOptions options_;
  FileLock out_;
  DatasetInfo data_;
  Sha256Digest contents_{};  // of the validation set's file
  Labels labels_;
  bool started_ = false, stopped_ = false, finished_ = false;
  RunId run_{};
  TrainingState training_;  // of the run; its steps count for nothing
  struct {
    DataId id{};
    std::size_t samples = 0;
  } trained_on_;
  Sha256Digest last_{}, kept_{};  // contents of the last round's file, and of the model in `out`
  EarlyStopping stopping_;
  double logit_limit_ = 0;
  LossBalance balance_;
  std::vector<ValidationRound> rounds_;
};

}  // namespace blindtuner::party
