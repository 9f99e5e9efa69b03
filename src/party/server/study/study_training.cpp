#include "party/server/study/study_training.h"

#include <algorithm>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/file_lock.h"
#include "base/input_file.h"
#include "base/path.h"
#include "base/scratch_folder.h"
#include "io/file_stream.h"
#include "io/memory_stream.h"
#include "party/server/scoring.h"
#include "party/server/study/joint_data.h"
#include "party/study/rounds.h"
#include "records/scores.h"

namespace blindtuner::party {
namespace {

namespace fs = std::filesystem;

fs::path checkpoint_of(StudyServer& server) { return server.session_folder() / "checkpoint.enc"; }

struct Inputs {
  ServerKeysPtr keys;
  std::shared_ptr<const DatasetFile> data;
  std::map<std::size_t, std::shared_ptr<const DatasetFile>> held_out;
};
struct KeyFiles {
  fs::path evaluation, way_in;
};
// Keys as the server has said they are, data as their owners have.
Inputs inputs_of(StudyServer& server, const JointRun& run, const KeyFiles& files) {
  const StudyMessage ready = server.heard(kReady, server.name());
  const JsonIn said(ready.body, "what the server has said of its keys");
  const auto hold = [&](const fs::path& file, const Sha256Digest& contents, const char* name) {
    if (contents != hex_member<32>(said, name))
      throw DataError(quoted_path(file) + ": not the keys that the server has said it made");
  };
  JointDataset data(run.arrangement);
  Inputs out;
  {
    hold(files.way_in, contents_of_file(files.way_in), "way_in_keys");
    FileSource keys(files.way_in);
    const std::vector<KeySwitchKey> way_in = read_way_in_keys(keys, run.joint, run.owners());
    const std::vector<std::string>& owners = server.manifest().draft.owners;
    for (std::size_t i = 0; i < owners.size(); ++i)
      if (run.left_out(i))
        data.leave_out(i, *run.parameters);
      else
        read_record_of(server, kDataRecord, kDataCommit, owners[i], [&](ByteSource& source) {
          return take_contribution(data, source, run, i, way_in[i]);
        });
    for (const std::size_t i : voters(run)) {
      const JointRun rows = held_out_run(run, i);
      JointDataset held(rows.arrangement);
      read_record_of(server, kHeldOutRecord, kHeldOutCommit, owners[i], [&](ByteSource& source) {
        return take_contribution(held, source, rows, 0, way_in[i]);
      });
      out.held_out[i] = joint_data(std::move(held), rows);
    }
  }
  FileSource keys(files.evaluation);
  out.keys = load_keys(keys, run.joint);
  hold(files.evaluation, out.keys->contents, "evaluation_keys");
  out.data = joint_data(std::move(data), run, study_data_contents(server));
  return out;
}

/// Step by step as long as `holds`, and whether it does.
bool train_to(TrainingSession& session, int steps, const TrainingEvents& events,
              const std::function<bool()>& holds) {
  while (session.done() < steps) {
    if (!holds()) return false;
    const int before = session.done();
    (void)session.run(events, 1);
    if (session.done() == before)
      throw DataError("the training was called off; it goes on from its last step");
  }
  return holds();
}

bool always() { return true; }

}  // namespace

StudyServerTraining::StudyServerTraining(StudyServer& server, TrainingEvents events)
    : server_(server), events_(std::move(events)) {
  server_.add_phases(phases());
}

std::vector<Phase> StudyServerTraining::phases() {
  return {
      {"trains",
       [this] {
         return sent(kModelRecord, kModel) &&
                server_.exchange().said(server_.record(kTranscript, server_.name()));
       },
       [this] {
         std::vector<Awaited> out = missing_of(server_, nullptr, kRows, Stage::kRows);
         if (out.empty()) out = missing_of(server_, kDataRecord, kDataCommit, Stage::kData);
         if (!out.empty()) return out;
         const JointRun run = study_run(server_);
         std::vector<std::string> owners;
         for (const std::size_t place : voters(run))
           owners.push_back(server_.manifest().draft.owners[place]);
         out = missing_of(server_, kHeldOutRecord, kHeldOutCommit, owners);
         if (!out.empty()) return out;
         const Rounds now = rounds_of(server_, run);
         return now.over || !sent_scores(run, now.round()) ? out : missing_votes(server_, run);
       },
       [this] { train(); }},
      {"names who opens the model",
       [this] {
         return !server_.manifest().draft.by_threshold() ||
                server_.exchange().said(server_.record(kDecryptors, server_.name()));
       },
       [this] {
         return first_here(server_)
                    ? std::vector<Awaited>()
                    : missing_of(server_, nullptr, kHere, server_.manifest().draft.owners);
       },
       [this] { name_decryptors(); }},
  };
}

bool StudyServerTraining::sent(const char* record_kind, const char* commit_kind) {
  return server_.exchange().said(server_.record(commit_kind, server_.name())) &&
         server_.exchange().channel().begun(server_.record(record_kind, server_.name()));
}

void StudyServerTraining::send(const char* record_kind, const char* commit_kind,
                               const std::function<Sha256Digest(ByteSink&)>& write) {
  const fs::path file = server_.session_folder() / record_kind;
  // One that was not said yet may be of other data (session()).
  if (!path_exists(file) ||
      !server_.exchange().has_said(server_.record(commit_kind, server_.name()))) {
    FileSink sink(file);
    (void)write(sink);
  }
  server_.exchange().say(server_.record(commit_kind, server_.name()), [&] {
    return signed_text(commitment(server_, commit_kind, file), server_.signing_key());
  });
  server_.exchange().send_file(server_.record(record_kind, server_.name()), file);
}

bool StudyServerTraining::sent_scores(const JointRun& run, int round) {
  return std::ranges::all_of(voters(run), [&](std::size_t place) {
    return sent(scores_record(round, place).c_str(), scores_commit(round, place).c_str());
  });
}

/// A checkpoint says whose session its data are of, and not which of the owners': that is kept beside it. Others' goes.
void StudyServerTraining::hold_checkpoint() {
  const fs::path file = checkpoint_of(server_), record = server_.session_folder() / "checkpoint.of";
  const std::string contents = to_hex(study_data_contents(server_)) + "\n";
  if (path_exists(record)) {
    const std::vector<std::uint8_t> text = read_file(record, 1000);
    if (std::string(text.begin(), text.end()) == contents) return;
    remove_path(file);
  } else if (server_.manifest().draft.rate_by_batch) {  // others' configurations tell them apart
    remove_path(file);
  }
  write_file_atomically(record, contents);
}

TrainingSession& StudyServerTraining::session(const JointRun& run) {
  if (session_) return *session_;
  hold_checkpoint();
  Inputs inputs = inputs_of(server_, run, {server_.evaluation_keys(), server_.way_in_keys()});
  TrainingTask task;
  task.keys = std::move(inputs.keys);
  task.data = std::move(inputs.data);
  task.config = run.config;
  task.circuit = run.circuit;
  task.checkpoints = std::make_shared<CheckpointInFile>(checkpoint_of(server_));
  task.resume = true;
  // From before the others went on without an owner, whose data had reached this server alone.
  task.replaces_others = true;
  held_out_ = std::move(inputs.held_out);
  session_ = std::make_unique<TrainingSession>(std::move(task));
  return *session_;
}

// Asked again after it was killed it computes the same scores, bit for bit.
void StudyServerTraining::ask(const JointRun& run, int round) {
  TrainingSession& at_work = session(run);
  (void)train_to(at_work, run.rounds[static_cast<std::size_t>(round) - 1], events_, always);
  const ModelFile model = at_work.model();
  const ServerKeys& keys = *at_work.task().keys;
  for (const std::size_t place : voters(run))
    send(scores_record(round, place).c_str(), scores_commit(round, place).c_str(),
         [&](ByteSink& sink) {
           const DatasetFile& rows = *held_out_.at(place);
           return write_scores(sink, run.joint, score(keys, model, rows));
         });
}

void StudyServerTraining::train() {
  const fs::path transcript = server_.session_folder() / kTranscript;
  const std::optional<LeftOut> without = left_out(server_);
  const JointRun run = study_run(server_);
  if (const Rounds now = rounds_of(server_, run); !now.over) {
    ask(run, now.round());
    return;
  }
  const int steps = final_steps(server_, run);
  // What was begun with the data of somebody whom the others go on without by now begins anew.
  if (!server_.exchange().has_said(server_.record(kModel, server_.name())) &&
      !train_to(session(run), steps, events_, [&] { return left_out(server_) == without; })) {
    session_.reset();
    return;
  }
  send(kModelRecord, kModel, [&](ByteSink& sink) {
    TrainingSession& at_work = session(run);
    (void)train_to(at_work, steps, events_, always);
    at_work.rewind(steps);
    // First the transcript: once the model is said, nothing is computed again.
    const ModelFile model = at_work.model();
    MemorySink bytes;
    const Sha256Digest contents = write_model(bytes, run.joint, model);
    write_file_atomically(transcript,
                          transcript_text(at_work.transcript(contents), server_.signing_key()));
    return write_model(sink, run.joint, model);
  });
  session_.reset();
  held_out_.clear();
  server_.exchange().say(server_.record(kTranscript, server_.name()), [&] {
    const std::vector<std::uint8_t> text = read_file(transcript, kMaxTranscriptBytes);
    return std::string(text.begin(), text.end());
  });
}

void StudyServerTraining::name_decryptors() {
  const auto named = first_here(server_);
  if (!named)
    throw DataError("owners say that they are there for another model than the server has sent");
  server_.exchange().say(server_.record(kDecryptors, server_.name()), [&] {
    return signed_text({kDecryptors,
                        server_.name(),
                        server_.manifest().digest,
                        server_.session_number(),
                        {{"contents", to_hex(model_contents(server_))}, {"owners", *named}}},
                       server_.signing_key());
  });
}

namespace {

/// Of all rounds whose scores are there: those that are done, and the one that is under way.
std::vector<AuditedScores> scores_to_audit(
    StudyServer& server, const JointRun& run,
    const std::map<std::size_t, std::shared_ptr<const DatasetFile>>& held_out) {
  const Rounds now = rounds_of(server, run);
  const auto asked = [&](int round) {
    return std::ranges::all_of(voters(run), [&](std::size_t place) {
      return missing_of_server(server, scores_record(round, place).c_str(),
                               scores_commit(round, place).c_str())
          .empty();
    });
  };
  std::vector<AuditedScores> out;
  const int under_way = now.over || !asked(now.round()) ? 0 : 1;
  for (int round = 1; round <= static_cast<int>(now.done.size()) + under_way; ++round)
    for (const std::size_t place : voters(run)) {
      const std::string said = scores_commit(round, place);
      out.push_back({round, run.rounds[static_cast<std::size_t>(round) - 1], held_out.at(place),
                     said_digest(server, said.c_str(), server.name(), "contents"),
                     server.exchange().channel().place(server.record(said, server.name()))});
    }
  return out;
}

}  // namespace

AuditTask study_audit(StudyServer& server) {
  const auto trained = [&] { return missing_transcript(server).empty(); };
  const bool validates = server.manifest().draft.validate_every > 0;
  while (!trained() && server.newer_session()) server.enter_session(server.session_number() + 1);
  if (!trained() && (!validates || !missing_of(server, nullptr, kRows, Stage::kRows).empty()))
    throw DataError("there is no transcript yet: the study has not trained");
  // Several may audit at once, each in a folder of its own, which may be that of a server at work.
  const FileLock alone = make_locked_folder(server.exchange().folder(), "auditor");
  const ScratchFolder folder(server.exchange().folder() / ".audit");
  const fs::path& scratch = folder.path();
  // Of the shares that the owners have sent and committed to: keys of the server's own choice could give it anything.
  const KeyFiles made{scratch / "evaluation.keys", scratch / "way-in.keys"};
  const MadeStudyKeys sums = add_up_shares(server, made.evaluation, made.way_in);
  const StudyMessage ready = server.heard(kReady, server.name());
  const JsonIn said(ready.body, "what the server has said of its keys");
  if (sums.evaluation_keys != hex_member<32>(said, "evaluation_keys") ||
      sums.way_in_keys != hex_member<32>(said, "way_in_keys"))
    throw DataError(
        "the keys that 'server' has said it made are not the sum of what the owners have "
        "sent: it has trained under others");
  const JointRun run = study_run(server);
  AuditTask out;
  Inputs inputs = inputs_of(server, run, made);
  out.keys = std::move(inputs.keys);
  out.data = std::move(inputs.data);
  out.scores = scores_to_audit(server, run, inputs.held_out);
  if (trained()) {
    out.transcript = held_transcript(server, run).transcript;
  } else {
    if (out.scores.empty())
      throw DataError("there is no transcript yet, nor a round of validation: nothing to audit");
    out.transcript = transcript_begin(*out.keys, *out.data, {0, run.config, run.circuit->name});
    out.transcript.server = server.manifest().server.signing;
  }
  if (path_exists(checkpoint_of(server)))
    out.kept = read_checkpoint(checkpoint_of(server), run.joint);
  return out;
}

}  // namespace blindtuner::party
