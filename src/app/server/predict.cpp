// blindtuner-server predict: encrypted scores of an encrypted data set under an encrypted model.
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>

#include "app/common/options.h"
#include "app/common/report.h"
#include "app/server/server.h"
#include "app/server/server_files.h"
#include "base/disk.h"
#include "base/path.h"
#include "base/quantity.h"
#include "base/stopwatch.h"
#include "party/server/scoring.h"
#include "records/dataset.h"
#include "records/model.h"
#include "records/scores.h"

namespace blindtuner::app {
namespace {

struct PredictOptions {
  std::string keys, model, data, out;
};

void run_predict(const CommonOptions& common, const PredictOptions& options) {
  const Stopwatch total;
  const TrainingKeysInfo info = open_training_keys(options.keys, common.allow_insecure);
  refuse_secret_key(options.model);
  const ModelFile model = read_model(options.model, info.set);
  const auto data = open_dataset(options.data, info.set, common.quiet);
  const ServerKeysPtr keys = open_keys_of(options.keys, info.set, common.quiet);
  const Stopwatch scoring;
  const ScoresFile scores = score(*keys, model, *data);
  const double scoring_seconds = scoring.seconds();
  write_scores(options.out, info.set, scores);

  const ProductLayout& l = data->data.layout;
  const nlohmann::json report = {
      {"samples", l.samples},
      {"features", l.features - 1},
      {"classes", l.classes},
      {"seconds", {{"scoring", scoring_seconds}, {"total", total.seconds()}}},
      {"peak_memory_bytes", peak_memory()},
      {"bytes", {{"upload", file_bytes(options.data)}, {"scores", file_bytes(options.out)}}},
  };
  std::ostringstream text;
  text << "scores of " << l.samples << " samples in " << duration_text(scoring_seconds) << "; in '"
       << options.out << "' (" << bytes_text(static_cast<double>(file_bytes(options.out))) << ")\n";
  print_report(common, report, text.str());
}

}  // namespace

void add_predict(Program& program) {
  program.add_command(
      "predict", "score an encrypted data set under an encrypted model; the scores stay encrypted",
      [&](Command& command) -> std::function<void()> {
        auto o = std::make_shared<PredictOptions>();
        command.add_option("--keys", o->keys, "the owner's evaluation.keys").required();
        command.add_option("--model", o->model, "the encrypted model").required();
        command.add_option("--data", o->data, "the encrypted data set").required();
        add_output_file(command, "--out", o->out, "where the encrypted scores go").required();
        return [&program, o] { run_predict(program.options(), *o); };
      });
}

}  // namespace blindtuner::app
