// blindtuner evaluate: the quality of a decrypted model, or of decrypted scores.
#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "app/common/options.h"
#include "app/common/report.h"
#include "app/owner/owner.h"
#include "app/owner/tables.h"
#include "app/report/html_report.h"
#include "base/error.h"
#include "base/path.h"
#include "features/data/load.h"
#include "features/samples/class_names.h"
#include "features/samples/joining.h"
#include "learn/reference/metrics.h"
#include "party/owner/decrypted.h"
#include "party/owner/opening.h"
#include "party/owner/quality.h"

namespace blindtuner::app {
using namespace party;
using namespace reference;
namespace {

struct EvaluateOptions {
  std::string model, scores, report, classes;
  DataSource source;
};

/// The classes' names: the model's or the scores' own, or those that are given. Models of earlier
/// programs have none, and go by number.
std::vector<std::string> class_names(const EvaluateOptions& options,
                                     const std::vector<std::string>& own, Eigen::Index count,
                                     const std::string& name) {
  if (options.classes.empty()) return own.empty() ? numbered_classes(static_cast<int>(count)) : own;
  std::vector<std::string> given = read_class_names(options.classes);
  if (given.size() != static_cast<std::size_t>(count))
    throw DataError(quoted_path(options.classes) + ": " + std::to_string(given.size()) +
                    " class names, but " + name + " has " + std::to_string(count) + " classes");
  return given;
}

/// Where nobody knows the classes' names, labels from 1 on would be taken for the classes behind theirs.
void tell_numbered(const Labels& labels, const std::string& name, Reading& reading) {
  reading.notes.push_back(name +
                          ": has no class names, so that labels are taken for the classes' " +
                          "numbers, from 0 (--classes gives their names)");
  if (std::find(labels.begin(), labels.end(), 0) == labels.end())
    reading.warnings.push_back(name +
                               ": has no class names, and no label is 0: if the classes are "
                               "counted from 1, --classes says so");
}

/// Labels of decrypted scores, by the names of `names`: of a file of their own, or those that features
/// have with them. They go to the samples by their identifiers, where both have some. Leaves samples
/// without a label out of the scores, if that was asked for.
Labels labels_of_scores(const EvaluateOptions& options, const std::vector<std::string>& names,
                        DecryptedScores& decrypted, Reading& reading) {
  DataSource source = options.source;
  source.classes.names = names;
  source.part = Part::kTest;
  Dataset set;
  std::vector<NamedColumn> beside;
  std::vector<std::string> unused;
  if (!source.features.empty()) {
    set = load_dataset(source, &reading, &beside);
  } else {
    if (source.labels.empty())
      throw DataError("evaluate --scores needs --labels, or --features with labels of their own");
    OwnLabels own = load_labels(source, &reading);
    set_classes(set, own.words, source.classes, own.name);
    beside = std::move(own.beside);
    unused = std::move(own.unused);
    set.places.left_out = std::move(own.left_out);
  }
  const std::string of_scores = quoted_path(options.scores),
                    of_labels =
                        quoted_path(source.labels.empty() ? source.features : source.labels);
  JoinedSets sets{of_scores, of_labels, decrypted.identifiers, beside};
  sets.strict = true;
  sets.rows_left_out = sets.samples_left_out = source.columns.skip_missing;
  Reading joining;
  const auto [rows, joined_scores, joined_labels] = join_rows(sets, joining);
  tell_unused(of_labels, still_unused(std::move(unused), joined_labels, beside), reading);
  const auto samples = static_cast<std::size_t>(decrypted.scores.rows());
  if (rows.empty() && set.labels.size() != samples)
    throw DataError(of_labels + ": " + std::to_string(set.labels.size()) + " labels for " +
                    std::to_string(samples) + " rows of scores");
  if (rows.empty() && decrypted.mixed)
    throw DataError(of_scores +
                    ": is of samples that were mixed for training, so that labels do not go to "
                    "them by their places: score the rows encrypted with --unlabelled");
  if (rows.empty()) {
    require_same_places(set.places.left_out, of_labels, {}, of_scores,
                        "take the row out of the file where the scores have none of it, or give "
                        "rows identifiers before they are encrypted");
    // Nobody can tell whether they do.
    reading.details["by_places"] = true;
    reading.warnings.insert(reading.warnings.end(), joining.notes.begin(), joining.notes.end());
    if (joining.notes.empty() && joining.warnings.empty())
      reading.notes.push_back(
          of_labels + ": rows go together with those of " + of_scores + " by their places: " +
          (decrypted.identifiers.empty() ? "the scores have no identifiers"
                                         : "no identifier in both tells rows apart"));
  } else {
    reading.notes.insert(reading.notes.end(), joining.notes.begin(), joining.notes.end());
  }
  reading.warnings.insert(reading.warnings.end(), joining.warnings.begin(), joining.warnings.end());
  reading.details.update(joining.details);
  if (rows.empty()) return set.labels;
  Labels labels;
  for (std::size_t i = 0; i < samples; ++i) {
    if (rows[i] == kNoRow) continue;
    decrypted.scores.row(static_cast<Eigen::Index>(labels.size())) =
        decrypted.scores.row(static_cast<Eigen::Index>(i));
    labels.push_back(set.labels[rows[i]]);
  }
  decrypted.scores.conservativeResize(static_cast<Eigen::Index>(labels.size()), Eigen::NoChange);
  return labels;
}

void evaluate(const CommonOptions& common, EvaluateOptions options) {
  if (options.model.empty() == options.scores.empty())
    throw DataError("evaluate takes one of --model and --scores");
  if (!options.report.empty()) require_replaceable_page(options.report);
  require_used(options.source);
  options.source.columns.group = "none";  // nothing is held out of this set
  Eigen::MatrixXd all;
  Labels labels;
  LogitLimit limit;
  double trained = 0;
  std::vector<std::string> names;
  bool unnamed = false;
  Reading reading;
  if (!options.scores.empty()) {
    DecryptedScores decrypted = load_scores(options.scores);
    limit = decrypted.limit;
    unnamed = decrypted.class_names.empty();
    names = class_names(options, decrypted.class_names, decrypted.scores.cols(),
                        quoted_path(options.scores));
    labels = labels_of_scores(options, names, decrypted, reading);
    all = std::move(decrypted.scores);
  } else {
    if (options.source.features.empty()) throw DataError("evaluate --model needs --features");
    const DecryptedModel decrypted = load_classifier(options.model);
    if (!decrypted.column_owners.empty())
      throw DataError(quoted_path(options.model) +
                      ": is on columns of several owners of a study, each whitened by its owner, "
                      "and no file has these: each owner makes its part of the scores with 'study "
                      "scores', and one adds them up with 'study combine'");
    const LinearClassifier& model = decrypted.classifier;
    limit = decrypted.limit;
    trained = decrypted.trained_logit;
    unnamed = decrypted.class_names.empty();
    names = class_names(options, decrypted.class_names, model.weights.rows(),
                        quoted_path(options.model));
    DataSource source = options.source;
    source.classes.names = names;
    read_as_in_training(source, decrypted.taken());
    source.part = Part::kTest;
    Dataset set = load_dataset(source, &reading);
    if (set.width() != static_cast<std::size_t>(model.weights.cols()))
      throw DataError(quoted_path(options.source.features) + ": " + std::to_string(set.width()) +
                      " features, the model has " + std::to_string(model.weights.cols()));
    all = scores(model, set.features);
    labels = std::move(set.labels);
  }
  if (labels.empty()) throw DataError("no samples to evaluate");
  if (unnamed && options.classes.empty() && !options.source.classes.numbered)
    tell_numbered(labels, quoted_path(options.scores.empty() ? options.model : options.scores),
                  reading);
  print_notes(common, reading);
  nlohmann::json report = quality_report(all, labels, names);
  report["reading"] = reading.details;
  const double largest = largest_logit(all);
  // Whoever trained it may know more: where logits stayed in the circuit's range on all that it was trained on, larger ones of
  // other samples are what they are in the clear.
  judge_logits(
      report, limit, trained > 0 && std::isfinite(largest) ? trained : largest,
      trained > 0 && std::isfinite(largest) ? "on the training samples" : "on these samples");
  if (!report.value("trusted", true) && trained <= 0)
    report["advice"] =
        report["advice"].get<std::string>() +
        " Or these samples are unlike those trained on, in other units say: these are "
        "to be as those were.";
  if (!options.report.empty()) write_reports(options.report, report);
  const auto present =
      static_cast<Eigen::Index>(std::set<int>(labels.begin(), labels.end()).size());
  std::ostringstream text;
  text.precision(4);
  text << "accuracy " << 100 * report["accuracy"].get<double>() << " %, balanced "
       << 100 * report["balanced_accuracy"].get<double>() << " %, macro F1 "
       << report["macro_f1"].get<double>() << ", on " << labels.size() << " samples of "
       << (present < all.cols() ? std::to_string(present) + " of " : "") << all.cols()
       << " classes; largest |logit| " << largest_logit(all) << "\n"
       << quality_notes(report);
  if (trained > 0 && limit.limit > 0 && largest > limit.limit)
    text
        << "NOTE: logits reach " << largest << ", beyond the " << limit.limit
        << " that training's circuit stands: samples unlike those trained on, whose logits reached "
        << trained << "\n";
  if (limit.limit == 0)
    text << quoted_path(options.scores.empty() ? options.model : options.scores)
         << " does not say which logits training stands, so they were not compared ('decrypt' says "
            "it "
            "in .npz)\n";
  print_report(common, report, text.str());
}

}  // namespace

void add_evaluate(Program& program) {
  program.add_command(
      "evaluate", "accuracy of a decrypted model, or of decrypted scores",
      [&](Command& command) -> std::function<void()> {
        auto o = std::make_shared<EvaluateOptions>();
        command.add_option("--model", o->model, "a decrypted model, .npz or .json");
        command.add_option("--scores", o->scores, "decrypted scores, .npz or .npy");
        command.add_option("--classes", o->classes,
                           "the classes' names in order, from an extraction or a model (.npz) or a "
                           "text file, where the model or the scores have none");
        command.add_flag("--class-numbers", o->source.classes.numbered,
                         "labels that are numbers are places among the named classes, from 0");
        command.add_option("--features", o->source.features,
                           "features: .npy, .npz, a table or IDX");
        command.add_option("--features-member", o->source.members.features,
                           "name within an .npz archive (features, x, x_test, ..)");
        add_table_options(command, o->source.columns, true);
        command.add_option("--labels", o->source.labels, "labels: .npy, .npz, a table or IDX");
        command.add_option("--labels-member", o->source.members.labels,
                           "name within an .npz archive (labels, y, y_test, ..)");
        add_output_file(command, "--report", o->report,
                        "where the JSON report goes; a page to look at, .html, goes beside it");
        command.useless({"--features-member", "--feature-columns"}, [o]() -> std::string {
          return o->source.features.empty() ? "without --features" : "";
        });
        command.also_writes([o]() -> std::vector<std::filesystem::path> {
          if (o->report.empty()) return {};
          return {page_path(o->report)};
        });
        return [&program, o] { evaluate(program.options(), *o); };
      });
}

}  // namespace blindtuner::app
