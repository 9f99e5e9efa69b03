// One run of training on ciphertexts, as a server does it: steps, a checkpoint after each, and rounds of
// validation. It knows no command line, no folder and no terminal.
#pragma once

#include <limits>
#include <memory>
#include <optional>
#include <vector>

#include "learn/encrypted_trainer.h"
#include "party/server/checkpoint_store.h"
#include "party/server/server_keys.h"
#include "party/server/training_events.h"
#include "party/server/validation_rounds.h"
#include "records/checkpoint.h"
#include "records/dataset.h"
#include "records/model.h"
#include "records/transcript.h"

namespace blindtuner::party {
using namespace learn;
using namespace records;
using namespace transport;

/// What a run is made of. It keeps alive all that it shares.
struct TrainingTask {
  ServerKeysPtr keys;
  std::shared_ptr<const DatasetFile> data;  ///< with labels
  TrainingConfig config;
  const HeadCircuit* circuit = nullptr;          ///< of the configuration's head
  std::shared_ptr<CheckpointStore> checkpoints;  ///< null: none are kept
  bool resume = false;  ///< go on from the last checkpoint, if there is one
  std::optional<Validation> validation;
  /// With `resume`: a checkpoint of other data or another configuration is replaced, not refused.
  bool replaces_others = false;
};

enum class TrainingEnd {
  kAllSteps,
  kStoppedByOwner,  ///< by an answer
  kCalledOff,       ///< by TrainingEvents::stop
};

/// What run() did.
struct TrainingOutcome {
  TrainingEnd end = TrainingEnd::kAllSteps;
  int resumed_at = 0;            ///< steps that were done before it
  std::vector<StepTimes> steps;  ///< those that it did
  std::vector<AskedRound> rounds;
};

class TrainingSession {
 public:
  /// Throws DataError when data, keys, configuration and circuit do not fit (EncryptedTrainer::check,
  /// require_fit), when the checkpoint is of another data set or configuration, and what
  /// ValidationRounds throws; ContractError when something that is needed is null.
  explicit TrainingSession(TrainingTask task);
  TrainingSession(const TrainingSession&) = delete;
  TrainingSession& operator=(const TrainingSession&) = delete;

  const TrainingTask& task() const { return task_; }
  int steps() const { return trainer_.steps(); }
  int done() const { return trainer_.done(); }

  /// Does the steps that are left and the rounds that are due after them: first that after the steps done
  /// before, whose answer may have been waited for when the run was interrupted. A step that is called off
  /// counts for nothing. May be called again, and goes on. Throws what the events throw, NoAnswer, and
  /// DataError where a checkpoint or a round cannot be written or an answer is none.
  /// `most`: steps to do at most; ends with kCalledOff where some are left. After an answer that stopped the run
  /// it does nothing more.
  TrainingOutcome run(const TrainingEvents& events = {},
                      int most = std::numeric_limits<int>::max());

  /// Goes back to where so many steps were done, 1 to done(), and keeps a checkpoint of that.
  void rewind(int steps);

  /// The model after the steps done so far: at least one, or ContractError.
  ModelFile model() const;
  /// What it computed, but for the server's name: its steps, and the model whose record has these contents. The
  /// same condition.
  Transcript transcript(const Sha256Digest& model) const;

 private:
  // Whether to go on.
  bool step(const TrainingEvents& events, TrainingOutcome& out);
  bool ask(const TrainingEvents& events, TrainingOutcome& out);
  void keep_checkpoint();
  CheckpointFile read_last(ByteSource& source) const;
  void restore(CheckpointFile kept, const std::string& name);
  TrainingState state() const { return {trainer_.done(), task_.config, task_.circuit->name}; }

  TrainingTask task_;
  Bootstrapper bootstrapper_;
  EncryptedTrainer trainer_;
  RunId run_;
  std::optional<ValidationRounds> rounds_;
  int settled_ = 0;       // steps whose round, if there is one, is answered
  bool stopped_ = false;  // by an answer
};

}  // namespace blindtuner::party
