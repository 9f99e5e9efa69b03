#include "party/owner/finetuning.h"

#include <algorithm>
#include <cstdio>
#include <utility>
#include <vector>

#include "base/buffer.h"
#include "base/error.h"
#include "base/parallel.h"
#include "base/path.h"
#include "base/stopwatch.h"
#include "features/samples/shuffle.h"
#include "learn/encrypted_trainer.h"
#include "learn/reference/balance.h"
#include "party/owner/data_checks.h"
#include "party/owner/data_sets.h"
#include "party/owner/encrypting.h"
#include "party/owner/finetuning_choice.h"
#include "party/owner/opening.h"
#include "party/owner/rehearsal.h"
#include "party/owner/run_judge.h"
#include "party/owner/validator.h"
#include "records/round.h"

namespace blindtuner::party {
namespace {

class Finetuning {
 public:
  Finetuning(FinetuningHost& host, FinetuningSettings settings, FinetuningSets sets,
             const FinetuningFiles& files, bool allow_insecure)
      : host_(host), files_(files), allow_insecure_(allow_insecure) {
    run_.settings = std::move(settings);
    run_.sets = std::move(sets);
    run_.parameters = Parameters::create(run_.settings.parameters);
    if (run_.settings.publish) require_publishable(*run_.parameters);
  }

  FinetuningResult run() {
    phase("choice of settings",
          settings().choices.empty() ? "splits the samples"
                                     : "splits the samples, tries settings in the clear",
          [&] {
            prepare();
            choose();
          });
    phase("whitening", "whitens the features", [&] { whiten(); });
    const Forecast expected = check_before_work();
    std::optional<OwnerFolder> opened;
    if (host_.has_keys())
      phase("key generation", "opens the keys of an earlier run",
            [&] { opened = host_.open_keys(key_request()); });
    if (settings().publish) require_budget_left(opened);
    // They may have other blocks than new ones.
    if (opened) fit_batches(settings().config, opened->layout());
    phase("plain training",
          "trains in the clear: to see that numbers stay in range, and to compare",
          [&] { rehearse(expected); });
    if (!opened)
      phase("key generation", "makes keys", [&] { opened = host_.make_keys(key_request()); });
    const OwnerFolder& keys = *opened;
    if (keys.set.parameters->digest() != run_.parameters->digest())
      throw DataError(
          "the keys are for other parameters than this run; was the parameter set's file changed?");
    phase("encryption", "encrypts features and labels", [&] { encrypt_sets(keys); });
    phase("training on ciphertexts",
          validated() ? "sends keys and data; answers rounds of validation with one bit each"
                      : "sends keys and data",
          [&] { train(keys); });
    phase("decryption", "decrypts the model", [&] { decrypt(keys); });
    run_.seconds["total"] = total_.seconds();
    const double error = judge_run(run_.judgement, finished_run(), *run_.parameters, run_.file,
                                   run_.model, run_.approximate);
    host_.opened(run_);
    if (settings().publish) publish(keys, error);
    return std::move(run_);
  }

 private:
  FinetuningSettings& settings() { return run_.settings; }
  const FinetuningSettings& settings() const { return run_.settings; }
  bool validated() const { return run_.sets.validation.has_value(); }

  template <typename F>
  void phase(std::string name, const std::string& does, F&& work) {
    const Stopwatch watch;
    host_.listener.tell(does);
    work();
    std::replace(name.begin(), name.end(), ' ', '_');
    run_.seconds[name] = watch.seconds();
    release_pooled_memory();
  }

  void prepare() {
    FinetuningSets& sets = run_.sets;
    if (settings().balance > 0) require_log_odds(head_named(settings().config.head));
    validate_training_set(sets.train, "the training set");
    held_out_ = !validated() && settings().validation_fraction > 0;
    if (held_out_)
      sets.validation = hold_out(
          sets.train, {settings().validation_fraction, "for validation", host_.advice_on_few},
          settings().seed, "the training set", host_.listener);
    std::vector<std::uint32_t> order = shuffled_indices(sets.train.size(), settings().seed.bytes());
    if (settings().samples != 0 && settings().samples < order.size())
      order.resize(settings().samples);
    sets.train = select(std::move(sets.train), order);
    validate_training_set(sets.train, "the training set");
    for (const auto& [set, name] : others()) {
      validate_set(*set, name);
      validate_same_shape(sets.train, "the training set", *set, name);
    }
  }

  void choose() {
    const Dataset& train = run_.sets.train;
    std::vector<TrainingWay> ways = settings().choices;
    if (ways.empty() && settings().balance == kChooseBalance) ways.push_back(settings());
    if (ways.empty()) return;
    const Task task(host_.listener, "trying settings in the clear");
    Choice choice = choose_way(
        train, ways, {settings().patience, 0, std::max(0.0, settings().balance)}, settings().seed,
        [&](const TrainingWay& way) {
          return forecast(way, std::min(train.width(), train.size() - 1)).seconds.training;
        },
        [&](double done) { task.update(done); });
    task.finish();
    static_cast<TrainingWay&>(settings()) = ways[choice.way];
    const bool chosen = settings().balance == kChooseBalance;
    if (chosen) settings().balance = choice.balance;
    run_.choice = std::move(choice.report);
    if (!has_reference_costs(run_.parameters->literal().name))
      for (auto& trial : run_.choice["trials"]) trial.erase("seconds");
    host_.listener.tell(choice_text(run_.choice));
    if (!chosen) return;
    char text[100];
    std::snprintf(text, sizeof text, "takes --balanced %g for this run", settings().balance);
    host_.listener.tell(text);
  }

  void whiten() {
    if (settings().epsilon == 0) return;
    Dataset& train = run_.sets.train;
    run_.whitening = Whitening::fit(train.features, settings().epsilon);
    run_.whitening->set_origin(train.feature_names, train.pooling, train.encoder,
                               train.features_member);
    train.features = run_.whitening->apply(std::move(train.features));
    for (const auto& [set, name] : others())
      set->features = run_.whitening->apply(std::move(set->features));
  }

  std::vector<std::pair<Dataset*, const char*>> others() {
    std::vector<std::pair<Dataset*, const char*>> out;
    if (run_.sets.test) out.emplace_back(&*run_.sets.test, "the test set");
    if (validated()) out.emplace_back(&*run_.sets.validation, "the validation set");
    return out;
  }

  // Nothing more may be published under these keys: known now, and not after the training.
  void require_budget_left(const std::optional<OwnerFolder>& keys) const {
    double told = 0;
    if (keys)
      if (const auto entries = Disclosure(keys->keys, keys->folder).ledger().read())
        told = totals(*entries).published_bits;
    if (told < settings().budget) return;
    char line[160];
    std::snprintf(line, sizeof line,
                  "nothing more can be published: published results of these keys may tell %.3g "
                  "bits about the secret key by now, and the budget is %.3g",
                  told, settings().budget);
    throw DataError(std::string(line) + "; take fresh keys, a larger --budget, or no --publish");
  }

  KeygenRequest key_request() const { return key_request(settings(), run_.sets.train.width()); }
  KeygenRequest key_request(const TrainingWay& way, std::size_t features) const {
    KeygenRequest request;
    request.parameters = run_.parameters;
    request.features = features;
    request.classes = static_cast<std::size_t>(run_.sets.train.classes);
    request.batch = std::min(way.config.batch_size, run_.sets.train.size());
    request.allow_insecure = allow_insecure_;
    return request;
  }

  const HeadCircuit& circuit_of(const TrainingWay& way) const {
    return find_circuit({way.config.head, way.softmax, way.range}, run_.sets.train.classes);
  }

  /// Of this way on as many features. Throws DataError for whatever the server would refuse.
  Forecast forecast(TrainingWay way, std::size_t features) const {
    const Parameters& parameters = *run_.parameters;
    const std::size_t width = plan_keys(key_request(way, features)).width;
    const auto layout =
        ProductLayout::create(parameters, run_.sets.train.size(), features + 1,
                              static_cast<std::size_t>(run_.sets.train.classes), width);
    fit_batches(way.config, layout);
    const HeadCircuit& circuit = circuit_of(way);
    EncryptedTrainer::check(parameters, layout, way.config, circuit);
    return make_forecast({run_.parameters, layout, way.config, &circuit},
                         reference_unit_costs(max_threads()));
  }

  // Whatever the server would refuse after keys and encryption, and what the host cannot hold.
  Forecast check_before_work() {
    Forecast expected = forecast(settings(), run_.sets.train.width());
    settings().config = expected.request.config;
    host_.expect(expected, !host_.has_keys());
    return expected;
  }

  // The very steps in the clear, before anybody pays for them on ciphertexts.
  void rehearse(const Forecast& expected) {
    const Task task(host_.listener, "training in the clear");
    double begun = 0;
    const RehearsedRun run{run_.sets.train,
                           run_.sets.test ? &*run_.sets.test : nullptr,
                           validated() ? &*run_.sets.validation : nullptr,
                           settings().config,
                           *expected.request.circuit,
                           *expected.request.parameters,
                           settings().patience,
                           settings().balance,
                           [&](double done) { task.update(begun + done / 2); }};
    run_.exact = rehearse_exactly(run);
    begun = 0.5;
    run_.approximate = rehearse_as_encrypted(run);
    task.finish();
    std::string problem =
        out_of_range(run.circuit, largest_logit_of_training(run, run_.approximate));
    if (problem.empty()) problem = rounds_out_of_range(run.circuit, run_.approximate);
    if (problem.empty()) return;
    if (!settings().unchecked) throw DataError(problem + "; " + host_.advice_on_range);
    host_.listener.tell(problem);
  }

  // Batches are whole blocks of the layout.
  void fit_batches(TrainingConfig& config, const ProductLayout& layout) const {
    const std::size_t rows = layout.rows();
    config.batch_size = (config.batch_size + rows - 1) / rows * rows;
    config.classes = run_.sets.train.classes;
    validate(config);
  }

  void encrypt_sets(const OwnerFolder& keys) {
    if (run_.whitening) run_.whitening->save(files_.whitening);
    const std::string seed = settings().seed.text(), map = map_name(run_.whitening);
    const auto kept = [&](const std::filesystem::path& file) {
      return files_.kept_in.empty() ? file : files_.kept_in / file.filename();
    };
    const std::string split = held_out_ ? fresh_split() : "";
    check_features(run_.sets.train, keys, "the training set", run_.whitening.has_value());
    trained_on_ = encrypt_to(
        files_.data, keys, run_.sets.train,
        {.use = "training", .seed = seed, .map = map, .kept_as = kept(files_.data), .split = split},
        host_.listener);
    if (!validated()) return;
    check_features(*run_.sets.validation, keys, "the validation set", run_.whitening.has_value());
    encrypt_to(files_.validation, keys, *run_.sets.validation,
               {.use = "validation",
                .seed = seed,
                .map = map,
                .kept_as = kept(files_.validation),
                .held_out = held_out_,
                .split = split},
               host_.listener);
  }

  // What the server is told.
  ExpectedRun expected_run() const {
    ExpectedRun expected;
    expected.config = settings().config;
    expected.circuit = circuit_of(settings()).name;
    expected.data = trained_on_;
    return expected;
  }

  void train(const OwnerFolder& keys) {
    if (!validated()) return host_.train(keys, settings(), {});
    const std::shared_ptr<Channel> channel = host_.exchange(keys);
    Validator validator(keys, {channel, files_.validation, files_.model, settings().patience, 0,
                               [&](const std::string& line) { host_.listener.tell(line); },
                               expected_run(), settings().balance});
    host_.train(keys, settings(), [&] { validator.poll(); });
    run_ended_ = validator.poll();
    run_.validation = validator.report();
    kept_steps_ = validator.best_steps();
    if (kept_steps_ == 0)
      throw DataError("the server ended without a round of validation: expected " +
                      channel->place(round_name(1)));
  }

  // A model of this run; what it lacks of the run's end is judged later.
  void decrypt(const OwnerFolder& keys) {
    run_.file = open_model(files_.model, keys, expected_run());
    Disclosure door(keys.keys, keys.folder);
    run_.model = classifier_of(open_weights(door, run_.file, origin()), run_.file.model.layout);
  }

  Origin origin() const { return origin_of(quoted_path(files_.model), run_.file.data); }

  FinishedRun finished_run() const {
    if (!validated()) return {run_.sets.train, settings().config, settings().publish, std::nullopt};
    return {run_.sets.train, settings().config, settings().publish,
            FinishedRun::Validated{*run_.sets.validation, run_.validation.at("rounds"), kept_steps_,
                                   run_ended_, settings().balance}};
  }

  // Only what was judged: of numbers that left their range nobody knows the errors. That nothing is
  // published tells what they were like.
  void publish(const OwnerFolder& keys, double error) {
    Disclosure door(keys.keys, keys.folder);
    if (!run_.judgement["trusted"])
      return door.refuse(run_.file.model, origin(), "not published: not trusted");
    // Refused, the model is as good as without, and stays with its owner.
    try {
      run_.published = publish_weights(
          door, run_.file, origin(),
          {error, settings().budget, {}, validated() ? Validator::choices(run_.validation) : 1});
    } catch (const DataError& problem) {
      run_.not_published = problem.what();
    }
  }

  FinetuningHost& host_;
  const FinetuningFiles& files_;
  bool allow_insecure_;
  Stopwatch total_;
  FinetuningResult run_;
  bool held_out_ = false;  // the validation set, of the training set
  DataId trained_on_{};
  int kept_steps_ = 0;      // of the model that the validator kept
  bool run_ended_ = false;  // told to stop, or gone through
};

}  // namespace

LinearClassifier FinetuningResult::balanced(const LinearClassifier& of) const {
  return reference::balanced(of, class_counts(sets.train.labels, sets.train.classes),
                             settings.balance);
}

DecryptedModel FinetuningResult::on_features(const LinearClassifier& of) const {
  DecryptedModel decrypted{whitening ? whitening->unfold(of) : of,
                           LogitLimit::of(circuit_named(file.training.circuit)),
                           sets.train.class_names,
                           sets.train.feature_names,
                           sets.train.pooling,
                           sets.train.label_name};
  decrypted.encoder = sets.train.encoder;
  decrypted.features_member = sets.train.features_member;
  return party::balanced(std::move(decrypted), class_counts(sets.train.labels, sets.train.classes),
                         settings.balance);
}

nlohmann::json FinetuningResult::rounds() const {
  nlohmann::json out = validation.is_null() ? nlohmann::json::array() : validation.at("rounds");
  for (std::size_t i = 0; i < std::min(out.size(), exact.rounds.size()); ++i) {
    const ValidationScore& score = exact.rounds[i].score;
    out[i]["plain"] = {
        {"loss", score.loss}, {"accuracy", score.accuracy}, {"max_logit", score.max_logit}};
  }
  return out;
}

FinetuningResult finetune(FinetuningHost& host, FinetuningSettings settings, FinetuningSets sets,
                          const FinetuningFiles& files, bool allow_insecure) {
  return Finetuning(host, std::move(settings), std::move(sets), files, allow_insecure).run();
}

}  // namespace blindtuner::party
