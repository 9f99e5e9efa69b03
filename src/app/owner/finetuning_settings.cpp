#include "app/owner/finetuning_settings.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdio>
#include <exception>
#include <numeric>
#include <optional>

#include "app/common/options.h"
#include "base/error.h"
#include "train/selection.h"

namespace blindtuner {
namespace {

using nlohmann::json;

/// One ciphertext of the big ring holds the scores of this many samples, at least.
std::size_t full_batch(int classes) {
  return std::max<std::size_t>(4096, 65536 / std::bit_ceil(static_cast<unsigned>(classes)));
}

TrainingWay fast(int classes) {
  TrainingWay way;
  way.name = "fast";
  way.config = default_training_config();
  way.config.classes = classes;
  way.config.validation_every = 1;
  way.config.batch_size = full_batch(classes);
  return way;
}

TrainingWay thorough(int classes) {
  TrainingWay way = fast(classes);
  way.name = "thorough";
  way.softmax = "wide";
  TrainingConfig& c = way.config;
  c.batch_size *= 2;
  c.steps = 40;
  c.learning_rate = 3;
  c.schedule = Schedule::kConstant;
  c.rate_decay = 0;
  c.momentum = 0.7;
  c.averaging_start = 34;
  c.validation_every = 2;
  return way;
}

TrainingWay paper(const Dataset& train) {
  TrainingWay way;
  way.name = "paper";
  way.epsilon = 0;
  way.softmax = "wide";
  TrainingConfig& c = way.config;
  c.classes = train.classes;
  c.batch_size = train.size() < 6000 ? 512 : train.size() < 40000 ? 1024 : 2048;
  c.first_batch_full = false;
  c.steps = 0;
  c.epochs = 30;
  c.learning_rate =
      std::min(1.0, 8.0 / static_cast<double>(train.features.rowwise().squaredNorm().mean()));
  c.method = Method::kNesterov;
  c.validation_every = 1;
  return way;
}

/// What `auto` chooses from: public, and the same for everybody. In docs/TRAINING.md.
std::vector<TrainingWay> choices(int classes) {
  std::vector<TrainingWay> out;
  const auto add = [&](TrainingWay way, const char* name, double rate, double epsilon) {
    way.name = name;
    way.config.learning_rate = rate;
    way.epsilon = epsilon;
    out.push_back(std::move(way));
  };
  add(fast(classes), "fast", 4, 0.01);
  add(fast(classes), "fast, smaller steps", 1, 0.01);
  add(fast(classes), "fast, smoother features", 4, 0.1);
  add(fast(classes), "fast, very smooth features", 4, 1);
  add(thorough(classes), "thorough", 3, 0.01);
  add(thorough(classes), "thorough, smoother features", 3, 0.1);
  return out;
}

// How much work trials may be: samples * features * classes.
constexpr double kTrialSize = 2e9;
constexpr std::size_t kOneFoldFrom = 10000;
// With fewer nothing can be told apart.
constexpr std::size_t kFewSamples = 20;
// Classes are uneven from this ratio of the most to the least frequent one on.
constexpr double kUneven = 2;

json to_json(const Quality& quality) {
  return {{"accuracy", quality.accuracy},
          {"balanced_accuracy", quality.balanced_accuracy},
          {"macro_f1", quality.macro_f1}};
}

json trial_json(const TrainingWay& way, const Trial& trial, double seconds) {
  json out = trial.in_range ? to_json(trial.quality) : json::object();
  out.update({{"way", way.name}, {"in_range", trial.in_range}, {"seconds", seconds}});
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

/// The first samples, as many as can be tried in a minute: the order is random. None: all of them.
std::optional<Dataset> part_of(const Dataset& train) {
  const double most = kTrialSize / (static_cast<double>(train.width()) * train.classes);
  const std::size_t samples =
      std::min(train.size(), std::max<std::size_t>(1000, static_cast<std::size_t>(most)));
  if (samples == train.size()) return {};
  std::vector<std::uint32_t> first(samples);
  std::iota(first.begin(), first.end(), 0u);
  return select(train, first);
}

}  // namespace

void add_run_key_options(CLI::App& command, RunKeys& keys) {
  command.add_option("--keys", keys.folder,
                     "folder of the keys, which are made where there are none (keys in --out)");
  command.add_flag("--new-keys", keys.fresh,
                   "make new keys though there are some, which are kept in a folder old-..");
  add_passphrase_options(command, keys.passphrase);
}

bool same_training(const TrainingWay& a, const TrainingWay& b) {
  return a.config == b.config && a.epsilon == b.epsilon && a.softmax == b.softmax &&
         a.range == b.range;
}

FinetuningSettings preset_settings(const std::string& name, const Dataset& train) {
  FinetuningSettings s;
  s.validation_fraction = std::min(0.1, 3000.0 / static_cast<double>(train.size()));
  TrainingWay& way = s;
  if (name == "auto") {
    s.choices = choices(train.classes);
    way = s.choices.front();
  } else if (name == "fast") {
    way = fast(train.classes);
  } else if (name == "thorough") {
    way = thorough(train.classes);
  } else {
    require(name == "paper", "no such preset");
    way = paper(train);
  }
  return s;
}

double largest_second_moment(const FeatureMatrix& features) {
  // Power iteration. Single precision will do, and so will some thousand samples.
  const Eigen::Index rows = std::min<Eigen::Index>(features.rows(), 4096);
  const auto x = features.topRows(rows);
  Eigen::VectorXf v = Eigen::VectorXf::Ones(features.cols()).normalized();
  // Not orthogonal to every direction by accident: each entry a little different.
  for (Eigen::Index j = 0; j < v.size(); ++j) v(j) *= 1 + 0.1f * static_cast<float>(j % 7);
  double moment = 0;
  for (int i = 0; i < 50; ++i) {
    const Eigen::VectorXf next = x.transpose() * (x * v) / static_cast<float>(rows);
    moment = next.norm() / v.norm();
    if (!(moment > 0) || !std::isfinite(moment)) return 1;
    v = next / next.norm();
  }
  return moment;
}

Choice choose_way(const Dataset& train, const std::vector<TrainingWay>& ways, int patience,
                  const OrderSeed& seed, const std::function<double(const TrainingWay&)>& seconds) {
  // Some have no softmax circuit for so many classes, or do not fit the parameters.
  std::vector<TrainingSetting> settings;
  std::vector<double> costs;
  std::vector<std::size_t> possible;
  std::exception_ptr refused;
  for (std::size_t i = 0; i < ways.size(); ++i) try {
      const TrainingWay& way = ways[i];
      const SoftmaxCircuit& circuit = find_softmax_circuit(way.softmax, train.classes, way.range);
      costs.push_back(seconds(way));
      settings.push_back({way.name, way.config, &circuit, way.epsilon});
      possible.push_back(i);
    } catch (const DataError&) {
      if (!refused) refused = std::current_exception();
    }
  if (settings.empty()) std::rethrow_exception(refused);
  Choice choice;
  choice.way = possible.front();
  choice.report = {{"way", ways[choice.way].name}, {"trials", json::array()}};
  if (train.size() < kFewSamples) return choice;

  std::optional<Dataset> part = part_of(train);
  const Dataset& data = part ? *part : train;
  TrialOptions options;
  options.trials = data.size() >= kOneFoldFrom ? 1 : options.folds;
  options.patience = patience;
  options.seed = seed.bytes();
  const std::vector<Trial> trials = try_settings(data, settings, options);
  const std::size_t taken = cheapest_of_the_best(trials, costs);
  choice.way = possible[taken];
  choice.report.update({{"way", ways[choice.way].name},
                        {"samples", data.size()},
                        {"folds", options.folds},
                        {"held_out", options.trials}});
  for (std::size_t i = 0; i < trials.size(); ++i)
    choice.report["trials"].push_back(trial_json(ways[possible[i]], trials[i], costs[i]));
  const std::size_t strength = best_balance(trials[taken]);
  choice.balance = kBalanceStrengths[strength];
  for (std::size_t s = 0; s < kBalanceStrengths.size(); ++s) {
    json line = to_json(trials[taken].balanced[s]);
    line["strength"] = kBalanceStrengths[s];
    choice.report["balance"].push_back(std::move(line));
  }
  choice.report["best_balance"] = choice.balance;
  const std::vector<std::size_t> counts = class_counts(train.labels, train.classes);
  const auto [least, most] = std::minmax_element(counts.begin(), counts.end());
  choice.report["class_samples"] = {{"least", *least}, {"most", *most}};
  return choice;
}

std::string choice_text(const json& choice) {
  const std::string way = choice["way"];
  if (choice["trials"].empty()) return "too few samples to try settings on: takes '" + way + "'";
  const json* taken = nullptr;
  for (const json& trial : choice["trials"])
    if (trial["way"] == way) taken = &trial;
  char line[300];
  std::snprintf(line, sizeof line,
                "of %zu ways to train, tried in the clear on parts of the training set, takes '%s'",
                choice["trials"].size(), way.c_str());
  std::string out = std::string(line) + ": " + words(*taken);
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

}  // namespace blindtuner
