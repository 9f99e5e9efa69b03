#include "learn/reference/selection.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "features/data/whitening.h"
#include "features/samples/shuffle.h"

namespace blindtuner {
using namespace reference;
namespace {

/// Two classes, `share` of them class 1, one informative column and others of pure noise.
Dataset set_of(Eigen::Index samples, double share, Eigen::Index noise, std::uint64_t seed) {
  Prng prng(numbered_seed(seed));
  Dataset set;
  set.classes = 2;
  set.features.resize(samples, noise + 1);
  for (Eigen::Index i = 0; i < samples; ++i) {
    const int label = static_cast<double>(i % 100) < 100 * share ? 1 : 0;
    set.labels.push_back(label);
    set.features(i, 0) = static_cast<float>(normal_pair(prng).first + (label == 1 ? 2.0 : 0.0));
    for (Eigen::Index j = 1; j <= noise; ++j)
      set.features(i, j) = static_cast<float>(normal_pair(prng).first);
  }
  return set;
}

TrainingSetting setting(const char* name, double rate, int steps = 8) {
  TrainingSetting out;
  out.name = name;
  out.config = default_training_config();
  out.config.classes = 2;
  out.config.validation_every = 1;
  set_steps(out.config, steps);
  out.config.learning_rate = rate;
  out.circuit = &find_circuit({}, 2);
  out.epsilon = Whitening::kDefaultEpsilon;
  return out;
}

TEST(Selection, TriesOnWhatWasHeldOut) {
  // Labels that have nothing to do with the features: no better than chance where they were held
  // out, whatever is learnt by heart. 600 coin tosses leave 0.5 +- 0.12 once in a hundred million.
  Dataset set = set_of(600, 0.5, 60, 1);
  Prng prng(numbered_seed(7));
  for (int& label : set.labels) label = static_cast<int>(uniform_below(prng, 2));
  const TrainingSetting settings[] = {setting("a", 4)};
  TrialOptions options;
  const Trial trial = try_settings(set, settings, options).front();
  EXPECT_EQ(trial.right.size(), 600u);
  EXPECT_NEAR(trial.quality.accuracy, 0.5, 0.12);
  options.trials = 1;
  EXPECT_NEAR(static_cast<double>(try_settings(set, settings, options).front().right.size()), 120,
              1);
}

// Where the only sample of one of two classes is held out, nothing can be trained on the rest.
TEST(Selection, AClassOfOneSample) {
  Dataset set = set_of(50, 0, 2, 3);
  set.labels[17] = 1;
  const TrainingSetting settings[] = {setting("a", 4)};
  const Trial trial = try_settings(set, settings, {}).front();
  EXPECT_EQ(trial.trials, 4);
  EXPECT_NEAR(static_cast<double>(trial.right.size()), 40, 1);
  EXPECT_EQ(trial.quality.accuracy, 1);
}

TEST(Selection, CopiesAreInOneFold) {
  // Coin tosses again, every sample five times: 200 of them leave 0.5 +- 0.2 once in 80 million.
  const Dataset once = set_of(200, 0.5, 40, 2);
  std::vector<std::uint32_t> rows;
  for (std::uint32_t i = 0; i < 200; ++i) rows.insert(rows.end(), 5, i);
  Dataset set = select(once, rows);
  Prng prng(numbered_seed(8));
  for (std::size_t i = 0; i < set.size(); ++i)
    set.labels[i] = i % 5 == 0 ? static_cast<int>(uniform_below(prng, 2)) : set.labels[i - 1];
  const TrainingSetting settings[] = {setting("a", 4)};
  const Trial trial = try_settings(set, settings, {}).front();
  EXPECT_EQ(trial.right.size(), 1000u);
  EXPECT_LT(trial.quality.accuracy, 0.7);
}

TEST(Selection, GroupsAreInOneFold) {
  // Tosses for 50 people, of whom each is nearly the same in 20 samples.
  const Dataset once = set_of(50, 0.5, 40, 2);
  std::vector<std::uint32_t> rows;
  for (std::uint32_t i = 0; i < 50; ++i) rows.insert(rows.end(), 20, i);
  Dataset set = select(once, rows);
  Prng prng(numbered_seed(8));
  for (std::size_t i = 0; i < set.size(); ++i) {
    set.groups.values.push_back(std::to_string(i / 20));
    set.features(static_cast<Eigen::Index>(i), 0) += 0.01F * static_cast<float>(i % 20);
    set.labels[i] = i % 20 == 0 ? static_cast<int>(uniform_below(prng, 2)) : set.labels[i - 1];
  }
  const TrainingSetting settings[] = {setting("a", 4)};
  EXPECT_GT(try_settings(set, settings, {}).front().quality.accuracy, 0.9);
  set.groups.together = true;
  const Trial trial = try_settings(set, settings, {}).front();
  EXPECT_EQ(trial.right.size(), 1000u);
  EXPECT_LT(trial.quality.accuracy, 0.75);
}

TEST(Selection, OutOfRangeCountsForNothing) {
  const Dataset set = set_of(500, 0.5, 3, 2);
  const TrainingSetting settings[] = {setting("good", 2), setting("wild", 1e5),
                                      setting("wilder", 1e6)};
  const std::vector<Trial> trials = try_settings(set, settings, {});
  EXPECT_TRUE(trials[0].in_range);
  EXPECT_GT(trials[0].quality.accuracy, 0.7);
  for (const std::size_t i : {1, 2}) {
    EXPECT_FALSE(trials[i].in_range);
    EXPECT_FALSE(trials[i].max_logit <= 22);
  }
  const double costs[] = {9, 1, 1};
  EXPECT_EQ(cheapest_of_the_best(trials, costs), 0u);
  EXPECT_THROW(cheapest_of_the_best(std::span(trials).subspan(1), std::span(costs).subspan(1)),
               DataError);
}

TEST(Selection, TheCheapestAmongTheBest) {
  const auto trial = [](int right, int of) {
    Trial t;
    t.in_range = true;
    for (int i = 0; i < of; ++i) t.right.push_back(i < right);
    t.quality.accuracy = static_cast<double>(right) / of;
    return t;
  };
  // Half a point apart on 10,000 samples is seven standard errors; a fifth of one is little.
  const std::vector<Trial> many = {trial(9500, 10000), trial(9450, 10000), trial(9481, 10000)};
  const double costs[] = {100, 1, 10};
  EXPECT_EQ(cheapest_of_the_best(many, costs), 2u);
  // Where the cost is the same, the best.
  const double same[] = {10.2, 1, 10};
  EXPECT_EQ(cheapest_of_the_best(many, same), 0u);
  // One sample of 40 more where five differ is less than a standard error.
  Trial other = trial(40, 40);
  other.right[3] = other.right[5] = other.right[7] = false;
  Trial best = trial(40, 40);
  best.right[9] = best.right[11] = false;
  best.quality.accuracy = 38.0 / 40;
  other.quality.accuracy = 37.0 / 40;
  const std::vector<Trial> few = {best, other};
  const double two[] = {100, 1};
  EXPECT_EQ(cheapest_of_the_best(few, two), 1u);
}

TEST(Selection, EachPoolingByItselfAndTheWorseNoFurther) {
  // Noise first, what tells the classes last.
  const Dataset informative = set_of(1000, 0.5, 0, 8);
  Dataset set = set_of(1000, 0.5, 3, 9);
  set.features.rightCols(1) = informative.features;
  set.features.col(0).setZero();
  set.poolings = {{"noise", {{0, 2}}}, {"both", {{1, 2}, {3, 1}}}};
  TrainingSetting second = setting("both", 4);
  second.pooling = 1;
  const TrainingSetting settings[] = {setting("noise", 4), second};
  const std::vector<Trial> trials = try_settings(set, settings, {});
  EXPECT_LT(trials[0].quality.accuracy, 0.6);
  EXPECT_GT(trials[1].quality.accuracy, 0.75);
  // As if it were alone.
  const Dataset alone = of_pooling(set, "both", "set");
  const TrainingSetting first[] = {setting("both", 4)};
  EXPECT_EQ(try_settings(alone, first, {})[0].loss, trials[1].loss);
  // What is clearly worse is tried no further, and not taken, however cheap.
  EXPECT_EQ(trials[1].trials, 5);
  EXPECT_EQ(trials[1].right.size(), 1000u);
  EXPECT_LT(trials[0].trials, 5);
  EXPECT_LT(trials[0].right.size(), 1000u);
  const double costs[] = {1, 10};
  EXPECT_EQ(cheapest_of_the_best(trials, costs), 1u);
}

TEST(Selection, BalanceFindsTheRareClass) {
  const Dataset set = set_of(2000, 0.05, 3, 3);
  const TrainingSetting settings[] = {setting("a", 4)};
  const Trial trial = try_settings(set, settings, {}).front();
  ASSERT_EQ(trial.balanced.size(), kBalanceStrengths.size());
  EXPECT_EQ(trial.balanced.front().accuracy, trial.quality.accuracy);
  EXPECT_GT(trial.balanced.back().balanced_accuracy, trial.quality.balanced_accuracy + 0.1);
  EXPECT_LT(trial.balanced.back().accuracy, trial.quality.accuracy);
  EXPECT_GT(best_balance(trial), 0u);
}

TEST(Balance, TakesTheProportionsOut) {
  const std::vector<std::size_t> counts = {900, 100, 0};
  const Eigen::VectorXd whole = balance_shift(counts, 1), half = balance_shift(counts, 0.5);
  EXPECT_NEAR(whole(1) - whole(0), std::log(9), 1e-12);
  EXPECT_NEAR(whole(2) - whole(0), std::log(900), 1e-12);  // as if it had one
  EXPECT_NEAR(whole.sum(), 0, 1e-12);
  EXPECT_LT((whole - 2 * half).norm(), 1e-12);
  EXPECT_EQ(balance_shift(counts, 0).norm(), 0);
  EXPECT_THROW(balance_shift(counts, 1.5), ContractError);
  LinearClassifier model{Eigen::MatrixXd::Ones(3, 2), Eigen::Vector3d(1, 2, 3)};
  EXPECT_EQ(balanced(model, counts, 1).bias, model.bias + whole);
  EXPECT_THROW(balanced(model, {1, 2}, 1), ContractError);
}

TEST(Selection, TheSameForTheSameSeed) {
  const Dataset set = set_of(300, 0.3, 3, 4);
  const TrainingSetting settings[] = {setting("a", 4), setting("b", 1)};
  TrialOptions options;
  options.seed = numbered_seed(5);
  const auto first = try_settings(set, settings, options),
             again = try_settings(set, settings, options);
  EXPECT_EQ(first[1].loss, again[1].loss);
  EXPECT_EQ(first[1].right, again[1].right);
  EXPECT_NE(first[0].loss, first[1].loss);
}

}  // namespace
}  // namespace blindtuner
