// The stopping rule, its score, and when rounds are due.
#include "learn/reference/early_stopping.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "learn/heads/softmax.h"
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
