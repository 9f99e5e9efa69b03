#include "party/owner/finetuning.h"

#include <blindtuner/finetuning.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "api/common/state.h"
#include "api/common/training_options.h"
#include "api/owner/samples.h"
#include "api/owner/shared.h"
#include "base/atomic_file.h"
#include "base/error.h"
#include "base/json.h"
#include "base/path.h"
#include "learn/reference/balance.h"
#include "learn/reference/early_stopping.h"
#include "learn/reference/metrics.h"
#include "party/owner/data_checks.h"
#include "party/owner/exchange.h"
#include "rlwe/written_parameters.h"

namespace blindtuner {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::size_t kMaxBatch = std::size_t{1} << 30;  // as --batch

/// Classes that labels show, as the command counts them.
features::Dataset copy_of(const DataSet& data, int classes) {
  require(data.labels.size() == data.samples(), "as many labels as samples");
  features::Dataset out;
  out.features = matrix_of(data);
  out.labels.assign(data.labels.begin(), data.labels.end());
  out.classes = classes;
  return out;
}

int classes_of(const DataSet& data) {
  const auto most = std::max_element(data.labels.begin(), data.labels.end());
  if (most == data.labels.end()) throw DataError("samples: there are none");
  if (*most < 0 || *most >= features::kMaxLabels)
    throw DataError("samples: labels that are no class");
  return std::max(2, *most + 1);
}

void check(const FinetuningOptions& o, int classes) {
  const auto number = [](double x) { return std::isfinite(x); };
  const auto within = [](const auto& given, auto least, auto most) {
    return !given || (*given >= least && *given <= most);
  };
  require(o.preset == "auto" || o.preset == "fast" || o.preset == "thorough" || o.preset == "paper",
          "a preset: auto, fast, thorough or paper");
  require(!o.softmax || !o.softmax->empty(), "the name of a family of circuits");
  require(within(o.range, 1.0, kMaxRange), "a range of 1 to 10^4");
  require(within(o.steps, 1, learn::kMaxSteps) && within(o.epochs, 1, learn::kMaxSteps) &&
              !(o.steps && o.epochs),
          "a number of steps or of epochs, 1 to 100,000");
  require(within(o.learning_rate, learn::kMinRate, learn::kMaxRate),
          "a learning rate of 1e-12 to 1e6");
  require(within(o.batch, std::size_t{1}, kMaxBatch), "a batch of 1 to 2^30 samples");
  require(!o.epsilon || (number(*o.epsilon) && *o.epsilon > 0), "an epsilon above 0");
  require(!o.l2 || number(*o.l2), "a finite l2");
  require(within(o.validation_every, 0, learn::kMaxSteps), "steps between rounds, or 0");
  require(!o.validation_fraction || (*o.validation_fraction >= 0 && *o.validation_fraction < 1),
          "a fraction to validate with, or 0");
  require(o.patience >= 1 && o.patience <= reference::kMaxPatience, "a patience of 1 to 10,000");
  require(!o.balance || (*o.balance >= 0 && *o.balance <= 1), "a strength of balance, 0 to 1");
  require(o.class_weights.empty() || o.class_weights.size() == static_cast<std::size_t>(classes),
          "a weight for every class");
  for (const double weight : o.class_weights)
    require(number(weight) && weight > 0, "weights of classes are above 0");
}

party::FinetuningSettings settings_of(const FinetuningOptions& o, const features::Dataset& train,
                                      bool validated) {
  party::FinetuningWishes wishes;
  wishes.preset = o.preset;
  if (!o.configuration.empty()) {
    wishes.config =
        config_of({.configuration = o.configuration}, static_cast<std::size_t>(train.classes));
    if (o.head) wishes.config->head = *o.head;
  }
  if (o.head) wishes.head = *o.head;
  wishes.steps = o.steps.value_or(0);
  wishes.epochs = o.epochs.value_or(0);
  wishes.learning_rate = o.learning_rate.value_or(0);
  wishes.batch = o.batch.value_or(0);
  wishes.validation_every = o.validation_every.value_or(-1);
  wishes.l2 = o.l2;
  wishes.whitened = o.whitened;
  wishes.epsilon = o.epsilon;
  wishes.softmax = o.softmax.value_or("");
  wishes.range = o.range.value_or(0);
  wishes.validation_fraction = o.validation_fraction.value_or(-1);
  party::FinetuningSettings s = party::settings_of(wishes, train);
  if (!o.validation_fraction && !validated) {
    // A preset's share of few samples may be none.
    const auto counts = features::class_counts(train.labels, train.classes);
    if (std::none_of(counts.begin(), counts.end(), [&](std::size_t n) {
          return std::round(s.validation_fraction * static_cast<double>(n)) >= 1;
        }))
      s.validation_fraction = 0;
  }
  s.patience = o.patience;
  s.seed = features::OrderSeed::parse(o.seed, "seed");
  s.balance = !o.class_weights.empty() ? 0 : o.balance.value_or(party::kChooseBalance);
  s.unchecked = o.unchecked;
  return s;
}

class Host : public party::FinetuningHost {
 public:
  Host(const fs::path& folder, const std::function<void(const ServerTask&)>& server,
       const OwnerNotices& notices)
      : keys_(folder / "keys"),
        rounds_(folder / "rounds"),
        last_(folder / "last.enc"),
        server_(server) {
    listener = listener_of(notices);
    advice_on_few =
        "give a larger share to validate with, or 0, which trains without early stopping";
    advice_on_range =
        "take the preset auto, a smaller learning rate or the circuits 'wide' (unchecked trains "
        "all "
        "the same)";
  }

  void expect(const plan::Forecast&, bool) override {}
  bool has_keys() const override { return false; }
  party::OwnerFolder open_keys(const party::KeygenRequest& needed) override {
    return make_keys(needed);
  }
  party::OwnerFolder make_keys(const party::KeygenRequest& request) override {
    try {
      (void)party::make_keys(keys_, request, false, {}, listener);
    } catch (...) {
      std::error_code error;  // unless there is something in it
      fs::remove(keys_, error);
      throw;
    }
    return party::open_keys_to_encrypt(keys_, request.allow_insecure, {}, listener);
  }
  std::shared_ptr<transport::Channel> exchange(const party::OwnerFolder& keys) override {
    return party::open_exchange(rounds_, keys, files.model);
  }
  void train(const party::OwnerFolder&, const party::TrainingWay& way,
             const std::function<void()>& answer) override {
    json configuration = learn::to_json(way.config);
    configuration.erase("classes");  // the keys'
    ServerTask task;
    task.evaluation_keys = party::evaluation_keys_path(keys_);
    task.data = files.data;
    task.options = {json_text(configuration), way.softmax, way.range};
    if (answer) {
      task.validation = files.validation;
      task.exchange = rounds_;
    }
    task.model = answer ? last_ : files.model;
    task.answer = answer ? answer : [] {};
    server_(task);
  }

  party::FinetuningFiles files;

 private:
  const fs::path keys_, rounds_, last_;
  const std::function<void(const ServerTask&)>& server_;
};

/// Nothing of an earlier run, or of anybody's, is replaced.
void require_empty(const fs::path& folder) {
  if (!path_exists(folder)) return;
  require_folder(folder);
  std::error_code error;
  const fs::directory_iterator first(folder, error), none;
  if (error) throw DataError("cannot look into " + quoted_path(folder) + ": " + error.message());
  if (first != none)
    throw DataError(quoted_path(folder) + ": holds " + quoted_path(first->path().filename()) +
                    "; a run takes a folder that is empty or not there: give another");
}

std::string report_of(const party::FinetuningResult& run, double largest) {
  json out = {{"samples", run.sets.train.size()},
              {"features", run.sets.train.width()},
              {"classes", run.sets.train.classes},
              {"batch", run.settings.config.batch_size},
              {"steps", run.file.training.steps},
              {"config", learn::to_json(run.settings.config)},
              {"softmax", run.file.training.circuit},
              {"epsilon", run.settings.epsilon},
              {"way", run.settings.name},
              {"balance", run.settings.balance},
              {"seed", run.settings.seed.text()},
              {"max_logit", largest},
              {"seconds", run.seconds}};
  out.update(run.judgement);
  if (!run.choice.is_null()) out["choice"] = run.choice;
  out["rounds"] = run.rounds();
  if (!run.validation.is_null()) {
    json& validation = out["validation"] = run.validation;
    validation.erase("rounds");
    validation["samples"] = run.sets.validation->size();
  }
  return json_text(out);
}

}  // namespace

FinetuningOutcome finetune(const Context& context, const fs::path& relative, const DataSet& samples,
                           const FinetuningOptions& options,
                           const std::function<void(const ServerTask&)>& server,
                           const OwnerNotices& notices, const DataSet& validation) {
  const UseContext use(context);
  require(server != nullptr, "somebody plays the server");
  const int classes = classes_of(samples);
  check(options, classes);
  party::FinetuningSets sets;
  sets.train = copy_of(samples, classes);
  if (!validation.labels.empty() || !validation.features.empty())
    sets.validation = copy_of(validation, classes);
  party::FinetuningSettings settings =
      settings_of(options, sets.train, sets.validation.has_value());
  if (!options.class_weights.empty())
    party::require_log_odds(learn::head_named(settings.config.head));

  settings.parameters = rlwe::for_one_owner(options.parameters.state()->parameters->literal());

  const fs::path folder = absolute_path(relative);
  require_empty(folder);
  make_folder(folder);
  check_writable(folder / "data.enc");
  Host host(folder, server, notices);
  json said;
  features::validate_training_set(sets.train, "the training set");
  party::tell_of_training_set(sets.train, "the training set", party::TrainingPart::kAll, said,
                              host.listener);
  host.files = {folder / "data.enc",
                folder / "validation.enc",
                folder / "model.enc",
                folder / "whitening.npz",
                {}};
  const party::FinetuningResult run = party::finetune(host, std::move(settings), std::move(sets),
                                                      host.files, context.allows_insecure());

  const double largest =
      reference::largest_logit(features::scores(run.model, run.sets.train.features));
  const features::LinearClassifier model =
      options.class_weights.empty()
          ? run.on_features(run.model).classifier
          : reference::weighted(run.on_features(run.model).classifier, options.class_weights);
  FinetuningOutcome out;
  out.model = linear_model_of(model);
  out.model.steps = run.file.training.steps;
  out.model.complete = true;
  out.trusted = run.judgement["trusted"].get<bool>();
  out.problems = run.judgement.value("reasons", std::vector<std::string>{});
  out.report = report_of(run, largest);
  return out;
}

}  // namespace blindtuner
