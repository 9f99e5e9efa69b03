// The server's side of early stopping: encrypted scores go out, one bit comes back.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "base/error.h"
#include "party/server/server_keys.h"
#include "party/server/training_events.h"
#include "records/dataset.h"
#include "records/model.h"
#include "transport/channel.h"

namespace blindtuner::party {
using namespace records;
using namespace transport;

/// How an owner takes part in a run of training.
struct Validation {
  std::shared_ptr<Channel> channel;         ///< to the owner
  std::shared_ptr<const DatasetFile> data;  ///< the encrypted validation set
  double timeout = 3600;                    ///< seconds to wait for an answer: 0 to kMaxTimeout
};

/// No answer came in time: the run can be taken up again where it stands.
class NoAnswer : public DataError {
 public:
  using DataError::DataError;
};

/// A round that was asked and, unless it was the last, answered.
struct AskedRound {
  int round = 0;  ///< from 1
  int steps = 0;  ///< done before it
  double scoring_seconds = 0, waiting_seconds = 0;
  bool stop = false;  ///< the answer
};

/// Rounds of one run of training. Each is a record: the model after so many steps and its scores of the
/// validation set, so that the owner can keep the best model and the server need not know which one that is.
class ValidationRounds {
 public:
  /// `due`: the steps after which there is a round, rising. Throws DataError when the data does not fit
  /// the keys, when there are more than kMaxRounds rounds, and when the channel holds rounds or answers
  /// although the run is a new one; ContractError for what is null or out of range.
  ValidationRounds(ServerKeysPtr keys, Validation validation, std::vector<int> due,
                   const RunId& run, bool resumed);

  bool due_after(int steps) const;
  /// Sends the round that is due with this model and waits for its answer, unless it is the last one. A round
  /// that was asked before the run was interrupted is asked again, with the same bits. Empty when the
  /// wait was called off. Throws NoAnswer, and DataError for what is no answer to it.
  std::optional<AskedRound> ask(ModelFile model, const TrainingEvents& events);

 private:
  std::optional<bool> wait_for_answer(int round, const TrainingEvents& events);

  ServerKeysPtr keys_;
  Validation validation_;
  std::vector<int> due_;
  RunId run_;
};

}  // namespace blindtuner::party
