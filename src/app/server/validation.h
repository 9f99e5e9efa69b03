// The server's side of early stopping: encrypted scores go out, one bit comes back.
#pragma once

#include <nlohmann/json.hpp>

#include "base/file_lock.h"
#include "learn/encrypted_trainer.h"
#include "records/dataset.h"
#include "records/training_state.h"

namespace blindtuner::app {
using namespace records;

struct ValidationOptions {
  std::string data;       ///< the encrypted validation set; empty: no validation
  std::string exchange;   ///< folder that the owner sees too
  double timeout = 3600;  ///< seconds to wait for an answer
};

/// Rounds of one run of training. Each is a file in the exchange folder: the model after so many
/// steps and its scores of the validation set, so that the owner can keep the best model and the
/// server need not know which one that is.
class ValidationRounds {
 public:
  /// Everything must outlive this. Throws DataError when the data does not fit the keys, when
  /// another server is at work in the folder, and when it holds rounds or answers although the run
  /// is a new one.
  ValidationRounds(const ValidationOptions& options, const KeySet& set, const TrainingKeys& keys,
                   const RunId& run, bool resumed, bool quiet);

  /// If a round is due after the trainer's steps: writes it and waits for its answer, unless it is
  /// the last one. Whether to go on. A round that was asked before the run was interrupted is asked
  /// again, with the same bits. Throws DataError when no answer comes in time or it is not one.
  bool go_on(const EncryptedTrainer& trainer, const DataId& data, const TrainingState& training);

  const nlohmann::json& report() const { return report_; }
  std::uint64_t upload_bytes() const;

 private:
  bool wait_for_answer(int round);

  const ValidationOptions& options_;
  const KeySet& set_;
  const TrainingKeys& keys_;
  RunId run_;
  bool quiet_;
  FileLock lock_;
  DatasetFile data_;
  nlohmann::json report_ = nlohmann::json::array();
};

}  // namespace blindtuner::app
