// blindtuner-server train: gradient steps on an encrypted data set.
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>

#include "app/common/config_file.h"
#include "app/common/options.h"
#include "app/common/progress.h"
#include "app/common/report.h"
#include "app/server/server.h"
#include "app/server/server_files.h"
#include "app/server/validation.h"
#include "base/atomic_file.h"
#include "base/error.h"
#include "base/file_lock.h"
#include "base/json.h"
#include "base/parallel.h"
#include "base/path.h"
#include "base/quantity.h"
#include "learn/encrypted_trainer.h"
#include "plan/forecast.h"
#include "records/checkpoint.h"
#include "records/dataset.h"
#include "records/model.h"
#include "records/training_keys.h"

namespace blindtuner::app {
using namespace plan;
namespace {

struct TrainOptions {
  std::string keys, data, out, config, checkpoint, report;
  std::string softmax = "default";
  double range = 0;
  bool resume = false, restart = false;
  ValidationOptions validation;
};

std::filesystem::path checkpoint_of(const TrainOptions& options) {
  return options.checkpoint.empty() ? std::filesystem::path()
                                    : std::filesystem::path(options.checkpoint) / "checkpoint.enc";
}

/// A report that nobody has named may take the place of one of this command and of nothing else: the owner's
/// has the same name. Throws DataError.
void require_replaceable_report(const std::filesystem::path& path) {
  if (!path_exists(path)) return;
  bool is_ours = false;
  try {
    const nlohmann::json report = read_json(path);
    is_ours = report.is_object() && report.contains("seconds_per_step");
  } catch (const DataError&) {
    is_ours = false;
  }
  if (!is_ours)
    throw DataError(quoted_path(path) +
                    ": is no report of 'train', which would write its own there; name another file "
                    "with --report");
}

std::filesystem::path report_of(const TrainOptions& options) {
  if (!options.report.empty()) return options.report;
  return std::filesystem::path(options.out).parent_path() / "report.json";
}

void check_checkpoint(const std::string& name, const CheckpointFile& checkpoint,
                      const DatasetInfo& data, const TrainingConfig& config,
                      const SoftmaxCircuit& circuit) {
  if (checkpoint.data != data.id || !(checkpoint.layout == data.layout))
    throw DataError(name + ": belongs to another data set");
  if (!(checkpoint.training.config == config) || checkpoint.training.circuit != circuit.name)
    throw DataError(name + ": was made with another training configuration");
}

nlohmann::json step_json(int step, const StepTimes& times) {
  nlohmann::json out = to_json(times);
  out.update({{"step", step}, {"seconds", times.total()}});
  return out;
}

void train(const CommonOptions& common, const TrainOptions& options) {
  if (options.resume && options.checkpoint.empty())
    throw DataError("--resume needs --checkpoint, the folder to resume from");
  if (options.validation.data.empty() != options.validation.exchange.empty())
    throw DataError(
        "--validation and --exchange go together: the encrypted validation set, and "
        "the folder that 'blindtuner validate' watches");
  const std::filesystem::path checkpoint = checkpoint_of(options);
  if (!options.resume && !options.restart && !checkpoint.empty() && path_exists(checkpoint))
    throw DataError(quoted_path(checkpoint) +
                    ": is the checkpoint of an earlier run; --resume goes on from it, --restart "
                    "begins anew and writes over it");
  const std::filesystem::path report_path = report_of(options);
  const Stopwatch total;
  // What can be refused at once is refused before gigabytes are read.
  if (options.report.empty()) require_replaceable_report(report_path);
  check_writable(report_path);
  const TrainingKeysInfo info = open_training_keys(options.keys, common.allow_insecure);
  const TrainingConfig config =
      read_training_config(options.config, static_cast<int>(info.layout.classes));
  if (static_cast<std::size_t>(config.classes) != info.layout.classes)
    throw DataError("the configuration has " + std::to_string(config.classes) +
                    " classes, the keys were made for " + std::to_string(info.layout.classes));
  const SoftmaxCircuit& circuit =
      find_softmax_circuit(options.softmax, config.classes, options.range);
  // Of two runs with one output the first one's would be lost.
  const std::filesystem::path out = options.out;
  const FileLock alone(out.has_parent_path() ? out.parent_path() : ".", out.filename().string());
  FileLock folder;
  if (!checkpoint.empty()) folder = make_locked_folder(checkpoint.parent_path(), "train");
  DatasetFile data = open_dataset(options.data, info.set, common.quiet);
  EncryptedTrainer::check(*info.set.parameters, data.data.layout, config, circuit);
  // The built-in costs are the standard set's.
  if (!common.quiet && !info.set.parameters->insecure())
    std::fprintf(stderr, "%s\n",
                 to_line(make_forecast({info.set.parameters, data.data.layout, config, &circuit},
                                       reference_unit_costs(max_threads())))
                     .c_str());
  const double data_seconds = total.seconds();

  const Stopwatch keys_watch;
  ProgressBar keys_bar("reading keys", common.quiet);
  const TrainingKeys keys =
      read_training_keys(options.keys, info.set, [&](double f) { keys_bar.update(f); });
  keys_bar.finish();
  const double keys_seconds = keys_watch.seconds();

  const ParametersPtr parameters = info.set.parameters;
  const Stopwatch preparing;
  const Bootstrapper bootstrapper(
      parameters, EncryptedTrainer::bootstrap_shape(*parameters, data.data.layout, config));
  require_fit(options.keys, keys, *parameters, bootstrapper);
  EncryptedTrainer trainer(parameters, bootstrapper, data.data, keys, config, circuit);
  RunId run = fresh_key_id();
  if (options.resume && path_exists(checkpoint)) {
    CheckpointFile kept = read_checkpoint(checkpoint, info.set);
    check_checkpoint(quoted_path(checkpoint), kept, data.info, config, circuit);
    run = kept.run;
    trainer.restore(std::move(kept.gradients));
  }
  std::optional<ValidationRounds> validation;
  if (!options.validation.data.empty())
    validation.emplace(options.validation, info.set, keys, run, trainer.done() > 0, common.quiet);
  const double preparing_seconds = preparing.seconds();

  const int resumed_at = trainer.done(), steps = trainer.steps();
  nlohmann::json step_reports = nlohmann::json::array();
  const auto state = [&] { return TrainingState{trainer.done(), config, circuit.name}; };
  const auto go_on = [&] {
    return !validation || validation->go_on(trainer, data.info.id, state());
  };
  // What was interrupted may have been the wait for an answer.
  bool stopped = resumed_at > 0 && !go_on();
  ProgressBar bar("training", common.quiet);
  while (trainer.done() < steps && !stopped) {
    const int step = trainer.done();
    bar.note("step " + std::to_string(step + 1) + " of " + std::to_string(steps));
    auto show = [&](double fraction) {
      bar.update((step - resumed_at + fraction) / (steps - resumed_at));
    };
    show(0);
    const StepTimes times = trainer.step(show);
    step_reports.push_back(step_json(step, times));
    if (!checkpoint.empty())
      write_checkpoint(checkpoint, info.set, data.data.layout, data.info.id, run, state(),
                       trainer.gradients());
    stopped = !go_on();
  }
  bar.finish();

  write_model(options.out, info.set, {trainer.model(), data.info.id, state()});

  const ProductLayout& l = data.data.layout;
  const nlohmann::json report = {
      {"samples", l.samples},
      {"features", l.features - 1},
      {"classes", l.classes},
      {"batch", config.batch_size},
      {"steps", trainer.done()},
      {"steps_planned", steps},
      {"stopped_early", stopped},
      {"resumed_at_step", resumed_at},
      {"softmax", circuit.name},
      {"config", to_json(config)},
      {"seconds",
       {{"reading_data", data_seconds},
        {"reading_keys", keys_seconds},
        {"preparing", preparing_seconds},
        {"training", bar.seconds()},
        {"total", total.seconds()}}},
      {"seconds_per_step", step_reports},
      {"validation_rounds", validation ? validation->report() : nlohmann::json::array()},
      {"peak_memory_bytes", peak_memory()},
      {"bytes",
       {{"evaluation_keys", file_bytes(options.keys)},
        {"upload", file_bytes(options.data)},
        {"upload_validation", validation ? validation->upload_bytes() : 0},
        {"model", file_bytes(options.out)}}},
      {"parameters", parameters_report(*parameters)},
  };
  write_file_atomically(report_path, json_text(report, 2) + "\n");
  std::ostringstream text;
  text << trainer.done() << (stopped ? " steps (stopped by the owner) on " : " steps on ")
       << l.samples << " samples in " << duration_text(bar.seconds()) << "; encrypted model in '"
       << options.out << "' (" << bytes_text(static_cast<double>(file_bytes(options.out))) << ")\n";
  print_report(common, report, text.str());
}

}  // namespace

void add_train(Program& program) {
  program.add_command(
      "train", "train a classifier on an encrypted data set; the model stays encrypted",
      [&](CLI::App& command) -> std::function<void()> {
        auto o = std::make_shared<TrainOptions>();
        command.add_option("--keys", o->keys, "the owner's evaluation.keys")->required();
        command.add_option("--data", o->data, "the encrypted data set")->required();
        add_output_file(command, "--out", o->out, "where the encrypted model goes")->required();
        command.add_option("--config", o->config,
                           "JSON: steps, batch_size, learning_rate, .. (docs/TRAINING.md)");
        command.add_option("--checkpoint", o->checkpoint,
                           "folder for a checkpoint after every step");
        auto* resume =
            command.add_flag("--resume", o->resume, "go on from the checkpoint, if there is one");
        command
            .add_flag("--restart", o->restart,
                      "begin anew and write over the checkpoint, if there is one")
            ->excludes(resume);
        command.add_option("--validation", o->validation.data,
                           "the encrypted validation set, for early stopping");
        command.add_option("--exchange", o->validation.exchange,
                           "folder where rounds of validation meet the owner's answers");
        add_number(command, "--answer-timeout", o->validation.timeout,
                   "seconds to wait for the owner's answer to a round", 0, kMaxTimeout)
            ->capture_default_str();
        command.add_option("--softmax", o->softmax,
                           "family of softmax circuits: default, guaranteed, wide, sigmoid");
        add_range_option(command, o->range);
        add_output_file(command, "--report", o->report,
                        "where the JSON report goes (report.json beside the model)");
        program.also_writes(command, [o]() -> std::vector<std::filesystem::path> {
          std::vector<std::filesystem::path> also;
          if (o->report.empty()) also.push_back(report_of(*o));
          if (!o->checkpoint.empty()) also.push_back(checkpoint_of(*o));
          return also;
        });
        return [&program, o] { train(program.options(), *o); };
      });
}

}  // namespace blindtuner::app
