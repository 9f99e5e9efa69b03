// The stopping rule, its score, and when rounds are due.
#include "learn/reference/early_stopping.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "learn/heads/softmax.h"
#include "learn/heads/squared.h"
#include "learn/training_config.h"

namespace blindtuner {
using namespace reference;
namespace {

/// Rounds until the rule stops (or the losses run out), and the best of them.
std::pair<int, int> run(const StoppingRule& rule, const std::vector<double>& losses) {
  EarlyStopping stopping(rule);
  for (const double loss : losses)
    if (!stopping.go_on({loss, 0.5, 1.0})) break;
  return {stopping.rounds(), stopping.best_round()};
}

TEST(EarlyStopping, StopsAfterPatienceRoundsWithoutASmallerLoss) {
  using Result = std::pair<int, int>;
  EXPECT_EQ(run({3, 0}, {5, 4, 3, 2, 1}), Result(5, 5));
  EXPECT_EQ(run({3, 0}, {5, 4, 6, 5, 4.5, 1}), Result(5, 2));
  EXPECT_EQ(run({3, 0}, {5, 6, 6, 4, 6, 6, 6, 1}), Result(7, 4));
  EXPECT_EQ(run({1, 0}, {5, 4, 4, 1}), Result(3, 2));  // equal is no better
  EXPECT_EQ(run({3, 0}, {}), Result(0, 0));
  EXPECT_THROW(EarlyStopping({0, 0}), ContractError);
}

TEST(EarlyStopping, NotANumberIsNoImprovementAndNoBest) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(run({2, 0}, {3, nan, nan, 1}), std::make_pair(3, 1));
  EXPECT_EQ(run({2, 0}, {nan, 3, 4, 5}), std::make_pair(4, 2));
}

TEST(EarlyStopping, StopsBeyondTheLimitOfTheLogits) {
  EarlyStopping stopping({3, 10});
  EXPECT_TRUE(stopping.go_on({3, 0.5, 10}));
  // The model may well be the best one; it is the next step that is not to be taken.
  EXPECT_FALSE(stopping.go_on({2, 0.5, 10.5}));
  EXPECT_EQ(stopping.best_round(), 2);
  EarlyStopping broken({3, 10});
  EXPECT_FALSE(broken.go_on({3, 0.5, std::numeric_limits<double>::quiet_NaN()}));
}

TEST(EarlyStopping, TheLimitLiesWithinWhatTheCircuitStands) {
  for (const HeadCircuit* each : head_circuits()) {
    const HeadCircuit& circuit = *each;
    EXPECT_GE(logit_limit(circuit), circuit.range) << circuit.name;
    EXPECT_LE(logit_limit(circuit), std::max(circuit.range, circuit.stable_range)) << circuit.name;
  }
}

TEST(EarlyStopping, Score) {
  Eigen::MatrixXd scores(3, 2);
  scores << 2, 0, -1, 1, 800, -800;
  const ValidationScore score = validation_score(softmax_head(), scores, {0, 0, 0});
  EXPECT_NEAR(score.loss, (std::log(1 + std::exp(-2)) + std::log(1 + std::exp(2)) + 0) / 3, 1e-12);
  EXPECT_DOUBLE_EQ(score.accuracy, 2.0 / 3);
  EXPECT_EQ(score.max_logit, 800);
  // No overflow and no logarithm of zero far outside.
  EXPECT_NEAR(validation_score(softmax_head(), scores, {0, 1, 1}).loss, 1600 / 3.0, 1);
  EXPECT_THROW(validation_score(softmax_head(), scores, {0, 0}), ContractError);
  EXPECT_THROW(validation_score(softmax_head(), scores, {0, 0, 2}), ContractError);
}

TEST(EarlyStopping, BalancedScore) {
  // What the model's scores will be at strength 1: on the mean of the two classes' shifts, log 3 each way.
  Eigen::MatrixXd scores(4, 2);
  scores << 2, 0, 2, 0, 0, 1, 0.5, 0;
  const Labels labels = {0, 0, 0, 1};
  const LossBalance even{1, {9, 1}};
  const ValidationScore score = validation_score(softmax_head(), scores, labels, even);
  const auto loss = [](double margin) { return std::log(1 + std::exp(-margin)); };
  const double shift = std::log(9);
  EXPECT_NEAR(score.loss, (2 * loss(2 - shift) + loss(-1 - shift)) / 6 + loss(shift - 0.5) / 2,
              1e-12);
  EXPECT_EQ(score.accuracy, 0.25);
  EXPECT_EQ(score.max_logit, 2) << "before the shift: it is the circuit's";
  const ValidationScore plain = validation_score(softmax_head(), scores, labels);
  EXPECT_EQ(validation_score(softmax_head(), scores, labels, {0, {9, 1}}), plain);
  EXPECT_NE(score.loss, plain.loss);
  EXPECT_THROW(validation_score(squared_head(), scores, labels, even), ContractError);
  EXPECT_THROW(validation_score(softmax_head(), scores, labels, {1, {9, 1, 1}}), ContractError);
}

// Of all scores those that hold the training set's own proportions have the least loss, by every strength:
// a loss that favoured others would stop where the model, moved by it once more, is wrong.
TEST(EarlyStopping, TheBalancedLossIsLeastForTheRightModel) {
  // Two kinds of samples, 12 and 3 of the classes, and 4 and 6.
  const auto loss_at = [](double off, double strength) {
    Eigen::MatrixXd scores(25, 2);
    Labels labels;
    for (Eigen::Index i = 0; i < 25; ++i) {
      const bool first = i < 15;
      scores.row(i) << std::log(first ? 0.8 : 0.4), std::log(first ? 0.2 : 0.6) + off;
      labels.push_back((first && i >= 12) || i >= 19 ? 1 : 0);
    }
    return validation_score(softmax_head(), scores, labels, {strength, {16, 9}}).loss;
  };
  for (const double strength : {0.0, 0.5, 1.0}) {
    EXPECT_LT(loss_at(0, strength), loss_at(-0.05, strength)) << strength;
    EXPECT_LT(loss_at(0, strength), loss_at(0.05, strength)) << strength;
  }
}

TEST(EarlyStopping, RoundsAreDueEveryPassOrEverySoManySteps) {
  TrainingConfig config;
  config.batch_size = 100;
  config.steps = 8;
  EXPECT_EQ(validation_steps(config, 250), (std::vector<int>{3, 6, 8}));
  EXPECT_EQ(validation_steps(config, 300), (std::vector<int>{3, 6, 8}));
  config.drop_short_batch = true;
  EXPECT_EQ(validation_steps(config, 250), (std::vector<int>{2, 4, 6, 8}));
  EXPECT_EQ(validation_steps(config, 50), (std::vector<int>{1, 2, 3, 4, 5, 6, 7, 8}));
  config.validation_every = 5;
  EXPECT_EQ(validation_steps(config, 250), (std::vector<int>{5, 8}));
  config.validation_every = 8;
  EXPECT_EQ(validation_steps(config, 250), (std::vector<int>{8}));
  config.validation_every = 100;
  EXPECT_EQ(validation_steps(config, 250), (std::vector<int>{8}));
  config.steps = 0;
  config.epochs = 2;
  config.validation_every = 0;
  EXPECT_EQ(validation_steps(config, 500), (std::vector<int>{5, 10}));
}

}  // namespace
}  // namespace blindtuner
