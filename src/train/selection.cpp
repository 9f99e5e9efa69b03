#include "train/selection.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <optional>

#include "base/error.h"
#include "base/interrupt.h"
#include "data/balance.h"
#include "data/shuffle.h"
#include "data/whitening.h"
#include "train/early_stopping.h"
#include "train/metrics.h"
#include "train/plain_reference.h"

namespace blindtuner {
namespace {

/// The fold of every sample: those of a class are dealt in turn.
std::vector<int> deal(const Dataset& data, const TrialOptions& options) {
  std::vector<int> fold(data.size()), next(static_cast<std::size_t>(data.classes));
  // Classes begin with different folds, so that small ones do not all fill the first.
  std::iota(next.begin(), next.end(), 0);
  for (const std::uint32_t i : shuffled_indices(data.size(), options.seed))
    fold[i] = next[static_cast<std::size_t>(data.labels[i])]++ % options.folds;
  return fold;
}

struct Halves {
  Dataset train, held;
};

Halves halves_of(const Dataset& data, const std::vector<int>& fold, int held,
                 const TrialOptions& options) {
  std::vector<std::uint32_t> train, rest;
  for (const std::uint32_t i : shuffled_indices(data.size(), options.seed))
    (fold[i] == held ? rest : train).push_back(i);
  return {select(data, train), select(data, rest)};
}

Dataset balanced(const Dataset& set, const Seed& seed) {
  return select(set, balanced_rows(set.labels, set.classes, kBalancedGrowth * set.size(), seed));
}

/// Predictions and sums over the folds.
struct Scored {
  Labels predicted;
  double loss = 0, max_logit = 0;
  bool in_range = true;
};

void add_fold(Scored& scored, const Dataset& train, const Dataset& stop_by, const Dataset& held,
              const TrainingSetting& setting, int patience) {
  const SoftmaxCircuit& circuit = *setting.circuit;
  const double limit = logit_limit(circuit);
  PlainOptions options;
  options.measure_models = false;
  options.softmax = [&](std::span<const double> z, std::span<double> p) {
    evaluate_softmax_circuit(circuit, z, p);
  };
  options.validation = &stop_by;
  options.stopping = {patience, limit};
  options.on_step = [&](const PlainStep& step) {
    throw_if_interrupted();
    scored.max_logit = std::max(scored.max_logit, step.max_logit);
    // Written so that what is not a number is out of range.
    scored.in_range = scored.in_range && step.max_logit <= limit;
    return scored.in_range;
  };
  const PlainResult result = train_plain(train, nullptr, setting.config, options);
  if (!scored.in_range) return;
  const Eigen::MatrixXd logits = scores(result.model, held.features);
  const double most = std::max(logits.cwiseAbs().maxCoeff(),
                               scores(result.model, train.features).cwiseAbs().maxCoeff());
  scored.max_logit = std::max(scored.max_logit, most);
  scored.in_range = logits.allFinite() && most <= limit;
  const Labels predicted = predict(logits);
  scored.predicted.insert(scored.predicted.end(), predicted.begin(), predicted.end());
  scored.loss += validation_score(logits, held.labels).loss * static_cast<double>(held.size());
}

Trial trial_of(const Scored& scored, const Labels& actual, int classes) {
  Trial out;
  out.max_logit = scored.max_logit;
  out.in_range = scored.in_range;
  if (!scored.in_range) return out;
  out.accuracy = accuracy(scored.predicted, actual);
  out.balanced_accuracy = balanced_accuracy(scored.predicted, actual, classes);
  out.macro_f1 = macro_f1(scored.predicted, actual, classes);
  out.loss = scored.loss / static_cast<double>(actual.size());
  const std::vector<std::size_t> counts = class_counts(actual, classes);
  const auto present = static_cast<double>(
      std::count_if(counts.begin(), counts.end(), [](std::size_t n) { return n > 0; }));
  for (std::size_t i = 0; i < actual.size(); ++i) {
    out.right.push_back(scored.predicted[i] == actual[i]);
    out.weight.push_back(static_cast<double>(actual.size()) / present /
                         static_cast<double>(counts[static_cast<std::size_t>(actual[i])]));
  }
  return out;
}

}  // namespace

std::vector<Trial> try_settings(const Dataset& data, std::span<const TrainingSetting> settings,
                                const TrialOptions& options) {
  require(options.folds >= 2 && options.trials >= 1 && options.trials <= options.folds,
          "try_settings: folds");
  validate_training_set(data, "the training set");
  const std::vector<int> fold = deal(data, options);
  std::vector<Scored> scored(settings.size());
  Labels actual;
  for (int held = 0; held < options.trials; ++held) {
    const Halves halves = halves_of(data, fold, held, options);
    if (halves.held.size() == 0) continue;
    actual.insert(actual.end(), halves.held.labels.begin(), halves.held.labels.end());
    // Settings of one whitening follow from the same features.
    std::optional<Whitening> map;
    std::map<double, std::vector<std::size_t>> by_epsilon;
    for (std::size_t s = 0; s < settings.size(); ++s)
      by_epsilon[settings[s].epsilon].push_back(s);
    for (const auto& [epsilon, which] : by_epsilon) {
      Dataset train = halves.train, rest = halves.held;
      if (epsilon > 0) {
        map = map ? map->with_epsilon(epsilon) : Whitening::fit(train.features, epsilon);
        train.features = map->apply(train.features);
        rest.features = map->apply(rest.features);
      }
      if (options.balanced) train = balanced(train, options.seed);
      const Dataset stop_by = options.balanced ? balanced(rest, options.seed) : rest;
      for (const std::size_t s : which)
        if (scored[s].in_range)
          add_fold(scored[s], train, stop_by, rest, settings[s], options.patience);
    }
  }
  if (actual.empty()) throw DataError("the training set: too few samples to hold any out");
  std::vector<Trial> out;
  for (const Scored& s : scored) out.push_back(trial_of(s, actual, data.classes));
  return out;
}

std::size_t cheapest_of_the_best(std::span<const Trial> trials, std::span<const double> costs,
                                 bool balanced) {
  require(trials.size() == costs.size(), "cheapest_of_the_best: lengths");
  const auto value = [&](const Trial& t) { return balanced ? t.balanced_accuracy : t.accuracy; };
  const Trial* best = nullptr;
  for (const Trial& t : trials)
    if (t.in_range && (best == nullptr || value(t) > value(*best))) best = &t;
  if (best == nullptr)
    throw DataError(
        "no settings keep the logits of this data within the range of a softmax circuit; are the "
        "features whitened?");
  const auto as_good = [&](const Trial& t) {
    double sum = 0, squares = 0;
    const auto samples = static_cast<double>(t.right.size());
    for (std::size_t i = 0; i < t.right.size(); ++i) {
      const double d = (best->right[i] - t.right[i]) * (balanced ? t.weight[i] : 1.0);
      sum += d;
      squares += d * d;
    }
    const double mean = sum / samples;
    const double error = std::sqrt(std::max(0.0, squares / samples - mean * mean) / samples);
    return mean <= std::max(0.001, error);
  };
  std::size_t chosen = trials.size();
  for (std::size_t i = 0; i < trials.size(); ++i)
    if (trials[i].in_range && as_good(trials[i]) &&
        (chosen == trials.size() || costs[i] < costs[chosen]))
      chosen = i;
  return chosen;
}

}  // namespace blindtuner
