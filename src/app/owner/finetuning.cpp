#include "app/owner/finetuning.h"

#include <algorithm>
#include <cstdio>

#include "app/common/report.h"
#include "app/owner/console.h"
#include "app/owner/process.h"
#include "app/report/html_report.h"
#include "app/report/server_report.h"
#include "base/atomic_file.h"
#include "base/disk.h"
#include "base/error.h"
#include "base/json.h"
#include "base/path.h"
#include "learn/reference/metrics.h"
#include "party/owner/exchange.h"
#include "party/owner/opening.h"
#include "party/owner/quality.h"

namespace blindtuner::app {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

/// Files of one run: keys where they stay, everything else in its folder until all of it is done.
struct Files {
  Files(RunFolder& folder, const fs::path& key_folder)
      : keys(key_folder.empty() ? folder.folder() / "keys" : key_folder),
        rounds(folder.staged("rounds")),
        last_model(folder.staged("last.enc")),
        config(folder.staged("config.json")),
        server_report(folder.staged("server.json")),
        report(folder.staged("report.json")),
        run{folder.staged("train.enc"), folder.staged("validation.enc"), folder.staged("model.enc"),
            folder.staged("whitening.npz"), folder.folder()} {
    (void)folder.staged("report.html");  // which goes beside the report (write_reports)
  }
  fs::path keys, rounds, last_model, config, server_report, report;
  FinetuningFiles run;
};

/// Of what the server's program was to write. A link in its place would be a result that leads elsewhere: it goes
/// away. Throws DataError.
void require_no_link(const fs::path& path) {
  const fs::file_type type = type_of(path);
  if (type == fs::file_type::regular || type == fs::file_type::not_found) return;
  remove_path(path);
  throw DataError(quoted_path(path) + ": the server's program left no file there, but a link, a " +
                  "folder or a device");
}

/// The keys' folder and the server's program.
class Host : public FinetuningHost {
 public:
  Host(const CommonOptions& common, const RunOptions& options, RunFolder& folder,
       const Files& files)
      : common_(common),
        options_(options),
        server_program_(server_program(options.server)),
        folder_(folder),
        files_(files) {
    listener = owner_listener(common);
    advice_on_few =
        "raise --validation-fraction, or train without early stopping by --validation-fraction 0";
    advice_on_range =
        "give --preset auto, a smaller --learning-rate or --softmax wide "
        "(--unchecked trains all the same)";
  }

  void expect(const Forecast& forecast, bool new_keys) override {
    require_room(folder_.folder(),
                 forecast.bytes.upload + (new_keys ? forecast.bytes.evaluation_keys : 0),
                 "keys and encrypted data");
  }

  void opened(const FinetuningResult& run) override {
    DecryptedModel model = run.on_features(run.model);
    // As the limit is: moved by what balance moves logits.
    model.trained_logit = largest_logit(scores(run.model, run.sets.train.features)) +
                          model.limit.limit -
                          LogitLimit::of(circuit_named(run.file.training.circuit)).limit;
    save_classifier(folder_.staged("model.npz"), model);
  }

  bool has_keys() const override {
    return !options_.keys.fresh && path_exists(secret_key_path(files_.keys));
  }

  OwnerFolder open_keys(const KeygenRequest& needed) override {
    OwnerFolder keys = open_keys_to_encrypt(key_options(), common_);
    const ProductLayout& made_for = keys.layout();
    const Parameters& wanted = *needed.parameters;
    if (made_for.features != needed.features + 1 || made_for.classes != needed.classes ||
        keys.set.parameters->digest() != wanted.digest())
      throw DataError(quoted_path(secret_key_path(files_.keys)) + ": these keys are for " +
                      std::to_string(made_for.features - 1) + " features, " +
                      std::to_string(made_for.classes) + " classes and the parameters '" +
                      keys.set.parameters->literal().name + "', this run needs " +
                      std::to_string(needed.features) + ", " + std::to_string(needed.classes) +
                      " and '" + wanted.literal().name +
                      "'; give another --out, or --new-keys, which keeps these in a folder "
                      "old-..");
    if (!path_exists(evaluation_keys_path(files_.keys)))
      throw DataError("no " + quoted_path(evaluation_keys_path(files_.keys)) +
                      " beside the secret key: the server needs it; give another --out, or "
                      "--new-keys");
    return keys;
  }

  OwnerFolder make_keys(const KeygenRequest& request) override {
    SecretBytes given;
    if (passphrase_given(options_.keys.passphrase))
      given = read_passphrase(options_.keys.passphrase, secret_key_path(files_.keys));
    const auto passphrase = [&] { return copy_of(given); };
    const MadeKeys made = party::make_keys(files_.keys, request, options_.keys.fresh, passphrase,
                                           key_listener(common_));
    if (made.old_pair)
      listener.tell("keeps the keys that were there in " + quoted_path(*made.old_pair));
    return open_keys_to_encrypt(key_options(), common_, given);
  }

  std::shared_ptr<Channel> exchange(const OwnerFolder& keys) override {
    return open_exchange(files_.rounds, keys, files_.run.model);
  }

  void train(const OwnerFolder& keys, const TrainingWay& way,
             const std::function<void()>& answer) override {
    folder_.keep_unfinished();
    write_file_atomically(files_.config, json_text(to_json(way.config), 2) + "\n");
    const bool validated = static_cast<bool>(answer);
    std::vector<std::string> arguments = {
        "train",
        "--keys",
        evaluation_keys_path(files_.keys).string(),
        "--data",
        files_.run.data.string(),
        "--out",
        (validated ? files_.last_model : files_.run.model).string(),
        "--config",
        files_.config.string(),
        "--report",
        files_.server_report.string(),
        "--softmax",
        way.softmax};
    if (way.range > 0) arguments.insert(arguments.end(), {"--range", json_text(way.range)});
    if (common_.allow_insecure) arguments.push_back("--allow-insecure-parameters");
    if (validated)
      arguments.insert(arguments.end(), {"--validation", files_.run.validation.string(),
                                         "--exchange", files_.rounds.string()});
    run_program(common_, server_program_, "server", arguments, answer);
    if (validated)
      judge_last_model(keys, way);
    else
      require_no_link(files_.run.model);
    require_no_link(files_.server_report);
    trained = path_exists(files_.run.model);
    server_report = read_server_report(files_.server_report);
  }

  ServerReport server_report;
  bool trained = false;

 private:
  /// With rounds of validation the result is the best one's model; that of the last step is kept beside it
  /// where it is a model of this run. Hours of work are no reason to refuse the result for that.
  void judge_last_model(const OwnerFolder& keys, const TrainingWay& way) const {
    try {
      require_no_link(files_.last_model);
      ExpectedRun expected;
      expected.config = way.config;
      if (path_exists(files_.last_model)) (void)open_model(files_.last_model, keys, expected);
    } catch (const DataError& problem) {
      print_warning(problem.what() +
                    std::string("; the model of the last step is not kept, the result is of the "
                                "best round"));
      remove_path(files_.last_model);
    }
  }

  KeyOptions key_options() const { return {files_.keys, options_.keys.passphrase}; }

  const CommonOptions& common_;
  const RunOptions& options_;
  const fs::path server_program_;
  RunFolder& folder_;
  const Files& files_;
};

json quality(const FinetuningResult& run, const LinearClassifier& model) {
  const Dataset& test = *run.sets.test;
  return quality_report(scores(run.balanced(model), test.features), test.labels,
                        run.sets.train.class_names);
}

json bytes_of(const Files& files, bool validated) {
  return {{"secret_key", file_bytes(secret_key_path(files.keys))},
          {"evaluation_keys", file_bytes(evaluation_keys_path(files.keys))},
          {"upload", file_bytes(files.run.data)},
          {"upload_validation", validated ? file_bytes(files.run.validation) : 0},
          {"model", file_bytes(files.run.model)}};
}

json report_of(const FinetuningResult& run, const ServerReport& server) {
  const Dataset& train = run.sets.train;
  const json test = quality(run, run.model), exact = quality(run, run.exact.model),
             approximate = quality(run, run.approximate.model);
  json out = {
      {"samples", train.size()},
      {"test_samples", run.sets.test->size()},
      {"features", train.width()},
      {"classes", train.classes},
      {"batch", run.settings.config.batch_size},
      {"steps", run.file.training.steps},
      {"steps_done", server.steps},
      {"config", to_json(run.settings.config)},
      {"softmax", run.file.training.circuit},
      {"whitened", run.settings.epsilon > 0},
      {"epsilon", run.settings.epsilon},
      {"way", run.settings.name},
      {"balance", run.settings.balance},
      {"seed", run.settings.seed.text()},
      {"accuracy_encrypted", test["accuracy"]},
      {"accuracy_plain", exact["accuracy"]},
      {"accuracy_plain_approx", approximate["accuracy"]},
      {"macro_f1", test["macro_f1"]},
      {"macro_f1_plain", exact["macro_f1"]},
      {"macro_f1_plain_approx", approximate["macro_f1"]},
      {"balanced_accuracy", test["balanced_accuracy"]},
      {"balanced_accuracy_plain", exact["balanced_accuracy"]},
      {"balanced_accuracy_plain_approx", approximate["balanced_accuracy"]},
      {"class_names", test["class_names"]},
      {"confusion", test["confusion"]},
      {"per_class", test["per_class"]},
      {"notes", test["notes"]},
      // As the circuit's limit is: before classes are balanced.
      {"max_logit", std::max(largest_logit(scores(run.model, train.features)),
                             largest_logit(scores(run.model, run.sets.test->features)))},
      {"rounds", run.rounds()},
      {"seconds", run.seconds},
      {"seconds_server", server.seconds},
      {"seconds_per_step", server.seconds_per_step},
      {"peak_memory_bytes", {{"owner", peak_memory()}, {"server", server.peak_memory_bytes}}},
      {"parameters", parameters_report(*run.parameters)},
  };
  out.update(run.judgement);
  if (!run.choice.is_null()) out["choice"] = run.choice;
  if (!train.pooling.empty()) out["pooling"] = train.pooling;
  if (!run.not_published.empty()) out["not_published"] = run.not_published;
  if (run.published) {
    const json shared = quality(run, classifier_of(run.published->values, run.file.model.layout));
    out["published"] = {{"noise", run.published->noise},
                        {"bits", run.published->bits},
                        {"accuracy", shared["accuracy"]},
                        {"balanced_accuracy", shared["balanced_accuracy"]},
                        {"macro_f1", shared["macro_f1"]}};
  }
  if (!run.validation.is_null()) {
    json& validation = out["validation"] = run.validation;
    validation.erase("rounds");
    validation["samples"] = run.sets.validation->size();
    validation["best_round_plain"] = run.exact.best_round;
  }
  return out;
}

}  // namespace

void add_run_key_options(Command& command, RunKeys& keys) {
  command.add_option("--keys", keys.folder,
                     "folder of the keys, which are made where there are none (keys in --out)");
  command.add_flag("--new-keys", keys.fresh,
                   "make new keys though there are some, which are kept in a folder old-..");
  add_passphrase_options(command, keys.passphrase);
}

Listener owner_listener(const CommonOptions& common) {
  Listener out = console_listener(common);
  out.note = [quiet = common.quiet](const std::string& text) {
    if (!quiet) std::fprintf(stderr, "[owner] %s\n", text.c_str());
  };
  return out;
}

json finetune_encrypted(const CommonOptions& common, const RunOptions& options,
                        FinetuningSettings settings, FinetuningData data, RunFolder& folder) {
  const Files files(folder, options.keys.folder);
  folder.require_outside(files.keys);
  Host host(common, options, folder, files);
  json report;
  try {
    const FinetuningResult run =
        finetune(host, std::move(settings), std::move(data.sets), files.run, common.allow_insecure);
    if (run.published)
      save_classifier(folder.staged("published.npz"),
                      run.on_features(classifier_of(run.published->values, run.file.model.layout)),
                      kForAnybody);
    report = report_of(run, host.server_report);
    report["data_set"] = data.name;
    report["reading"] = data.reading;
    for (const std::string& doubt : data.doubts) report["notes"].push_back(doubt);
    if (!data.poolings.is_null()) report["pooling_choice"] = data.poolings;
    report["bytes"] = bytes_of(files, run.sets.validation.has_value());
    write_reports(files.report, report);
  } catch (const UntrustedResult&) {
    throw;
  } catch (const DataError& problem) {
    // A training may have taken hours.
    if (!host.trained) throw;
    throw DataError(
        problem.what() +
        ("; what the server has trained is in " + quoted_path(files.run.model.parent_path())) +
        " until the next run there");
  }
  folder.finish();
  return report;
}

}  // namespace blindtuner::app
