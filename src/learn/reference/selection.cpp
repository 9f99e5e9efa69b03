#include "learn/reference/selection.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <numeric>
#include <optional>

#include "base/error.h"
#include "base/interrupt.h"
#include "features/data/whitening.h"
#include "features/samples/sample_groups.h"
#include "features/samples/shuffle.h"
#include "learn/reference/early_stopping.h"
#include "learn/reference/metrics.h"
#include "learn/reference/plain_reference.h"

namespace blindtuner::reference {
namespace {

/// The fold of every sample: those of a class are dealt in turn, copies to the first one's; groups
/// (features/samples/sample_groups.h) as a whole.
std::vector<int> deal(const Dataset& data, const TrialOptions& options) {
  const std::vector<std::uint32_t> groups = kept_together(data);
  if (data.groups.together && !groups.empty())
    return grouped_folds(data.labels, data.classes, options.folds, options.seed, groups);
  std::vector<int> fold(data.size()), next(static_cast<std::size_t>(data.classes));
  // Classes begin with different folds, so that small ones do not all fill the first.
  std::iota(next.begin(), next.end(), 0);
  const auto leader = [&](std::uint32_t i) { return groups.empty() ? i : groups[i]; };
  for (const std::uint32_t i : shuffled_indices(data.size(), options.seed))
    if (leader(i) == i) fold[i] = next[static_cast<std::size_t>(data.labels[i])]++ % options.folds;
  for (std::uint32_t i = 0; i < fold.size(); ++i) fold[i] = fold[leader(i)];
  return fold;
}

struct HeldOut {
  Dataset train, held;
};

HeldOut split_of(const Dataset& data, const std::vector<int>& fold, int held,
                 const TrialOptions& options) {
  std::vector<std::uint32_t> train, rest;
  for (const std::uint32_t i : shuffled_indices(data.size(), options.seed))
    (fold[i] == held ? rest : train).push_back(i);
  return {select(data, train), select(data, rest)};
}

/// Predictions and sums over the folds.
struct Scored {
  Labels predicted;
  std::array<Labels, kBalanceStrengths.size()> balanced;
  double loss = 0, max_logit = 0;
  bool in_range = true, dropped = false;
  int trials = 0, steps = 0;
  bool active() const { return in_range && !dropped; }
};

// Standard errors.
constexpr double kClearly = 3;

void append(Labels& all, const Labels& more) { all.insert(all.end(), more.begin(), more.end()); }

void add_fold(Scored& scored, const Dataset& train, const Dataset& held,
              const TrainingSetting& setting, const TrialOptions& trial,
              const std::function<void()>& alive) {
  const HeadCircuit& circuit = *setting.circuit;
  const double limit = logit_limit(circuit);
  PlainOptions options;
  options.measure_models = false;
  options.predictions = [&](std::span<const double> z, std::span<double> p) {
    circuit.evaluate(z, p);
  };
  options.validation = &held;
  options.stopping = {trial.patience, limit, trial.balance};
  options.on_step = [&](const PlainStep& step) {
    ++scored.steps;
    throw_if_interrupted();
    alive();
    scored.max_logit = std::max(scored.max_logit, step.max_logit);
    // Written so that what is not a number is out of range.
    scored.in_range = scored.in_range && step.max_logit <= limit;
    return scored.in_range;
  };
  ++scored.trials;
  const PlainResult result = train_plain(train, nullptr, setting.config, options);
  if (!scored.in_range) return;
  const Eigen::MatrixXd logits = scores(result.model, held.features);
  const double most = std::max(logits.cwiseAbs().maxCoeff(),
                               scores(result.model, train.features).cwiseAbs().maxCoeff());
  scored.max_logit = std::max(scored.max_logit, most);
  scored.in_range = logits.allFinite() && most <= limit;
  append(scored.predicted, predict(logits));
  for (std::size_t s = 0; s < kBalanceStrengths.size(); ++s) {
    const Eigen::VectorXd shift =
        balance_shift(class_counts(train.labels, train.classes), kBalanceStrengths[s]);
    append(scored.balanced[s], predict(logits.rowwise() + shift.transpose()));
  }
  scored.loss +=
      validation_score(circuit.head(), logits, held.labels).loss * static_cast<double>(held.size());
}

std::vector<bool> right_of(const Scored& scored, const Labels& actual) {
  std::vector<bool> out;
  for (std::size_t i = 0; i < scored.predicted.size(); ++i)
    out.push_back(scored.predicted[i] == actual[i]);
  return out;
}

/// Settings of one pooling, by the epsilon of their whitening.
using ByEpsilon = std::map<double, std::vector<std::size_t>>;

/// Settings of one pooling, whose features these are before whitening.
void try_on_fold(const HeldOut& split, const ByEpsilon& by_epsilon,
                 std::span<const TrainingSetting> settings, const TrialOptions& options,
                 const std::function<void()>& alive, std::vector<Scored>& scored) {
  std::optional<Whitening> map;
  for (const auto& [epsilon, which] : by_epsilon) {
    HeldOut whitened = split;
    if (epsilon > 0) {
      map = map ? map->with_epsilon(epsilon) : Whitening::fit(split.train.features, epsilon);
      whitened.train.features = map->apply(split.train.features);
      whitened.held.features = map->apply(split.held.features);
    }
    for (const std::size_t s : which)
      add_fold(scored[s], whitened.train, whitened.held, settings[s], options, alive);
  }
}

Quality quality_of(const Labels& predicted, const Labels& actual, int classes) {
  return {accuracy(predicted, actual), balanced_accuracy(predicted, actual, classes),
          macro_f1(predicted, actual, classes)};
}

Trial trial_of(const Scored& scored, const Labels& actual, int classes) {
  Trial out;
  out.max_logit = scored.max_logit;
  out.in_range = scored.in_range;
  out.trials = scored.trials;
  out.steps = scored.steps;
  if (!scored.in_range) return out;
  const Labels seen(actual.begin(),
                    actual.begin() + static_cast<std::ptrdiff_t>(scored.predicted.size()));
  out.quality = quality_of(scored.predicted, seen, classes);
  for (const Labels& predicted : scored.balanced)
    out.balanced.push_back(quality_of(predicted, seen, classes));
  out.loss = scored.loss / static_cast<double>(seen.size());
  out.right = right_of(scored, actual);
  return out;
}

/// How much less accurate than another, and the standard error of that, on the same samples.
struct Deficit {
  double mean = 0, error = 0;
};

Deficit deficit(const std::vector<bool>& best, const std::vector<bool>& other) {
  double sum = 0, squares = 0;
  const auto samples = static_cast<double>(best.size());
  for (std::size_t i = 0; i < best.size(); ++i) {
    const double d = static_cast<double>(best[i]) - static_cast<double>(other[i]);
    sum += d;
    squares += d * d;
  }
  const double mean = sum / samples;
  return {mean, std::sqrt(std::max(0.0, squares / samples - mean * mean) / samples)};
}

/// Settings that another is clearly better than need no further trial.
void drop_the_worse(std::vector<Scored>& scored, const Labels& actual) {
  std::vector<std::vector<bool>> right(scored.size());
  std::size_t best = scored.size();
  const auto count = [&](std::size_t s) {
    return std::count(right[s].begin(), right[s].end(), true);
  };
  for (std::size_t s = 0; s < scored.size(); ++s) {
    if (!scored[s].active()) continue;
    right[s] = right_of(scored[s], actual);
    if (best == scored.size() || count(s) > count(best)) best = s;
  }
  for (std::size_t s = 0; s < scored.size(); ++s) {
    if (!scored[s].active()) continue;
    const Deficit d = deficit(right[best], right[s]);
    scored[s].dropped = d.mean > std::max(kAsGood, kClearly * d.error);
  }
}

std::ptrdiff_t classes_in(const Dataset& set) {
  const std::vector<std::size_t> counts = class_counts(set.labels, set.classes);
  return std::count_if(counts.begin(), counts.end(), [](std::size_t count) { return count > 0; });
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
  const auto alive = [&] {
    int done = 0;
    for (const Scored& s : scored) done += s.trials;
    const auto all = static_cast<double>(settings.size()) * options.trials;
    if (options.progress) options.progress(std::max(0, done - 1) / all);
  };
  for (int held = 0; held < options.trials; ++held) {
    const HeldOut split = split_of(data, fold, held, options);
    // Of a class of one sample there is nothing to train on where that is held out.
    if (split.held.size() == 0 || classes_in(split.train) < 2) continue;
    actual.insert(actual.end(), split.held.labels.begin(), split.held.labels.end());
    // Settings of one pooling and whitening follow from the same features.
    std::map<std::size_t, ByEpsilon> by_pooling;
    for (std::size_t s = 0; s < settings.size(); ++s)
      if (scored[s].active()) by_pooling[settings[s].pooling][settings[s].epsilon].push_back(s);
    for (const auto& group : by_pooling) {
      const auto try_on = [&](const HeldOut& of) {
        try_on_fold(of, group.second, settings, options, alive, scored);
      };
      if (data.poolings.empty()) {
        try_on(split);
      } else {
        const std::string& name = data.poolings.at(group.first).name;
        try_on({of_pooling(split.train, name, "the training set"),
                of_pooling(split.held, name, "the training set")});
      }
    }
    drop_the_worse(scored, actual);
  }
  if (actual.empty()) throw DataError("the training set: too few samples to hold any out");
  std::vector<Trial> out;
  for (const Scored& s : scored) out.push_back(trial_of(s, actual, data.classes));
  return out;
}

std::size_t cheapest_of_the_best(std::span<const Trial> trials, std::span<const double> costs) {
  require(trials.size() == costs.size(), "cheapest_of_the_best: lengths");
  const Trial* best = nullptr;
  for (const Trial& t : trials)
    if (t.in_range &&
        (best == nullptr || std::pair(t.right.size(), t.quality.accuracy) >
                                std::pair(best->right.size(), best->quality.accuracy)))
      best = &t;
  if (best == nullptr)
    throw DataError(
        "no settings keep the logits of this data within the range of a circuit: have features "
        "whitened, and take a smaller learning rate or, of softmax, the family of circuits 'wide'");
  const auto as_good = [&](const Trial& t) {
    if (t.right.size() < best->right.size()) return false;
    const Deficit d = deficit(best->right, t.right);
    return d.mean <= std::max(kAsGood, d.error);
  };
  std::vector<std::size_t> good;
  for (std::size_t i = 0; i < trials.size(); ++i)
    if (trials[i].in_range && as_good(trials[i])) good.push_back(i);
  double least = costs[good.front()];
  for (const std::size_t i : good) least = std::min(least, costs[i]);
  std::erase_if(good, [&](std::size_t i) { return costs[i] > 1.05 * least; });
  return *std::max_element(good.begin(), good.end(), [&](std::size_t a, std::size_t b) {
    return trials[a].quality.accuracy < trials[b].quality.accuracy;
  });
}

std::size_t best_balance(const Trial& trial) {
  require(trial.balanced.size() == kBalanceStrengths.size(), "best_balance: out of range");
  const auto best = std::max_element(
      trial.balanced.begin(), trial.balanced.end(), [](const Quality& a, const Quality& b) {
        return a.balanced_accuracy + a.macro_f1 < b.balanced_accuracy + b.macro_f1;
      });
  return static_cast<std::size_t>(best - trial.balanced.begin());
}

}  // namespace blindtuner::reference
