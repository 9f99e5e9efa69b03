// The server's part in a study's training, once the keys are there: phases that follow those of set-up (study_server.h).
//
// What it says and sends: "model", of "model-file"; "transcript", what it has computed step by step, signed
// (records/transcript.h); "decryptors", where fewer than all open the model, the first so many who are there. In its folder's
// sN: these records, and checkpoint.enc, with which any step is computed again by itself, and checkpoint.of, of whose data it is. In a round of validation "scores-R-I"
// (party/study/rounds.h), and what it says and sends at the end is of the step that the votes give.
#pragma once

#include <map>
#include <memory>

#include "party/server/audit.h"
#include "party/server/study/study_server.h"
#include "party/server/training_events.h"
#include "party/server/training_session.h"
#include "records/study/joint_run.h"

namespace blindtuner::party {

class StudyServerTraining {
 public:
  /// Adds its phases to the server's, which must live as long.
  explicit StudyServerTraining(StudyServer& server, TrainingEvents events = {});
  StudyServerTraining(const StudyServerTraining&) = delete;
  StudyServerTraining& operator=(const StudyServerTraining&) = delete;

 private:
  std::vector<Phase> phases();
  bool sent(const char* record_kind, const char* commit_kind);
  void send(const char* record_kind, const char* commit_kind,
            const std::function<Sha256Digest(ByteSink&)>& write);
  /// Of the round that is under way.
  bool sent_scores(const JointRun& run, int round);
  void ask(const JointRun& run, int round);
  void hold_checkpoint();
  TrainingSession& session(const JointRun& run);
  void train();
  void name_decryptors();

  StudyServer& server_;
  TrainingEvents events_;
  // While it is at work: a round does not read keys and data again.
  std::unique_ptr<TrainingSession> session_;
  std::map<std::size_t, std::shared_ptr<const DatasetFile>> held_out_;  // by owner
};

/// What an audit of the study's training takes, out of the exchange alone: the transcript that the server has sent, once it has, the owners'
/// data, what the rounds of validation have been asked with so far, and the keys of all, which are made again of what the owners have
/// sent (in the party's folder, where they are read and removed). Each is held against what was said of it. A checkpoint in the folder, if
/// it is there, spares steps. It is of the first session that has a transcript, or of the newest. Throws DataError where there is
/// nothing to audit yet.
AuditTask study_audit(StudyServer& server);

}  // namespace blindtuner::party
