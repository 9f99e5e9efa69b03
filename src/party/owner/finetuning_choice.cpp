#include "party/owner/finetuning_choice.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdio>
#include <exception>
#include <optional>
#include <span>

#include "base/error.h"
#include "features/samples/shuffle.h"
#include "learn/head.h"
#include "learn/reference/selection.h"

namespace blindtuner::party {
using namespace reference;
namespace {

using nlohmann::json;

// How much work a trial may be: samples * features * classes.
constexpr double kTrialSize = 4e8;
// A wider pooling takes minutes to try, and hours to train with.
constexpr std::size_t kWidestPooling = 2048;
// With fewer nothing can be told apart.
constexpr std::size_t kFewSamples = 20;
// Classes are uneven from this ratio of the most to the least frequent one on.
constexpr double kUneven = 2;

json to_json(const Quality& quality) {
  return {{"accuracy", quality.accuracy},
          {"balanced_accuracy", quality.balanced_accuracy},
          {"macro_f1", quality.macro_f1}};
}

json trial_json(const std::string& name, const Trial& trial) {
  json out = trial.in_range ? to_json(trial.quality) : json::object();
  out.update({{"way", name},
              {"in_range", trial.in_range},
              {"held_out", trial.trials},
              {"steps", trial.steps}});
  if (std::isfinite(trial.max_logit)) out["max_logit"] = trial.max_logit;
  if (trial.in_range) out["loss"] = trial.loss;
  return out;
}

std::string words(const json& quality) {
  char text[200];
  std::snprintf(text, sizeof text, "accuracy %.2f %%, balanced %.2f %%, macro F1 %.4f",
                100 * quality["accuracy"].get<double>(),
                100 * quality["balanced_accuracy"].get<double>(),
                quality["macro_f1"].get<double>());
  return text;
}

const json& taken_of(const json& choice) {
  return *std::find_if(choice["trials"].begin(), choice["trials"].end(),
                       [&](const json& trial) { return trial["way"] == choice["way"]; });
}

/// None: all samples.
std::optional<Dataset> part_of(const Dataset& train, std::size_t width, const OrderSeed& seed) {
  const std::size_t samples = trial_samples(train.size(), width, train.classes);
  if (samples == train.size()) return {};
  std::vector<std::uint32_t> some = shuffled_indices(train.size(), seed.bytes());
  some.resize(samples);
  return select(train, some);
}

struct Tried {
  std::size_t taken = 0;      ///< the first one where samples are too few
  std::vector<Trial> trials;  ///< none then
  json report;
};

/// All settings on parts of `train`, of `width` features at most; one cost a setting.
Tried try_all(const Dataset& train, std::size_t width, std::span<const TrainingSetting> settings,
              std::span<const double> costs, const StoppingRule& rule, const OrderSeed& seed,
              const std::function<void(double)>& progress) {
  Tried out;
  out.report = {{"trials", json::array()}};
  const std::optional<Dataset> part = part_of(train, width, seed);
  const Dataset& data = part ? *part : train;
  // Of a part that is drawn all may be of the largest class.
  const int first = data.labels.front();
  const bool several = std::any_of(data.labels.begin(), data.labels.end(),
                                   [&](int label) { return label != first; });
  if (train.size() >= kFewSamples && several) {
    TrialOptions options;
    options.patience = rule.patience;
    options.balance = rule.balance;
    options.seed = seed.bytes();
    options.progress = progress;
    out.trials = try_settings(data, settings, options);
    out.taken = cheapest_of_the_best(out.trials, costs);
    out.report.update({{"samples", data.size()}, {"folds", options.folds}});
    for (std::size_t i = 0; i < out.trials.size(); ++i)
      out.report["trials"].push_back(trial_json(settings[i].name, out.trials[i]));
  }
  out.report["way"] = settings[out.taken].name;
  return out;
}

}  // namespace

std::size_t trial_samples(std::size_t samples, std::size_t width, int classes) {
  const double most = kTrialSize / (static_cast<double>(width) * classes);
  return std::min(samples, std::max<std::size_t>(1000, static_cast<std::size_t>(most)));
}

json choose_pooling(Dataset& train, const std::vector<Dataset*>& others,
                    const std::function<TrainingWay(const Dataset&)>& way, int patience,
                    const OrderSeed& seed) {
  for (const Dataset* other : others)
    if (other->poolings != train.poolings)
      throw DataError("the training set's features and the others' are of other poolings");
  std::vector<TrainingSetting> settings;
  std::vector<double> costs;
  std::size_t widest = 0;
  for (std::size_t p = 0; p < train.poolings.size(); ++p) {
    const Dataset one = of_pooling(train, train.poolings[p].name, "the training set");
    if (p > 0 && one.width() > kWidestPooling) continue;
    const TrainingWay trained = way(one);
    settings.push_back(
        {train.poolings[p].name, trained.config,
         &find_circuit({trained.config.head, trained.softmax, trained.range}, train.classes),
         trained.epsilon, p});
    // What is paid for on ciphertexts is the next power of two.
    costs.push_back(static_cast<double>(std::bit_ceil(one.width() + 1)));
    widest = std::max(widest, one.width());
  }
  Tried tried{0, {}, {{"way", settings.front().name}, {"trials", json::array()}}};
  if (settings.size() > 1) tried = try_all(train, widest, settings, costs, {patience}, seed, {});
  const std::string& name = settings[tried.taken].name;
  train = of_pooling(train, name, "the training set");
  for (Dataset* other : others) *other = of_pooling(*other, name, "another set");
  return std::move(tried.report);
}

std::string pooling_text(const json& choice) {
  const std::string name = choice["way"];
  if (choice["trials"].empty()) return "features of the pooling '" + name + "'";
  return "of " + std::to_string(choice["trials"].size()) +
         " poolings, tried in the clear on parts of the training set, takes '" + name +
         "': " + words(taken_of(choice));
}

Choice choose_way(const Dataset& train, const std::vector<TrainingWay>& ways,
                  const StoppingRule& rule, const OrderSeed& seed,
                  const std::function<double(const TrainingWay&)>& seconds,
                  const std::function<void(double)>& progress) {
  // Some have no softmax circuit for so many classes, or do not fit the parameters.
  std::vector<TrainingSetting> settings;
  std::vector<double> costs;
  std::vector<std::size_t> possible;
  std::exception_ptr refused;
  for (std::size_t i = 0; i < ways.size(); ++i) try {
      const TrainingWay& way = ways[i];
      const HeadCircuit& circuit =
          find_circuit({way.config.head, way.softmax, way.range}, train.classes);
      costs.push_back(seconds(way));
      settings.push_back({way.name, way.config, &circuit, way.epsilon});
      possible.push_back(i);
    } catch (const DataError&) {
      if (!refused) refused = std::current_exception();
    }
  if (settings.empty()) std::rethrow_exception(refused);
  Tried tried = try_all(train, train.width(), settings, costs, rule, seed, progress);
  Choice choice;
  choice.way = possible[tried.taken];
  choice.report = std::move(tried.report);
  if (tried.trials.empty()) return choice;
  for (std::size_t i = 0; i < costs.size(); ++i) choice.report["trials"][i]["seconds"] = costs[i];
  choice.report["best_balance"] = choice.balance;
  const std::vector<std::size_t> counts = class_counts(train.labels, train.classes);
  const auto [least, most] = std::minmax_element(counts.begin(), counts.end());
  choice.report["class_samples"] = {{"least", *least}, {"most", *most}};
  if (!settings[tried.taken].circuit->head().log_odds()) return choice;
  const Trial& taken = tried.trials[tried.taken];
  const std::size_t strength = best_balance(taken);
  choice.balance = kBalanceStrengths[strength];
  for (std::size_t s = 0; s < kBalanceStrengths.size(); ++s) {
    json line = to_json(taken.balanced[s]);
    line["strength"] = kBalanceStrengths[s];
    choice.report["balance"].push_back(std::move(line));
  }
  choice.report["best_balance"] = choice.balance;
  return choice;
}

std::string choice_text(const json& choice) {
  const std::string way = choice["way"];
  if (choice["trials"].empty()) return "too few samples to try settings on: takes '" + way + "'";
  char line[300];
  std::snprintf(line, sizeof line,
                "of %zu ways to train, tried in the clear on parts of the training set, takes '%s'",
                choice["trials"].size(), way.c_str());
  std::string out = std::string(line) + ": " + words(taken_of(choice));
  const auto least = choice["class_samples"]["least"].get<std::size_t>(),
             most = choice["class_samples"]["most"].get<std::size_t>();
  const double strength = choice["best_balance"];
  if (most < kUneven * static_cast<double>(least) || strength == 0) return out;
  std::snprintf(line, sizeof line,
                "\n        classes are uneven, %zu to %zu samples; with --balanced %g: ", least,
                most, strength);
  for (const json& balance : choice["balance"])
    if (balance["strength"] == strength) out += line + words(balance);
  return out;
}

}  // namespace blindtuner::party
