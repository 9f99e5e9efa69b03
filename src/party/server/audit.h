// Training is deterministic: whoever has what a server had computes any of its steps again and compares with what
// the server's transcript says.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "party/server/server_keys.h"
#include "party/server/training_events.h"
#include "records/checkpoint.h"
#include "records/dataset.h"
#include "records/transcript.h"

namespace blindtuner::party {
using namespace records;

/// All of a transcript that is settled before the first step.
Transcript transcript_begin(const ServerKeys& keys, const DatasetFile& data,
                            const TrainingState& training);

/// Scores that the server has given of these rows by the model after so many steps.
struct AuditedScores {
  int round = 0, steps = 0;
  std::shared_ptr<const DatasetFile> rows;
  Sha256Digest contents{};  ///< of their record
  std::string name;         ///< for messages
};

struct AuditTask {
  ServerKeysPtr keys;
  std::shared_ptr<const DatasetFile> data;
  /// Of no steps where the server has not written one yet: then scores are all that is looked at.
  Transcript transcript;
  /// By rising steps, also beyond the transcript's. Computed again where all steps are.
  std::vector<AuditedScores> scores;
  /// A checkpoint of the run. With it a step is computed by itself; without it, all before it, too.
  std::optional<CheckpointFile> kept;
  std::vector<int> steps;  ///< from 1, rising; none: all
};

struct AuditOutcome {
  std::vector<int> same;       ///< steps that were computed again and are the transcript's, from 1
  std::optional<int> differs;  ///< the first that is not; none was computed after it
  /// Whether the model is the one that follows from the steps; not known unless all of them were at hand.
  std::optional<bool> model;
  int same_rounds = 0;  ///< all of whose scores were computed again and are the server's
  /// Name of the first scores that are not; nothing was computed after them.
  std::optional<std::string> other_scores;
  /// Contents of the records that were computed again and are the server's: of scores and, where every step was and is
  /// the transcript's, of the model, with the transcript's digest (transcript_digest()).
  std::vector<Sha256Digest> audited;
};

/// Throws DataError where keys, data or checkpoint are not what the transcript says, or has no such step, and what the
/// events throw (TrainingEvents::stop is not asked); ContractError for what is null, or steps that do not rise.
AuditOutcome audit(AuditTask task, const TrainingEvents& events = {});

/// Throws DataError that names what was wrong, or, of these digests, the first that is not among what was audited: an audit that
/// finds nothing wrong has looked at what was there, not at what somebody means to go by. transcript: its name, for messages.
void require_audited(const AuditOutcome& outcome, const std::string& transcript,
                     std::span<const Sha256Digest> digests);

}  // namespace blindtuner::party
