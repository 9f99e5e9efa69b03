// blindtuner decrypt: from an encrypted model or scores to those in the clear.
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>

#include "app/common/options.h"
#include "app/common/report.h"
#include "app/owner/keys.h"
#include "app/owner/owner.h"
#include "app/owner/told.h"
#include "base/error.h"
#include "base/path.h"
#include "features/data/load.h"
#include "learn/reference/metrics.h"
#include "party/owner/data_sets.h"
#include "party/owner/encrypting.h"
#include "party/owner/results.h"

namespace blindtuner::app {
using namespace reference;
namespace {

struct DecryptOptions {
  std::string model, scores, out, whitening, data, transcript, server;
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
  if (options.transcript.empty()) return expected;
  expected.transcript = read_transcript(options.transcript);
  const std::string signer = key_fingerprint(expected.transcript->server);
  if (fingerprint_digits(signer) != fingerprint_digits(options.server))
    throw DataError(quoted_path(options.transcript) + ": signed by the server " + signer +
                    ", expected " + options.server);
  return expected;
}

/// What errors depend on, of the features themselves: where the ledger does not know the data set.
FeatureSizes sizes_of_features(const DecryptOptions& options, const OwnerFolder& keys) {
  DataSource source = options.source;
  std::optional<Whitening> map;
  if (!options.whitening.empty()) map = Whitening::load(options.whitening);
  if (map) {
    source.feature_names = map->feature_names();
    source.pooling = map->pooling();
  }
  Dataset set = load_features(source);
  if (map) set.features = map->apply(set.features);
  check_features(set, keys, quoted_path(source.features), map.has_value());
  const FeatureMatrix& features = set.features;
  ProductLayout layout = keys.layout();
  layout.samples = static_cast<std::size_t>(features.rows());
  return feature_sizes(*keys.set.parameters, layout,
                       {features.data(), static_cast<std::size_t>(features.size())});
}

std::optional<PublicationRequest> publication_of(const DecryptOptions& options,
                                                 const OwnerFolder& keys) {
  if (!options.publish) return {};
  PublicationRequest request{options.budget, {}};
  if (!options.source.features.empty())
    request.unknown_sizes = [&] { return sizes_of_features(options, keys); };
  return request;
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

/// Says first what is taken on the server's word.
void tell_config(const DecryptOptions& options, nlohmann::json& report, std::ostringstream& text) {
  report["config_checked"] = options.publish || options.told.given();
  if (!report["config_checked"])
    text << "NOTE: trained as the server says (steps, rates, classes' circuit): give --config, "
            "what the server was given, "
            "to have that compared\n";
}

void decrypt_model_to(const DecryptOptions& options, const OwnerFolder& keys,
                      nlohmann::json& report, std::ostringstream& text) {
  Disclosure door(keys.keys, keys.folder);
  std::optional<Whitening> whitening;
  if (!options.whitening.empty()) whitening = Whitening::load(options.whitening);
  const ExpectedRun expected = expected_by(options, keys);
  const OpenedModel opened = decrypt_model(
      door, keys,
      {options.model, expected, whitening, options.balance, publication_of(options, keys)});
  save_classifier(options.out, opened.model, options.publish ? kForAnybody : kForTheOwner);
  const LinearClassifier& model = opened.model.classifier;
  const TrainingState& training = opened.file.training;
  report = opened.judgement;
  report.update({{"classes", model.weights.rows()},
                 {"features", model.weights.cols()},
                 {"class_names", opened.model.class_names},
                 {"config", to_json(training.config)},
                 {"steps", opened.end.steps},
                 {"steps_planned", opened.end.planned},
                 {"complete", opened.end.known}});
  if (options.balance > 0) report["balance"] = options.balance;
  if (!opened.end.known) text << "NOTE: " << opened.end.text() << "\n";
  if (opened.end.balance > 0 && options.balance == 0)
    text << "NOTE: its rounds of validation were judged with classes balanced by "
         << opened.end.balance << ", and this model is not: --balanced " << opened.end.balance
         << " makes it what they judged\n";
  tell_config(options, report, text);
  if (!options.transcript.empty()) {
    const std::string fingerprint = transcript_fingerprint(*expected.transcript);
    report.update({{"transcript", options.server}, {"training", fingerprint}});
    text << "the model is the one of the transcript that the server " << options.server
         << " signed, of the training " << fingerprint
         << ": 'blindtuner-server audit' computes its steps again, and names the one that it did\n";
  }
  tell_data(keys, opened.file.data, options.told.trained_on, "training", "--trained-on", report,
            text);
  text << "model of " << model.weights.rows() << " classes and " << model.weights.cols()
       << " features after " << training.steps << " steps in " << quoted_path(options.out) << "\n";
  tell(options, door, opened.published, report, text);
  text << "right while logits stay within " << LogitLimit::of(circuit_named(training.circuit)).limit
       << ": 'evaluate' says whether they do\n";
}

void decrypt_scores_to(const DecryptOptions& options, const OwnerFolder& keys,
                       nlohmann::json& report, std::ostringstream& text) {
  std::optional<DataId> said;
  if (!options.data.empty()) said = own_data_set(options.data, keys, options.unrecorded_data);
  Disclosure door(keys.keys, keys.folder);
  const bool npz = std::filesystem::path(options.out).extension() == ".npz";
  // .npy does not say that rows are mixed.
  OpenedScores opened = decrypt_scores(
      door, keys,
      {options.scores, options.model, expected_by(options, keys), said, options.balance, !npz,
       npz && !options.publish, publication_of(options, keys)});
  const ScoresFile& file = opened.file;
  if (!opened.by_place.empty()) text << "NOTE: " << opened.by_place << "\n";
  DecryptedScores out{opened.scores, opened.limit, opened.class_names};
  out.mixed = !opened.rows_known;
  const auto scored = recorded_data_set(keys, file.data);
  if (scored && scored->identifiers) {
    if (options.publish)
      text << "NOTE: whose each sample is stays with you: rows are in the encrypted samples' "
              "order\n";
    else if (!npz)
      text << "NOTE: only .npz keeps whose each sample is: rows are in the encrypted samples' "
              "order\n";
    else
      out.identifiers = std::move(opened.identifiers);
  }
  save_scores(options.out, out, options.publish ? kForAnybody : kForTheOwner);
  report = opened.judgement;
  report.update({{"samples", opened.scores.rows()},
                 {"classes", opened.scores.cols()},
                 {"class_names", opened.class_names},
                 {"row_order", opened.rows_known ? "rows" : "mixed"},
                 {"max_logit", largest_logit(opened.scores)}});
  if (options.balance > 0) report["balance"] = options.balance;
  if (scored && opened.rows_put_back)
    text << "NOTE: of " << quoted_path(scored->file)
         << ", whose samples 'encrypt' mixed: scores are in the order of its rows again\n";
  if (scored && !opened.rows_known)
    text << "WARNING: of " << quoted_path(scored->file)
         << ", whose samples are mixed, and nobody knows which row each is: no label goes to them "
            "by its place; 'encrypt --unlabelled' keeps the rows' order\n";
  if (opened.planned) {
    const int steps = file.training->steps, planned = *opened.planned;
    report.update({{"steps", steps}, {"steps_planned", planned}, {"complete", steps == planned}});
    if (steps != planned)
      text << "NOTE: by a model after " << steps << " of the configuration's " << planned
           << " steps\n";
  }
  tell_config(options, report, text);
  tell_data(keys, file.data, options.data, "prediction", "--data", report, text);
  if (file.trained_on) {
    tell_data(keys, *file.trained_on, options.told.trained_on, "training", "--trained-on", report,
              text, "trained_on_checked");
  } else {
    report["trained_on_checked"] = false;
    text << "NOTE: does not say what its model was trained on, as those of earlier versions\n";
  }
  text << "scores of " << opened.scores.rows() << " samples in " << quoted_path(options.out)
       << "\n";
  tell(options, door, opened.published, report, text);
}

void decrypt_command(const CommonOptions& common, const DecryptOptions& options) {
  const bool of_scores = !options.scores.empty();
  if (of_scores ? !options.model.empty() && !options.publish : options.model.empty())
    throw DataError("decrypt takes one of --model and --scores; both to publish scores");
  if (options.transcript.empty() != options.server.empty())
    throw DataError(
        "--transcript and --server go together: what the server signed, and the fingerprint of its "
        "key, as it told you");
  // Before anything is opened, which the ledger would know of.
  require_ending(options.out, {".npz", of_scores ? ".npy" : ".json"});
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
      [&](Command& command) -> std::function<void()> {
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
            .required();
        command.add_option("--whitening", o->whitening,
                           "map made by 'whiten': the model is turned into one on raw features");
        add_number(
            command, "--balanced", o->balance,
            "make classes of different sizes count alike, from 0, not at all, to 1, as if all "
            "had as many samples (which models and scores that come from a server are not)",
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
            .show_default();
        add_told_options(command, o->told);
        command.add_option("--transcript", o->transcript,
                           "what 'blindtuner-server train --transcript' wrote: a model that is not "
                           "its is refused");
        command.add_option(
            "--server", o->server,
            "with --transcript: the fingerprint of the key that must have signed it");
        command.add_flag("--unrecorded-data", o->unrecorded_data,
                         "take data sets that the record beside the keys does not know: what an "
                         "earlier version encrypted");
        command.useless({"--budget", "--features"}, [o]() -> std::string {
          return o->publish ? "" : "without --publish: nothing else costs bits";
        });
        command.useless({"--data"}, [o]() -> std::string {
          return o->scores.empty() ? "without --scores: it is what was scored; what a model was "
                                     "trained on is --trained-on"
                                   : "";
        });
        command.useless({"--transcript", "--server"}, [o]() -> std::string {
          return o->scores.empty() ? "" : "with --scores: what the server signs is of a training";
        });
        command.useless({"--whitening"}, [o]() -> std::string {
          return o->scores.empty() || !o->source.features.empty()
                     ? ""
                     : "with --scores, which are of whitened features already";
        });
        return [&program, o] { decrypt_command(program.options(), *o); };
      });
}

}  // namespace blindtuner::app
