// blindtuner decrypt: from an encrypted model or scores to those in the clear.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>

#include "app/common/options.h"
#include "app/common/progress.h"
#include "app/common/report.h"
#include "app/owner/keys.h"
#include "app/owner/owner.h"
#include "app/owner/steps.h"
#include "app/owner/told.h"
#include "app/owner/validator.h"
#include "base/error.h"
#include "base/path.h"
#include "features/data/class_names.h"
#include "features/data/load.h"
#include "features/data/npy.h"
#include "learn/model_noise.h"
#include "party/owner/data_sets.h"
#include "party/owner/opening.h"
#include "party/owner/quality.h"
#include "records/model.h"
#include "records/scores.h"

namespace blindtuner::app {
namespace {

struct DecryptOptions {
  std::string model, scores, out, whitening, data;
  ToldOptions told;
  KeyOptions keys;
  bool unrecorded_data = false;
  DataSource source;  // of the features, where the ledger does not know the data set
  double balance = 0;
  bool publish = false;
  double budget = kPublicationBudget;
};

/// Noise and bits follow from the run, so what is published is held against what the owner knows of
/// it, in any case.
ExpectedRun expected_by(const DecryptOptions& options, const OwnerFolder& keys) {
  ExpectedRun expected = expected_run(options.told, keys, options.unrecorded_data, options.publish);
  expected.published = options.publish;
  return expected;
}

/// What errors of results of this data set depend on: as the ledger knows it, or of the features
/// themselves.
FeatureSizes sizes_of(const Disclosure& door, const OwnerFolder& keys, const DataId& data,
                      const std::string& name, const DecryptOptions& options,
                      const DataSource& source) {
  if (const auto known = door.sizes_of(to_string(data))) return *known;
  if (source.features.empty())
    throw DataError(name + ": the ledger " + quoted_path(door.ledger().path()) +
                    " does not know the data set that this comes from, so that nobody can say how "
                    "much noise it needs; give --features, what was encrypted for training");
  DataSource of_training = source;
  std::optional<Whitening> map;
  if (!options.whitening.empty()) map = Whitening::load(options.whitening);
  if (map) {
    of_training.feature_names = map->feature_names();
    of_training.pooling = map->pooling();
  }
  FeatureMatrix features = load_features(of_training).features;
  if (map) features = map->apply(features);
  check_features(features, keys, quoted_path(source.features));
  ProductLayout layout = keys.layout();
  layout.samples = static_cast<std::size_t>(features.rows());
  return feature_sizes(*keys.set.parameters, layout,
                       {features.data(), static_cast<std::size_t>(features.size())});
}

/// What is to be said of a publication, or of a result that is none.
void tell(const DecryptOptions& options, const Disclosure& door, const Published& published,
          nlohmann::json& report, std::ostringstream& text) {
  report["published"] = options.publish;
  report["ledger"] = door.ledger().path().string();
  if (options.publish) {
    report["noise"] = published.noise;
    report["bits"] = published.bits;
    char line[200];
    std::snprintf(
        line, sizeof line,
        "with noise of %g, to be shared: tells at most %.2g bits about the secret key, if "
        "the server computed what it was told\n",
        published.noise, published.bits);
    text << line;
  } else {
    text << "at full precision: for the owner alone (--publish makes one to be shared)\n";
  }
  text << new_ledger_text(door);
}

/// Of results out of range nobody knows the errors.
void require_trusted(const nlohmann::json& report) {
  if (!report.value("trusted", true))
    throw DataError(
        "not published, as nobody knows its errors: its logits leave the softmax circuit's range");
}

/// How far the run of a model came, and whether its owner knows that it was to end there.
struct RunEnd {
  int steps = 0, planned = 0;
  bool known = false;
  std::size_t choices = 1;  ///< rounds that its model may have been chosen from
  std::string text() const {
    return "only " + std::to_string(steps) + " of the configuration's " + std::to_string(planned) +
           " steps, and no finished record of 'validate' beside the model says that its run was to "
           "end there";
  }
};

RunEnd end_of(const ModelFile& file, const std::filesystem::path& path, const OwnerFolder& keys) {
  // Without a record it may be the model of any round of any run.
  const int rounds = Disclosure(keys.keys, keys.folder).most_rounds();
  RunEnd end{file.training.steps, planned_steps(file), false,
             static_cast<std::size_t>(std::max(rounds, 1))};
  end.known = end.steps == end.planned;
  if (const auto kept = Validator::kept(path, keys.keys)) {
    if (file.contents != kept->contents || kept->steps != end.steps)
      throw DataError(quoted_path(path) + ": is not the model that " +
                      quoted_path(Validator::record_path(path)) + " tells of");
    end.known = kept->ended;
    end.choices = kept->choices;
  }
  return end;
}

/// Says first what is taken on the server's word.
void tell_config(const DecryptOptions& options, nlohmann::json& report, std::ostringstream& text) {
  report["config_checked"] = options.publish || options.told.given();
  if (!report["config_checked"])
    text << "NOTE: trained as the server says; --config holds that against what it was told\n";
}

void tell_run(const DecryptOptions& options, const RunEnd& end, nlohmann::json& report,
              std::ostringstream& text) {
  report["steps"] = end.steps;
  report["steps_planned"] = end.planned;
  report["complete"] = end.known;
  if (!end.known) text << "NOTE: " << end.text() << "\n";
  tell_config(options, report, text);
}

/// What an owner is told of a result that is beyond them depends on these.
std::string rule_of(const LogitLimit& limit, const std::string& map) {
  char text[40];
  std::snprintf(text, sizeof text, "%.17g ", limit.limit);
  return text + map;
}

/// A model that is to leave, or whose scores are.
void require_whole_run(const RunEnd& end, const std::string& name) {
  if (!end.known) throw DataError(name + ": not published: " + end.text());
}

void decrypt_model_to(const DecryptOptions& options, const OwnerFolder& keys,
                      nlohmann::json& report, std::ostringstream& text) {
  const std::string name = quoted_path(options.model);
  const ModelFile file = open_model(options.model, keys, expected_by(options, keys));
  const RunEnd end = end_of(file, options.model, keys);
  if (options.publish) require_whole_run(end, name);
  const LogitLimit limit = LogitLimit::of(circuit_named(file.training.circuit));
  std::optional<Whitening> whitening;
  if (!options.whitening.empty()) {
    whitening = Whitening::load(options.whitening);
    if (whitening->output_width() != file.model.layout.features - 1)
      throw DataError(quoted_path(options.whitening) + ": a map to " +
                      std::to_string(whitening->output_width()) + " features, the model has " +
                      std::to_string(file.model.layout.features - 1));
  }
  require_map_of_training(keys, file.data, map_name(whitening), name);
  Disclosure door(keys.keys, keys.folder);
  Origin origin = origin_of(name, file.data);
  // Of features as they are nothing is judged.
  if (whitening) origin.rule = rule_of(limit, map_name(whitening));
  const auto judge = [&](std::span<const double> values) {
    if (whitening) judge_weights(report, limit, classifier_of(values, file.model.layout));
    if (options.publish) require_trusted(report);
  };
  Published result;
  if (options.publish) {
    const double error = weight_noise(
        *keys.set.parameters, file, sizes_of(door, keys, file.data, name, options, options.source));
    result = publish_weights(door, file, origin, {error, options.budget, judge, end.choices});
  } else {
    result.values = open_weights(door, file, origin);
    judge(result.values);
  }
  LinearClassifier model = classifier_of(result.values, file.model.layout);
  if (whitening) model = whitening->unfold(model);
  DecryptedModel out{std::move(model), limit, {}, {}, {}};
  const auto trained_on = recorded_data_set(keys, file.data);
  if (options.balance > 0) {
    require_log_odds(circuit_named(file.training.circuit).head());
    if (!trained_on || trained_on->class_samples.size() != file.model.layout.classes)
      throw DataError(name +
                      ": --balanced needs the training set's class sizes, and these keys have "
                      "no record of them");
    out = balanced(std::move(out), trained_on->class_samples, options.balance);
    report["balance"] = options.balance;
  }
  model = out.classifier;
  if (trained_on) {
    out.class_names = trained_on->class_names;
    out.label_name = trained_on->label_name;
    if (trained_on->feature_names.size() == static_cast<std::size_t>(model.weights.cols()))
      out.feature_names = trained_on->feature_names;
  }
  if (whitening && out.feature_names.empty()) out.feature_names = whitening->feature_names();
  save_classifier(options.out, out, options.publish ? kForAnybody : kForTheOwner);
  report.update({{"classes", model.weights.rows()},
                 {"features", model.weights.cols()},
                 {"class_names", out.class_names},
                 {"config", to_json(file.training.config)}});
  tell_run(options, end, report, text);
  tell_data(keys, file.data, options.told.trained_on, "training", "--trained-on", report, text);
  text << "model of " << model.weights.rows() << " classes and " << model.weights.cols()
       << " features after " << file.training.steps << " steps in '" << options.out << "'\n";
  tell(options, door, result, report, text);
  text << "right while logits stay within " << limit.limit << ": 'evaluate' says whether they do\n";
}

/// What scores are published with: their errors are those of the model that made them, and more.
Publication publication_of(const DecryptOptions& options, const OwnerFolder& keys, Disclosure& door,
                           const ScoresFile& file) {
  if (options.model.empty())
    throw DataError(
        "--scores with --publish needs --model, the encrypted model that made them: "
        "their errors are its errors");
  const std::string name = quoted_path(options.model);
  const ModelFile model = open_model(options.model, keys, expected_by(options, keys));
  const RunEnd end = end_of(model, options.model, keys);
  require_whole_run(end, name);
  if (file.training != model.training || (file.trained_on && file.trained_on != model.data))
    throw DataError(quoted_path(options.scores) + ": is of another training than " + name);
  const FeatureSizes trained = sizes_of(door, keys, model.data, name, options, options.source),
                     scored =
                         sizes_of(door, keys, file.data, quoted_path(options.scores), options, {});
  // Nothing of what follows is decrypted: it would show in the noise's size.
  const double norm =
      weight_norm_limit(model.training.config, model.model.layout.samples, model.training.steps,
                        circuit_named(model.training.circuit), trained);
  const double error = score_noise(*keys.set.parameters, file.scores.layout,
                                   weight_noise(*keys.set.parameters, model, trained), norm,
                                   circuit_named(file.circuit), scored);
  (void)open_weights(door, model, origin_of(name, model.data), norm);
  return {error, options.budget, {}, end.choices};
}

void decrypt_scores_to(const DecryptOptions& options, const OwnerFolder& keys,
                       nlohmann::json& report, std::ostringstream& text) {
  std::optional<DataId> said;
  if (!options.data.empty()) said = own_data_set(options.data, keys, options.unrecorded_data);
  const ScoresFile file = open_scores(options.scores, keys, expected_by(options, keys), said);
  const ProductLayout& l = file.scores.layout;
  if (const auto known = recorded_data_set(keys, file.data); known && known->map)
    require_map_of_training(keys, file.trained_on, *known->map, quoted_path(options.scores));
  if (file.trained_on) {
    const std::string by_place =
        require_columns_of_training(keys, file.data, *file.trained_on, quoted_path(options.scores));
    if (!by_place.empty()) text << "NOTE: " << by_place << "\n";
  }
  Disclosure door(keys.keys, keys.folder);
  const LogitLimit limit = LogitLimit::of(circuit_named(file.circuit));
  Origin origin = origin_of(quoted_path(options.scores), file.data);
  origin.rule = rule_of(limit, {});
  const auto judge = [&](std::span<const double> values) {
    judge_logits(report, limit, largest_logit(scores_of(values, l)), "of these samples");
    if (options.publish) require_trusted(report);
  };
  Published result;
  if (options.publish) {
    Publication publication = publication_of(options, keys, door, file);
    publication.check = judge;
    result = publish_logits(door, file, origin, publication);
  } else {
    result.values = open_logits(door, file, origin);
    judge(result.values);
  }
  const Eigen::MatrixXd all = scores_of(result.values, l);
  std::vector<std::string> names = trained_class_names(keys, file.trained_on);
  if (names.size() != l.classes) names.clear();
  std::vector<NamedColumn> identifiers;
  const auto scored = recorded_data_set(keys, file.data);
  if (scored && scored->identifiers) {
    if (options.publish)
      text << "NOTE: whose each sample is stays with you: rows are in the encrypted samples' "
              "order\n";
    else if (std::filesystem::path(options.out).extension() != ".npz")
      text << "NOTE: only .npz keeps whose each sample is: rows are in the encrypted samples' "
              "order\n";
    else
      identifiers = kept_identifiers(keys, *scored);
  }
  save_scores(options.out, {all, limit, names, identifiers},
              options.publish ? kForAnybody : kForTheOwner);
  report.update({{"samples", l.samples},
                 {"classes", l.classes},
                 {"class_names", names},
                 {"max_logit", largest_logit(all)}});
  const std::optional<int> planned = planned_steps(file, keys);
  if (planned) {
    const int steps = file.training->steps;
    report.update({{"steps", steps}, {"steps_planned", *planned}, {"complete", steps == *planned}});
    if (steps != *planned)
      text << "NOTE: by a model after " << steps << " of the configuration's " << *planned
           << " steps\n";
  }
  tell_config(options, report, text);
  tell_data(keys, file.data, options.data, "prediction", "--data", report, text);
  if (file.trained_on)
    tell_data(keys, *file.trained_on, options.told.trained_on, "training", "--trained-on", report,
              text, "trained_on_checked");
  text << "scores of " << l.samples << " samples in '" << options.out << "'\n";
  tell(options, door, result, report, text);
}

void decrypt_command(const CommonOptions& common, const DecryptOptions& options) {
  const bool of_scores = !options.scores.empty();
  if (of_scores ? !options.model.empty() && !options.publish : options.model.empty())
    throw DataError("decrypt takes one of --model and --scores; both to publish scores");
  if (!of_scores && !options.data.empty())
    throw DataError("--data goes with --scores: what was scored; --trained-on with --model");
  const OwnerFolder keys = open_keys(options.keys, common);
  nlohmann::json report = nlohmann::json::object();
  std::ostringstream text;
  if (of_scores)
    decrypt_scores_to(options, keys, report, text);
  else
    decrypt_model_to(options, keys, report, text);
  print_report(common, report, text.str());
}

}  // namespace

void add_decrypt(Program& program) {
  program.add_command(
      "decrypt", "decrypt a model or scores; share neither without --publish (docs/SECURITY.md)",
      [&](CLI::App& command) -> std::function<void()> {
        auto o = std::make_shared<DecryptOptions>();
        command.add_option(
            "--model", o->model,
            "an encrypted model; with --scores and --publish, the one that made them");
        command.add_option("--scores", o->scores, "encrypted scores");
        command.add_option(
            "--data", o->data,
            "the data set that was scored, as 'encrypt' wrote it, or its identity as "
            "'ledger' shows it: scores of another are refused");
        add_key_options(command, o->keys);
        add_output_file(command, "--out", o->out, "model: .npz or .json; scores: .npz or .npy")
            ->required();
        command.add_option("--whitening", o->whitening,
                           "map made by 'whiten': the model is turned into one on raw features");
        add_number(
            command, "--balanced", o->balance,
            "make classes of different sizes count alike, from 0, not at all, to 1, as if all "
            "had as many samples",
            0.0, 1.0);
        command.add_flag("--publish", o->publish,
                         "add noise and round, so that the result may be shared without telling "
                         "about the secret key");
        command.add_option(
            "--features", o->source.features,
            "with --publish: the features that were encrypted, where the ledger does "
            "not know them");
        add_number(command, "--budget", o->budget,
                   "with --publish: bits about the secret key that all published results of these "
                   "keys may tell together at most; beyond it nothing is published",
                   0, 1e6)
            ->capture_default_str();
        add_told_options(command, o->told);
        command.add_flag("--unrecorded-data", o->unrecorded_data,
                         "take data sets that the record beside the keys does not know: what an "
                         "earlier version encrypted");
        return [&program, o] { decrypt_command(program.options(), *o); };
      });
}

}  // namespace blindtuner::app
