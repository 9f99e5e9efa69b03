// blindtuner decrypt, evaluate: from an encrypted model or scores to predictions and their quality.
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>

#include "app/common/progress.h"
#include "app/common/report.h"
#include "app/owner/html_report.h"
#include "app/owner/owner.h"
#include "app/owner/quality.h"
#include "app/owner/steps.h"
#include "base/error.h"
#include "data/file_bytes.h"
#include "data/load.h"
#include "data/npy.h"
#include "secret/dataset_encryption.h"

namespace blindtuner {
namespace {

struct DecryptOptions {
  std::string model, scores, keys, out, whitening;
  bool publish = false;
};

void decrypt_command(const CommonOptions& common, const DecryptOptions& options) {
  if (options.model.empty() == options.scores.empty())
    throw DataError("decrypt takes one of --model and --scores");
  const OwnerFolder keys = open_keys(options.keys, common.allow_insecure);
  nlohmann::json report;
  std::ostringstream text;
  if (!options.scores.empty()) {
    const ScoresFile file = read_scores(options.scores, keys.set);
    const ProductLayout& l = file.scores.layout;
    std::vector<double> values = decrypt_scores(keys.keys.secrets, file.scores);
    if (options.publish) flood(values);
    const Eigen::MatrixXd all =
        Eigen::Map<const Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>(
            values.data(), static_cast<Eigen::Index>(l.samples),
            static_cast<Eigen::Index>(l.classes));
    write_npy(options.out, all);
    report = {{"samples", l.samples}, {"classes", l.classes}, {"max_logit", largest_logit(all)}};
    text << "scores of " << l.samples << " samples in '" << options.out << "'\n";
  } else {
    const ModelFile file = read_model(options.model, keys.set);
    LinearClassifier model = decrypt_classifier(keys.keys, file, options.publish);
    if (!options.whitening.empty()) {
      const Whitening whitening = Whitening::load(options.whitening);
      if (whitening.output_width() != static_cast<std::size_t>(model.weights.cols()))
        throw DataError(quoted_path(options.whitening) + ": a map to " +
                        std::to_string(whitening.output_width()) + " features, the model has " +
                        std::to_string(model.weights.cols()));
      model = whitening.unfold(model);
    }
    save_classifier(options.out, model);
    report = {{"classes", model.weights.rows()},
              {"features", model.weights.cols()},
              {"steps", file.training.steps},
              {"config", to_json(file.training.config)}};
    text << "model of " << model.weights.rows() << " classes and " << model.weights.cols()
         << " features after " << file.training.steps << " steps in '" << options.out << "'\n";
  }
  print_report(common, report, text.str());
}

struct EvaluateOptions {
  std::string model, scores, report;
  DataSource source;
};

Dataset load_for(const EvaluateOptions& options, int classes) {
  DataSource source = options.source;
  source.classes = classes;
  return load_dataset(source);
}

Labels labels_beside_scores(const EvaluateOptions& options, int classes) {
  if (options.source.labels.empty()) throw DataError("evaluate --scores needs --labels");
  Labels labels = load_labels(options.source);
  for (std::size_t i = 0; i < labels.size(); ++i)
    if (labels[i] < 0 || labels[i] >= classes)
      throw DataError(quoted_path(options.source.labels) + ": label " + std::to_string(labels[i]) +
                      " in row " + std::to_string(i) + ", expected 0 to " +
                      std::to_string(classes - 1));
  return labels;
}

void evaluate(const CommonOptions& common, const EvaluateOptions& options) {
  if (options.model.empty() == options.scores.empty())
    throw DataError("evaluate takes one of --model and --scores");
  Eigen::MatrixXd all;
  Labels labels;
  if (!options.scores.empty()) {
    all = read_npy_matrix(options.scores);
    if (all.cols() < 2)
      throw DataError(quoted_path(options.scores) + ": expected two classes or more");
    labels = labels_beside_scores(options, static_cast<int>(all.cols()));
    if (labels.size() != static_cast<std::size_t>(all.rows()))
      throw DataError(quoted_path(options.source.labels) + ": " + std::to_string(labels.size()) +
                      " labels for " + std::to_string(all.rows()) + " rows of scores");
  } else {
    if (options.source.features.empty()) throw DataError("evaluate --model needs --features");
    const LinearClassifier model = load_classifier(options.model);
    Dataset set = load_for(options, static_cast<int>(model.weights.rows()));
    if (set.width() != static_cast<std::size_t>(model.weights.cols()))
      throw DataError(quoted_path(options.source.features) + ": " + std::to_string(set.width()) +
                      " features, the model has " + std::to_string(model.weights.cols()));
    all = scores(model, set.features);
    labels = std::move(set.labels);
  }
  if (labels.empty()) throw DataError("no samples to evaluate");
  const nlohmann::json report = quality_report(all, labels);
  if (!options.report.empty()) write_reports(options.report, report);
  std::ostringstream text;
  text.precision(4);
  text << "accuracy " << 100 * report["accuracy"].get<double>() << " %, macro F1 "
       << report["macro_f1"].get<double>() << ", on " << labels.size() << " samples of "
       << all.cols() << " classes; largest |logit| " << largest_logit(all) << "\n";
  print_report(common, report, text.str());
}

}  // namespace

void add_decrypt(Program& program) {
  program.add_command(
      "decrypt", "decrypt a model or scores; share neither without --publish (docs/SECURITY.md)",
      [&](CLI::App& command) -> std::function<void()> {
        auto o = std::make_shared<DecryptOptions>();
        command.add_option("--model", o->model, "an encrypted model");
        command.add_option("--scores", o->scores, "encrypted scores");
        command.add_option("--keys", o->keys, "folder of the keys")->required();
        command.add_option("--out", o->out, "model: .npz or .json; scores: .npy")->required();
        command.add_option("--whitening", o->whitening,
                           "map made by 'whiten': the model is turned into one on raw features");
        command.add_flag("--publish", o->publish,
                         "add noise and round, so that the result may be shared without telling "
                         "about the secret key");
        return [&program, o] { decrypt_command(program.options(), *o); };
      });
}

void add_evaluate(Program& program) {
  program.add_command(
      "evaluate", "accuracy of a decrypted model, or of decrypted scores",
      [&](CLI::App& command) -> std::function<void()> {
        auto o = std::make_shared<EvaluateOptions>();
        command.add_option("--model", o->model, "a decrypted model, .npz or .json");
        command.add_option("--scores", o->scores, "decrypted scores, .npy");
        command.add_option("--features", o->source.features, "features: .npy, .npz, .csv or IDX");
        command
            .add_option("--features-member", o->source.features_member,
                        "name within an .npz archive")
            ->capture_default_str();
        command.add_option("--labels", o->source.labels, "labels: .npy, .npz, .csv or IDX");
        command
            .add_option("--labels-member", o->source.labels_member, "name within an .npz archive")
            ->capture_default_str();
        command
            .add_option("--label-column", o->source.label_column, "of a .csv file that holds both")
            ->capture_default_str();
        command.add_option("--report", o->report,
                           "where the JSON report goes; a page to look at, .html, goes beside it");
        return [&program, o] { evaluate(program.options(), *o); };
      });
}

}  // namespace blindtuner
