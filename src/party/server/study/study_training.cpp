#include "party/server/study/study_training.h"

#include "base/error.h"
#include "base/path.h"
#include "io/file_stream.h"
#include "party/server/study/joint_data.h"
#include "party/server/training_session.h"
#include "party/study/study_run.h"
#include "records/study/sums.h"

namespace blindtuner::party {
namespace {

namespace fs = std::filesystem;

}  // namespace

StudyServerTraining::StudyServerTraining(StudyServer& server, TrainingEvents events)
    : server_(server), events_(std::move(events)) {
  server_.add_phases(phases());
}

std::vector<Phase> StudyServerTraining::phases() {
  const auto pooled = [this] { return pools_statistics(server_.manifest().draft); };
  const auto after_rows = [this](const char* record_kind, const char* commit_kind) {
    std::vector<Awaited> out = missing_of(server_, nullptr, kRows, false);
    return out.empty() ? missing_of(server_, record_kind, commit_kind, false) : out;
  };
  return {
      {"adds up the statistics of all", [=, this] { return !pooled() || sent(kSumsRecord, kSums); },
       [=] { return after_rows(kStatsRecord, kStatsCommit); }, [this] { add_up(); }},
      {"trains", [this] { return sent(kModelRecord, kModel); },
       [=] { return after_rows(kDataRecord, kDataCommit); }, [this] { train(); }},
  };
}

bool StudyServerTraining::sent(const char* record_kind, const char* commit_kind) {
  return server_.exchange().said(server_.record(commit_kind, server_.name())) &&
         server_.exchange().channel().begun(server_.record(record_kind, server_.name()));
}

void StudyServerTraining::send(const char* record_kind, const char* commit_kind,
                               const std::function<Sha256Digest(ByteSink&)>& write) {
  const fs::path file = server_.session_folder() / record_kind;
  if (!path_exists(file)) {
    FileSink sink(file);
    (void)write(sink);
  }
  server_.exchange().say(server_.record(commit_kind, server_.name()), [&] {
    return signed_text(commitment(server_, commit_kind, file), server_.signing_key());
  });
  server_.exchange().send_file(server_.record(record_kind, server_.name()), file);
}

void StudyServerTraining::add_up() {
  send(kSumsRecord, kSums, [&](ByteSink& sink) {
    const JointRun run = study_run(server_);
    FileSource keys(server_.way_in_keys());
    const std::vector<KeySwitchKey> way_in = read_way_in_keys(keys, run.joint, run.owners());
    EncryptedSums sum{run.statistics(), {}};
    const std::vector<std::string>& owners = server_.manifest().draft.owners;
    for (std::size_t i = 0; i < owners.size(); ++i)
      read_record_of(server_, kStatsRecord, kStatsCommit, owners[i], [&](ByteSource& source) {
        return take_statistics(sum, source, run, i, way_in[i]);
      });
    return write_sums(sink, run.joint, run.data, sum);
  });
}

void StudyServerTraining::train() {
  send(kModelRecord, kModel, [&](ByteSink& sink) {
    const JointRun run = study_run(server_);
    JointDataset data(run.arrangement);
    {
      FileSource keys(server_.way_in_keys());
      const std::vector<KeySwitchKey> way_in = read_way_in_keys(keys, run.joint, run.owners());
      const std::vector<std::string>& owners = server_.manifest().draft.owners;
      for (std::size_t i = 0; i < owners.size(); ++i)
        read_record_of(server_, kDataRecord, kDataCommit, owners[i], [&](ByteSource& source) {
          return take_contribution(data, source, run, i, way_in[i]);
        });
    }
    TrainingTask task;
    FileSource keys(server_.evaluation_keys());
    task.keys = load_keys(keys, run.joint);
    task.data = joint_data(std::move(data), run);
    task.config = run.config;
    task.circuit = run.circuit;
    const fs::path checkpoint = server_.session_folder() / "checkpoint.enc";
    task.checkpoints = std::make_shared<CheckpointInFile>(checkpoint);
    task.resume = true;
    TrainingSession session(std::move(task));
    if (session.run(events_).end != TrainingEnd::kAllSteps)
      throw DataError("the training was called off; it goes on from its last step");
    return write_model(sink, run.joint, session.model());
  });
  std::error_code ignored;
  fs::remove(server_.session_folder() / "checkpoint.enc", ignored);
}

}  // namespace blindtuner::party
