// blindtuner-server train: gradient steps on an encrypted data set.
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>

#include "app/common/config_file.h"
#include "app/common/head_options.h"
#include "app/common/options.h"
#include "app/common/progress.h"
#include "app/common/report.h"
#include "app/server/server.h"
#include "app/server/server_files.h"
#include "base/atomic_file.h"
#include "base/disk.h"
#include "base/error.h"
#include "base/file_lock.h"
#include "base/json.h"
#include "base/parallel.h"
#include "base/path.h"
#include "base/quantity.h"
#include "base/stopwatch.h"
#include "party/server/training_session.h"
#include "plan/forecast.h"
#include "transport/folder/folder_channel.h"

namespace blindtuner::app {
using namespace plan;
using namespace party;
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

struct TrainOptions {
  std::string keys, data, out, config, checkpoint, report, validation, exchange, transcript,
      signing_key;
  HeadOptions head;
  double timeout = 3600;  // seconds
  bool resume = false, restart = false;
};

fs::path checkpoint_of(const TrainOptions& options) {
  return options.checkpoint.empty() ? fs::path() : fs::path(options.checkpoint) / "checkpoint.enc";
}

/// A report that nobody has named may take the place of one of this command and of nothing else: the owner's
/// has the same name. Throws DataError.
void require_replaceable_report(const fs::path& path) {
  if (!path_exists(path)) return;
  bool is_ours = false;
  try {
    const json report = read_json(path);
    is_ours = report.is_object() && report.contains("seconds_per_step");
  } catch (const DataError&) {
    is_ours = false;
  }
  if (!is_ours)
    throw DataError(quoted_path(path) +
                    ": is no report of 'train', which would write its own there; name another file "
                    "with --report");
}

fs::path report_of(const TrainOptions& options) {
  if (!options.report.empty()) return options.report;
  return fs::path(options.out).parent_path() / "report.json";
}

// What can be refused at once is refused before gigabytes are read.
void check_options(const TrainOptions& options) {
  if (options.validation.empty() != options.exchange.empty())
    throw DataError(
        "--validation and --exchange go together: the encrypted validation set, and "
        "the folder that 'blindtuner validate' watches");
  if (options.transcript.empty() != options.signing_key.empty())
    throw DataError(
        "--transcript and --signing-key go together: what the server says it computed, and the key "
        "that "
        "it signs this with");
  const fs::path checkpoint = checkpoint_of(options);
  if (!options.resume && !options.restart && !checkpoint.empty() && path_exists(checkpoint))
    throw DataError(quoted_path(checkpoint) +
                    ": is the checkpoint of an earlier run; --resume goes on from it, --restart "
                    "begins anew and writes over it");
  if (options.report.empty()) require_replaceable_report(report_of(options));
  check_writable(report_of(options));
}

TrainingConfig config_for(const TrainOptions& options, const TrainingKeysInfo& keys) {
  TrainingConfig config = read_training_config(
      options.config, static_cast<int>(keys.layout.classes), options.head.head);
  require_classes(config, keys.layout.classes);
  return config;
}

// Of two runs with one output, or one checkpoint, the first one's would be lost.
struct TrainFiles {
  explicit TrainFiles(const TrainOptions& options) : out(lock_file(options.out)) {
    if (options.checkpoint.empty()) return;
    make_folder(options.checkpoint);
    checkpoints = std::make_shared<CheckpointInFile>(checkpoint_of(options));
  }
  FileLock out;
  std::shared_ptr<CheckpointStore> checkpoints;
};

void print_forecast(const CommonOptions& common, const ParametersPtr& parameters,
                    const TrainingTask& task) {
  if (common.quiet || !has_reference_costs(parameters->literal().name)) return;
  const Forecast forecast =
      make_forecast({parameters, task.data->data.layout, task.config, task.circuit},
                    reference_unit_costs(max_threads()));
  std::fprintf(stderr, "%s\n", to_line(forecast).c_str());
}

/// A run on the terminal: bars for the steps and for every wait.
class TrainBars {
 public:
  TrainBars(const TrainOptions& options, const TrainingSession& session, bool quiet)
      : exchange_(quoted_path(options.exchange)),
        first_(session.done()),
        steps_(session.steps()),
        quiet_(quiet),
        training_("training", quiet) {}

  TrainingEvents events() {
    TrainingEvents out;
    out.training = [this](int step, double fraction) { show_training(step, fraction); };
    out.waiting = [this](int round, double fraction) { show_waiting(round, fraction); };
    return out;
  }
  void finish() {
    end_wait();
    training_.finish();
  }
  double seconds() const { return training_.seconds(); }

 private:
  void show_training(int step, double fraction) {
    end_wait();
    training_.note("step " + std::to_string(step + 1) + " of " + std::to_string(steps_));
    training_.update((step - first_ + fraction) / (steps_ - first_));
  }
  void show_waiting(int round, double fraction) {
    if (!waiting_) {
      waiting_.emplace("waiting for the owner", quiet_);
      waiting_->note("round " + std::to_string(round) + " in " + exchange_);
    }
    waiting_->update(fraction);
  }
  void end_wait() {
    if (waiting_) waiting_->finish();
    waiting_.reset();
  }

  std::string exchange_;
  int first_, steps_;
  bool quiet_;
  ProgressBar training_;
  std::optional<ProgressBar> waiting_;
};

/// What the report tells besides the outcome.
struct TrainSeconds {
  double data = 0, keys = 0, preparing = 0, training = 0, total = 0;
};

TrainingOutcome run(TrainingSession& session, const TrainOptions& options, bool quiet,
                    TrainSeconds& seconds) {
  TrainBars bars(options, session, quiet);
  try {
    TrainingOutcome outcome = session.run(bars.events());
    bars.finish();
    seconds.training = bars.seconds();
    return outcome;
  } catch (const NoAnswer& error) {
    throw DataError(std::string(error.what()) +
                    ", which 'blindtuner validate' writes; with --checkpoint, --resume goes on "
                    "from here");
  }
}

json steps_report(const TrainingOutcome& outcome) {
  json out = json::array();
  int step = outcome.resumed_at;
  for (const StepTimes& times : outcome.steps) {
    out.push_back(to_json(times));
    out.back().update({{"step", step++}, {"seconds", times.total()}});
  }
  return out;
}

json rounds_report(const TrainingOutcome& outcome) {
  json out = json::array();
  for (const AskedRound& round : outcome.rounds)
    out.push_back({{"round", round.round},
                   {"steps", round.steps},
                   {"scoring", round.scoring_seconds},
                   {"waiting", round.waiting_seconds},
                   {"stop", round.stop}});
  return out;
}

json train_report(const TrainOptions& options, const TrainingSession& session,
                  const TrainingOutcome& outcome, const TrainSeconds& seconds) {
  const TrainingTask& task = session.task();
  const ProductLayout& l = task.data->data.layout;
  return {
      {"samples", l.samples},
      {"features", l.features - 1},
      {"classes", l.classes},
      {"batch", task.config.batch_size},
      {"steps", session.done()},
      {"steps_planned", session.steps()},
      {"stopped_early", outcome.end == TrainingEnd::kStoppedByOwner},
      {"resumed_at_step", outcome.resumed_at},
      {"softmax", task.circuit->name},
      {"config", to_json(task.config)},
      {"seconds",
       {{"reading_data", seconds.data},
        {"reading_keys", seconds.keys},
        {"preparing", seconds.preparing},
        {"training", seconds.training},
        {"total", seconds.total}}},
      {"seconds_per_step", steps_report(outcome)},
      {"validation_rounds", rounds_report(outcome)},
      {"peak_memory_bytes", peak_memory()},
      {"bytes",
       {{"evaluation_keys", file_bytes(options.keys)},
        {"upload", file_bytes(options.data)},
        {"upload_validation", options.validation.empty() ? 0 : file_bytes(options.validation)},
        {"model", file_bytes(options.out)}}},
      {"parameters", parameters_report(*task.keys->set.parameters)},
  };
}

std::string train_text(const TrainOptions& options, const TrainingSession& session,
                       const TrainingOutcome& outcome, const TrainSeconds& seconds) {
  const bool stopped = outcome.end == TrainingEnd::kStoppedByOwner;
  std::ostringstream text;
  text << session.done() << (stopped ? " steps (stopped by the owner) on " : " steps on ")
       << session.task().data->data.layout.samples << " samples in "
       << duration_text(seconds.training) << "; encrypted model in " << quoted_path(options.out)
       << " (" << bytes_text(static_cast<double>(file_bytes(options.out))) << ")\n";
  return text.str();
}

void train(const CommonOptions& common, const TrainOptions& options) {
  const Stopwatch total;
  TrainSeconds seconds;
  check_options(options);
  std::optional<SigningKey> signing_key;
  if (!options.signing_key.empty()) signing_key = signing_key_in(options.signing_key);
  const TrainingKeysInfo info = open_training_keys(options.keys, common.allow_insecure);
  TrainingTask task;
  task.config = config_for(options, info);
  task.circuit = &find_circuit(options.head.choice(task.config.head), task.config.classes);
  const TrainFiles files(options);
  task.checkpoints = files.checkpoints;
  task.data = open_dataset(options.data, info.set, common.quiet);
  EncryptedTrainer::check(*info.set.parameters, task.data->data.layout, task.config, *task.circuit);
  print_forecast(common, info.set.parameters, task);
  seconds.data = total.seconds();

  const Stopwatch reading_keys;
  task.keys = open_keys_of(options.keys, info.set, common.quiet);
  seconds.keys = reading_keys.seconds();

  const Stopwatch preparing;
  task.resume = options.resume;
  if (!options.validation.empty())
    task.validation =
        Validation{std::make_shared<FolderChannel>(options.exchange, "server"),
                   open_dataset(options.validation, info.set, common.quiet), options.timeout};
  TrainingSession session(std::move(task));
  seconds.preparing = preparing.seconds();

  const TrainingOutcome outcome = run(session, options, common.quiet, seconds);
  const Sha256Digest contents = write_model(options.out, info.set, session.model());
  if (signing_key)
    write_file_atomically(options.transcript,
                          transcript_text(session.transcript(contents), *signing_key));
  seconds.total = total.seconds();
  const json report = train_report(options, session, outcome, seconds);
  write_file_atomically(report_of(options), json_text(report, 2) + "\n");
  print_report(common, report, train_text(options, session, outcome, seconds));
}

}  // namespace

void add_train(Program& program) {
  program.add_command(
      "train", "train a classifier on an encrypted data set; the model stays encrypted",
      [&](Command& command) -> std::function<void()> {
        auto o = std::make_shared<TrainOptions>();
        command.add_option("--keys", o->keys, "the owner's evaluation.keys").required();
        command.add_option("--data", o->data, "the encrypted data set").required();
        add_output_file(command, "--out", o->out, "where the encrypted model goes").required();
        command.add_option("--config", o->config,
                           "JSON: steps, batch_size, learning_rate, .. (docs/TRAINING.md)");
        command.add_option("--checkpoint", o->checkpoint,
                           "folder for a checkpoint after every step");
        const Option resume =
            command.add_flag("--resume", o->resume, "go on from the checkpoint, if there is one");
        command
            .add_flag("--restart", o->restart,
                      "begin anew and write over the checkpoint, if there is one")
            .excludes(resume);
        command.add_option("--validation", o->validation,
                           "the encrypted validation set, for early stopping");
        command.add_option("--exchange", o->exchange,
                           "folder where rounds of validation meet the owner's answers");
        add_number(command, "--answer-timeout", o->timeout,
                   "seconds to wait for the owner's answer to a round", 0, kMaxTimeout)
            .show_default();
        add_output_file(command, "--transcript", o->transcript,
                        "where the signed digests of all steps go, for 'audit'");
        command.add_option("--signing-key", o->signing_key,
                           "the key that the transcript is signed with; made if there is none");
        add_head_options(command, o->head);
        add_output_file(command, "--report", o->report,
                        "where the JSON report goes (report.json beside the model)");
        command.need("--checkpoint", {"--resume", "--restart"});
        command.need("--exchange", {"--answer-timeout"});
        command.also_writes([o]() -> std::vector<std::filesystem::path> {
          std::vector<std::filesystem::path> also;
          if (o->report.empty()) also.push_back(report_of(*o));
          if (!o->checkpoint.empty()) also.push_back(checkpoint_of(*o));
          return also;
        });
        return [&program, o] { train(program.options(), *o); };
      });
}

}  // namespace blindtuner::app
