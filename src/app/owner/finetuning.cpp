#include "app/owner/finetuning.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdio>

#include "app/common/progress.h"
#include "app/common/report.h"
#include "app/owner/exchange.h"
#include "app/owner/finetuning_choice.h"
#include "app/owner/html_report.h"
#include "app/owner/keys.h"
#include "app/owner/process.h"
#include "app/owner/server_check.h"
#include "app/owner/server_report.h"
#include "app/owner/steps.h"
#include "app/owner/validator.h"
#include "base/atomic_file.h"
#include "base/buffer.h"
#include "base/disk.h"
#include "base/error.h"
#include "base/json.h"
#include "base/parallel.h"
#include "base/path.h"
#include "features/data/shuffle.h"
#include "learn/encrypted_trainer.h"
#include "learn/reference/metrics.h"
#include "learn/reference/plain_reference.h"
#include "party/owner/data_sets.h"
#include "party/owner/opening.h"
#include "party/owner/quality.h"
#include "party/owner/rehearsal.h"
#include "party/owner/run_judge.h"
#include "plan/forecast.h"
#include "records/model.h"
#include "rlwe/written_parameters.h"

namespace blindtuner::app {
using namespace plan;
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

/// Files of one run: keys where they stay, everything else in its folder until all of it is done.
struct Files {
  Files(const RunFolder& folder, const fs::path& key_folder)
      : keys(key_folder.empty() ? folder.folder() / "keys" : key_folder),
        data(folder.staged("train.enc")),
        validation(folder.staged("validation.enc")),
        rounds(folder.staged("rounds")),
        model(folder.staged("model.enc")),
        last_model(folder.staged("last.enc")),
        config(folder.staged("config.json")),
        server_report(folder.staged("server.json")),
        whitening(folder.staged("whitening.npz")),
        report(folder.staged("report.json")) {}
  fs::path keys, data, validation, rounds, model, last_model, config, server_report, whitening,
      report;
};

class Finetuning {
 public:
  Finetuning(const CommonOptions& common, FinetuningSettings settings, FinetuningData data,
             RunFolder& folder)
      : common_(common),
        settings_(std::move(settings)),
        data_(std::move(data)),
        folder_(folder),
        files_(folder, settings_.keys.folder),
        parameters_(Parameters::create(named_parameters(settings_.parameters))) {
    folder_.require_outside(files_.keys);
  }

  json run() {
    const fs::path server = server_program(settings_.server);
    phase("choice of settings",
          settings_.choices.empty() ? "splits the samples"
                                    : "splits the samples, tries settings in the clear",
          [&] {
            prepare();
            choose();
          });
    phase("whitening", "whitens the features", [&] { whiten(); });
    const Forecast expected = check_before_work();
    std::optional<OwnerFolder> opened;
    if (has_keys())
      phase("key generation", "opens the keys of an earlier run",
            [&] { opened = keys_of_earlier_run(); });
    // They may have other blocks than new ones.
    if (opened) fit_batches(settings_.config, opened->layout());
    phase("plain training",
          "trains in the clear: to see that numbers stay in range, and to compare",
          [&] { rehearse(expected); });
    if (!opened) phase("key generation", "makes keys", [&] { opened = new_keys(); });
    const OwnerFolder& keys = *opened;
    phase("encryption", "encrypts features and labels", [&] { encrypt_sets(keys); });
    phase("training on ciphertexts",
          validated() ? "sends keys and data; answers rounds of validation with one bit each"
                      : "sends keys and data",
          [&] { train(keys, server); });
    LinearClassifier model;
    ModelFile file;
    phase("decryption", "decrypts the model", [&] {
      file = read_result(keys);
      Disclosure door(keys.keys, keys.folder);
      model =
          classifier_of(open_weights(door, file, origin_of(quoted_path(files_.model), file.data)),
                        file.model.layout);
      save("model.npz", model, file, kForTheOwner);
    });
    return report(keys, model, file, exact_, approximate_);
  }

 private:
  bool validated() const { return data_.validation.has_value(); }

  template <typename F>
  void phase(const char* name, const std::string& does, F&& work) {
    const Stopwatch watch;
    owner_says(does);
    work();
    std::string key = name;
    std::replace(key.begin(), key.end(), ' ', '_');
    seconds_[key] = watch.seconds();
    release_pooled_memory();
  }
  void owner_says(const std::string& text) const {
    if (!common_.quiet) std::fprintf(stderr, "[owner] %s\n", text.c_str());
  }

  void prepare() {
    if (settings_.balance > 0) require_log_odds(head_named(settings_.config.head));
    validate_training_set(data_.train, "the training set");
    held_out_ = !validated() && settings_.validation_fraction > 0;
    if (held_out_)
      data_.validation =
          hold_out(data_.train,
                   {settings_.validation_fraction, "for validation",
                    "raise --validation-fraction, or train without early stopping by "
                    "--validation-fraction 0"},
                   settings_.seed, "the training set");
    std::vector<std::uint32_t> order = shuffled_indices(data_.train.size(), settings_.seed.bytes());
    if (settings_.samples != 0 && settings_.samples < order.size()) order.resize(settings_.samples);
    data_.train = select(data_.train, order);
    validate_training_set(data_.train, "the training set");
    for (const auto& [set, name] : others()) {
      validate_set(*set, name);
      validate_same_shape(data_.train, "the training set", *set, name);
    }
  }

  void choose() {
    std::vector<TrainingWay> ways = settings_.choices;
    if (ways.empty() && settings_.balance == kChooseBalance) ways.push_back(settings_);
    if (ways.empty()) return;
    Choice choice = choose_way(
        data_.train, ways, settings_.patience, settings_.seed, [&](const TrainingWay& way) {
          return forecast(way, std::min(data_.train.width(), data_.train.size() - 1))
              .seconds.training;
        });
    static_cast<TrainingWay&>(settings_) = ways[choice.way];
    if (settings_.balance == kChooseBalance) settings_.balance = choice.balance;
    choice_ = std::move(choice.report);
    owner_says(choice_text(choice_));
  }

  void whiten() {
    if (settings_.epsilon == 0) return;
    whitening_ = Whitening::fit(data_.train.features, settings_.epsilon);
    whitening_->set_origin(data_.train.feature_names, data_.train.pooling);
    whitening_->save(files_.whitening);
    data_.train.features = whitening_->apply(data_.train.features);
    for (const auto& [set, name] : others()) set->features = whitening_->apply(set->features);
  }

  std::vector<std::pair<Dataset*, const char*>> others() {
    std::vector<std::pair<Dataset*, const char*>> out = {{&data_.test, "the test set"}};
    if (validated()) out.emplace_back(&*data_.validation, "the validation set");
    return out;
  }

  bool has_keys() const {
    return !settings_.keys.fresh && path_exists(secret_key_path(files_.keys));
  }

  KeygenRequest key_request() const { return key_request(settings_, data_.train.width()); }
  KeygenRequest key_request(const TrainingWay& way, std::size_t features) const {
    KeygenRequest request;
    request.parameters = settings_.parameters;
    request.features = features;
    request.classes = static_cast<std::size_t>(data_.train.classes);
    request.batch = std::min(way.config.batch_size, data_.train.size());
    request.allow_insecure = common_.allow_insecure;
    return request;
  }

  const HeadCircuit& circuit_of(const TrainingWay& way) const {
    return find_circuit({way.config.head, way.softmax, way.range}, data_.train.classes);
  }

  /// Of this way on as many features. Throws DataError for whatever the server would refuse.
  Forecast forecast(TrainingWay way, std::size_t features) const {
    const std::size_t width = plan_keys(key_request(way, features), *parameters_).width;
    const auto layout = ProductLayout::create(*parameters_, data_.train.size(), features + 1,
                                              static_cast<std::size_t>(data_.train.classes), width);
    fit_batches(way.config, layout);
    const HeadCircuit& circuit = circuit_of(way);
    EncryptedTrainer::check(*parameters_, layout, way.config, circuit);
    return make_forecast({parameters_, layout, way.config, &circuit},
                         reference_unit_costs(max_threads()));
  }

  // Whatever the server would refuse after keys and encryption, and a disk that is too small.
  Forecast check_before_work() {
    Forecast expected = forecast(settings_, data_.train.width());
    settings_.config = expected.request.config;
    require_room(folder_.folder(),
                 expected.bytes.upload + (has_keys() ? 0 : expected.bytes.evaluation_keys),
                 "keys and encrypted data");
    return expected;
  }

  // The very steps in the clear, before anybody pays for them on ciphertexts.
  void rehearse(const Forecast& expected) {
    const RehearsedRun run{data_.train,
                           &data_.test,
                           validated() ? &*data_.validation : nullptr,
                           settings_.config,
                           *expected.request.circuit,
                           *expected.request.parameters,
                           settings_.patience};
    exact_ = rehearse_exactly(run);
    approximate_ = rehearse_as_encrypted(run);
    const std::string problem =
        out_of_range(run.circuit, largest_logit_of_training(run, approximate_));
    if (problem.empty()) return;
    if (settings_.unchecked)
      owner_says(problem);
    else
      throw DataError(problem +
                      "; give --preset auto, a smaller --learning-rate or --softmax wide "
                      "(--unchecked trains all the same)");
  }

  KeyOptions key_options() const { return {files_.keys, settings_.keys.passphrase}; }

  OwnerFolder new_keys() {
    const KeyOptions where = key_options();
    const auto passphrase = [&] {
      return passphrase_given(where.passphrase)
                 ? read_passphrase(where.passphrase, secret_key_path(files_.keys))
                 : SecretBytes();
    };
    const MadeKeys made = make_keys(files_.keys, key_request(), settings_.keys.fresh, passphrase,
                                    key_listener(common_));
    if (made.old_pair)
      owner_says("keeps the keys that were there in " + quoted_path(*made.old_pair));
    return open_keys_to_encrypt(where, common_);
  }

  OwnerFolder keys_of_earlier_run() {
    const KeygenRequest request = key_request();
    OwnerFolder keys = open_keys_to_encrypt(key_options(), common_);
    const ProductLayout& made_for = keys.layout();
    const std::string& parameters = keys.set.parameters->literal().name;
    if (made_for.features != request.features + 1 || made_for.classes != request.classes ||
        keys.set.parameters->digest() != parameters_->digest())
      throw DataError(quoted_path(secret_key_path(files_.keys)) + ": these keys are for " +
                      std::to_string(made_for.features - 1) + " features, " +
                      std::to_string(made_for.classes) + " classes and the parameters '" +
                      parameters + "', this run needs " + std::to_string(request.features) + ", " +
                      std::to_string(request.classes) + " and '" + parameters_->literal().name +
                      "'; give another --out, or --new-keys, which keeps these in a folder "
                      "old-..");
    if (!path_exists(evaluation_keys_path(files_.keys)))
      throw DataError("no " + quoted_path(evaluation_keys_path(files_.keys)) +
                      " beside the secret key: the server needs it; give another --out, or "
                      "--new-keys");
    return keys;
  }

  // Batches are whole blocks of the layout.
  void fit_batches(TrainingConfig& config, const ProductLayout& layout) const {
    const std::size_t rows = layout.rows();
    config.batch_size = (config.batch_size + rows - 1) / rows * rows;
    config.classes = data_.train.classes;
    validate(config);
  }

  void encrypt_sets(const OwnerFolder& keys) {
    check_features(data_.train.features, keys, "the training set");
    const std::string seed = settings_.seed.text(), map = map_name(whitening_);
    trained_on_ = encrypt_to(files_.data, keys, data_.train,
                             {"training", seed, map, folder_.folder() / files_.data.filename()},
                             common_.quiet);
    if (!validated()) return;
    check_features(data_.validation->features, keys, "the validation set");
    encrypt_to(
        files_.validation, keys, *data_.validation,
        {"validation", seed, map, folder_.folder() / files_.validation.filename(), held_out_},
        common_.quiet);
  }

  // What the server is told.
  ExpectedRun expected_run() const {
    ExpectedRun expected;
    expected.config = settings_.config;
    expected.circuit = find_circuit({settings_.config.head, settings_.softmax, settings_.range},
                                    settings_.config.classes)
                           .name;
    expected.data = trained_on_;
    return expected;
  }

  // A model of this run; what it lacks of the run's end is judged later.
  ModelFile read_result(const OwnerFolder& keys) const {
    if (validated() && kept_steps_ == 0)
      throw DataError("the server's program ended without a round of validation: expected " +
                      quoted_path(files_.rounds / round_name(1)));
    return open_model(files_.model, keys, expected_run());
  }

  void train(const OwnerFolder& keys, const fs::path& server) {
    folder_.keep_unfinished();
    write_file_atomically(files_.config, json_text(to_json(settings_.config), 2) + "\n");
    std::vector<std::string> arguments = {"train",
                                          "--keys",
                                          evaluation_keys_path(files_.keys).string(),
                                          "--data",
                                          files_.data.string(),
                                          "--out",
                                          (validated() ? files_.last_model : files_.model).string(),
                                          "--config",
                                          files_.config.string(),
                                          "--report",
                                          files_.server_report.string(),
                                          "--softmax",
                                          settings_.softmax};
    if (settings_.range > 0)
      arguments.insert(arguments.end(), {"--range", json_text(settings_.range)});
    if (common_.allow_insecure) arguments.push_back("--allow-insecure-parameters");
    if (!validated()) {
      run_program(common_, server, "server", arguments);
      server_report_ = read_server_report(files_.server_report);
      return;
    }
    arguments.insert(arguments.end(), {"--validation", files_.validation.string(), "--exchange",
                                       files_.rounds.string()});
    Validator validator(keys, {open_exchange(files_.rounds, keys, files_.model), files_.validation,
                               files_.model, settings_.patience, 0,
                               [&](const std::string& line) { owner_says(line); }, expected_run()});
    run_program(common_, server, "server", arguments, [&] { validator.poll(); });
    run_ended_ = validator.poll();
    validation_ = validator.report();
    kept_steps_ = validator.best_steps();
    server_report_ = read_server_report(files_.server_report);
  }

  json quality(const LinearClassifier& model) const {
    return quality_report(scores(after_balance(model), data_.test.features), data_.test.labels,
                          data_.train.class_names);
  }

  // The encrypted run's rounds, and what the run in the clear saw at the same ones.
  json rounds(const PlainResult& exact) const {
    json out = validation_.value("rounds", json::array());
    for (std::size_t i = 0; i < std::min(out.size(), exact.rounds.size()); ++i) {
      const ValidationScore& score = exact.rounds[i].score;
      out[i]["plain"] = {
          {"loss", score.loss}, {"accuracy", score.accuracy}, {"max_logit", score.max_logit}};
    }
    return out;
  }

  json report(const OwnerFolder& keys, const LinearClassifier& model, const ModelFile& file,
              const PlainResult& exact, const PlainResult& approximate) {
    const json test = quality(model), test_exact = quality(exact.model),
               test_approximate = quality(approximate.model);
    seconds_["total"] = total_.seconds();
    json out = {
        {"data_set", data_.name},
        {"reading", data_.reading},
        {"samples", data_.train.size()},
        {"test_samples", data_.test.size()},
        {"features", data_.train.width()},
        {"classes", data_.train.classes},
        {"batch", settings_.config.batch_size},
        {"steps", file.training.steps},
        {"steps_done", server_report_.steps},
        {"config", to_json(settings_.config)},
        {"softmax", file.training.circuit},
        {"whitened", settings_.epsilon > 0},
        {"epsilon", settings_.epsilon},
        {"way", settings_.name},
        {"balance", settings_.balance},
        {"seed", settings_.seed.text()},
        {"accuracy_encrypted", test["accuracy"]},
        {"accuracy_plain", test_exact["accuracy"]},
        {"accuracy_plain_approx", test_approximate["accuracy"]},
        {"macro_f1", test["macro_f1"]},
        {"macro_f1_plain", test_exact["macro_f1"]},
        {"balanced_accuracy", test["balanced_accuracy"]},
        {"balanced_accuracy_plain", test_exact["balanced_accuracy"]},
        {"balanced_accuracy_plain_approx", test_approximate["balanced_accuracy"]},
        {"macro_f1_plain_approx", test_approximate["macro_f1"]},
        {"class_names", test["class_names"]},
        {"confusion", test["confusion"]},
        {"per_class", test["per_class"]},
        {"notes", test["notes"]},
        {"max_logit", std::max(largest_logit(scores(model, data_.train.features)),
                               test["max_logit"].get<double>())},
        {"rounds", rounds(exact)},
        {"seconds", seconds_},
        {"seconds_server", server_report_.seconds},
        {"seconds_per_step", server_report_.seconds_per_step},
        {"peak_memory_bytes",
         {{"owner", peak_memory()}, {"server", server_report_.peak_memory_bytes}}},
        {"bytes",
         {{"secret_key", file_bytes(secret_key_path(files_.keys))},
          {"evaluation_keys", file_bytes(evaluation_keys_path(files_.keys))},
          {"upload", file_bytes(files_.data)},
          {"upload_validation", validated() ? file_bytes(files_.validation) : 0},
          {"model", file_bytes(files_.model)}}},
        {"parameters", parameters_report(*keys.set.parameters)},
    };
    if (!choice_.is_null()) out["choice"] = choice_;
    if (!data_.train.pooling.empty()) out["pooling"] = data_.train.pooling;
    if (!data_.poolings.is_null()) out["pooling_choice"] = data_.poolings;
    const double error =
        judge_run(out, finished_run(), *keys.set.parameters, file, model, approximate);
    if (settings_.publish) publish(out, keys, file, error);
    if (validated()) {
      json& v = out["validation"] = validation_;
      v.erase("rounds");
      v["samples"] = data_.validation->size();
      v["best_round_plain"] = exact.best_round;
    }
    write_reports(files_.report, out);
    folder_.finish();
    return out;
  }

  FinishedRun finished_run() const {
    if (!validated()) return {data_.train, settings_.config, settings_.publish, std::nullopt};
    return {data_.train, settings_.config, settings_.publish,
            FinishedRun::Validated{*data_.validation, validation_.at("rounds"), kept_steps_,
                                   run_ended_}};
  }

  LinearClassifier after_balance(const LinearClassifier& model) const {
    return reference::balanced(model, class_samples(), settings_.balance);
  }
  std::vector<std::size_t> class_samples() const {
    return class_counts(data_.train.labels, data_.train.classes);
  }

  // On features before whitening.
  void save(const char* name, const LinearClassifier& model, const ModelFile& file,
            unsigned mode) const {
    save_classifier(
        folder_.staged(name),
        balanced({whitening_ ? whitening_->unfold(model) : model,
                  LogitLimit::of(circuit_named(file.training.circuit)), data_.train.class_names,
                  data_.train.feature_names, data_.train.pooling, data_.train.label_name},
                 class_samples(), settings_.balance),
        mode);
  }

  // Only what was judged: of numbers that left their range nobody knows the errors. That nothing is
  // published tells what they were like.
  void publish(json& report, const OwnerFolder& keys, const ModelFile& file, double error) const {
    Disclosure door(keys.keys, keys.folder);
    const Origin origin = origin_of(quoted_path(files_.model), file.data);
    if (!report["trusted"]) return door.refuse(file.model, origin, "not published: not trusted");
    const Published published = publish_weights(
        door, file, origin,
        {error, settings_.budget, {}, validated() ? Validator::choices(validation_) : 1});
    save("published.npz", classifier_of(published.values, file.model.layout), file, kForAnybody);
    report["published"] = {{"noise", published.noise}, {"bits", published.bits}};
  }

  const CommonOptions& common_;
  FinetuningSettings settings_;
  FinetuningData data_;
  bool held_out_ = false;  // the validation set, of the training set
  RunFolder& folder_;
  Files files_;
  ParametersPtr parameters_;
  DataId trained_on_{};
  Stopwatch total_;
  std::optional<Whitening> whitening_;
  PlainResult exact_, approximate_;  // the same training in the clear; with the circuit's softmax
  json seconds_, choice_, validation_ = json::object();
  ServerReport server_report_;
  int kept_steps_ = 0;      // of the model that the validator kept
  bool run_ended_ = false;  // told to stop, or gone through
};

}  // namespace

json finetune_encrypted(const CommonOptions& common, FinetuningSettings settings,
                        FinetuningData data, RunFolder& folder) {
  return Finetuning(common, std::move(settings), std::move(data), folder).run();
}

}  // namespace blindtuner::app
