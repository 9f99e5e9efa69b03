// The server's part in a study's training, once the keys are there: phases that follow those of set-up (study_server.h).
//
// What it says and sends: "model", of "model-file"; "transcript", what it has computed step by step, signed
// (records/transcript.h); "decryptors", where fewer than all open the model, the first so many who are there. In its folder's
// sN: these records, and checkpoint.enc, with which any step is computed again by itself.
#pragma once

#include "party/server/audit.h"
#include "party/server/study/study_server.h"
#include "party/server/training_events.h"

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
  void train();
  void name_decryptors();

  StudyServer& server_;
  TrainingEvents events_;
};

/// What an audit of the study's training takes, out of the exchange alone: the transcript that the server has sent, the owners' data, and
/// the keys of all, which are made again in the folder `scratch` of what the owners have sent. Each is held against what was said of it.
/// A checkpoint in the server's folder, if it is there, spares steps. Throws DataError.
AuditTask study_audit(StudyServer& server, const std::filesystem::path& scratch);

}  // namespace blindtuner::party
