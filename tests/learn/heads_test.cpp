// What any head promises (learn/head.h), each of them held to it.
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <random>
#include <set>

#include "base/error.h"
#include "learn/head.h"
#include "learn/heads/sigmoid.h"
#include "learn/heads/softmax.h"
#include "learn/heads/squared.h"
#include "learn/training_config.h"

namespace blindtuner {
using namespace learn;
namespace {

using Row = std::vector<double>;

Row random_row(std::mt19937_64& generator, std::size_t classes, double size) {
  std::normal_distribution<double> normal;
  Row z(classes);
  for (double& x : z) x = size * normal(generator);
  return z;
}

/// A row that a circuit's error is stated for: centred ones for softmax.
Row row_in_range(std::mt19937_64& generator, const HeadCircuit& circuit, std::size_t classes) {
  Row z = random_row(generator, classes, 1);
  double mean = 0, largest = 0;
  if (&circuit.head() == &softmax_head())
    for (const double x : z) mean += x / static_cast<double>(classes);
  for (double& x : z) largest = std::max(largest, std::abs(x -= mean));
  std::uniform_real_distribution<double> size(0, circuit.range / largest);
  const double factor = size(generator);
  for (double& x : z) x *= factor;
  return z;
}

class EveryHead : public ::testing::TestWithParam<const Head*> {
 protected:
  const Head& head() const { return *GetParam(); }
};

// Why one trainer serves all: dL / dz = P - Y.
TEST_P(EveryHead, ResidualsAreTheLossesDerivative) {
  std::mt19937_64 generator(1);
  for (const std::size_t classes : {2, 3, 10})
    for (int trial = 0; trial < 20; ++trial) {
      Row z = random_row(generator, classes, 2), p(classes), unused(classes);
      const std::size_t label = generator() % classes;
      head().evaluate(z, label, p);
      constexpr double kStep = 1e-5;
      for (std::size_t k = 0; k < classes; ++k) {
        const double there = z[k];
        z[k] = there + kStep;
        const double above = head().evaluate(z, label, unused);
        z[k] = there - kStep;
        const double below = head().evaluate(z, label, unused);
        z[k] = there;
        EXPECT_NEAR((above - below) / (2 * kStep), p[k] - (k == label ? 1 : 0), 1e-8);
      }
    }
}

TEST_P(EveryHead, KnowsItsPredictionsAtZero) {
  for (const std::size_t classes : {2, 7, 100}) {
    const Row z(classes);
    Row p(classes);
    head().evaluate(z, 0, p);
    for (const double x : p) EXPECT_DOUBLE_EQ(x, head().prediction_at_zero(classes));
  }
}

TEST_P(EveryHead, LossesMoveWithinTheirSlope) {
  std::mt19937_64 generator(2);
  for (int trial = 0; trial < 50; ++trial) {
    const std::size_t classes = 2 + generator() % 9, samples = 40;
    double loss = 0, moved = 0, most = 0;
    constexpr double kMove = 1e-4;
    for (std::size_t i = 0; i < samples; ++i) {
      Row z = random_row(generator, classes, 3), p(classes);
      const std::size_t label = generator() % classes;
      loss += head().evaluate(z, label, p) / samples;
      double worst = 0;
      for (std::size_t k = 0; k < classes; ++k) {
        worst += std::abs(p[k] - (k == label ? 1 : 0));
        z[k] += p[k] > (k == label ? 1 : 0) ? kMove : -kMove;
      }
      most += worst / samples;
      moved += head().evaluate(z, label, p) / samples;
    }
    const double slope = head().loss_slope(loss, classes);
    EXPECT_LE(most, slope);
    EXPECT_LE(std::abs(moved - loss), kMove * slope * 1.01);
  }
}

TEST_P(EveryHead, LargeScoresGiveFiniteLosses) {
  for (const double size : {1e2, 1e3, 1e5}) {
    const Row z = {size, -size, 0};
    Row p(3);
    for (const std::size_t label : {0, 1, 2})
      EXPECT_TRUE(std::isfinite(head().evaluate(z, label, p))) << size;
    for (const double x : p) EXPECT_TRUE(std::isfinite(x)) << size;
  }
}

TEST_P(EveryHead, CircuitsHoldTheirStatedErrors) {
  std::mt19937_64 generator(3);
  for (const HeadCircuit* circuit : head().circuits()) {
    SCOPED_TRACE(circuit->name);
    EXPECT_EQ(&circuit->head(), &head());
    EXPECT_EQ(&circuit_named(circuit->name), circuit);
    EXPECT_GE(circuit->bound, circuit->range);
    EXPECT_GE(circuit->levels, 1);
    const std::size_t classes =
        circuit->classes == 0 ? 10 : static_cast<std::size_t>(circuit->classes);
    EXPECT_TRUE(circuit->serves(classes));
    Row p(classes), exact(classes);
    for (int trial = 0; trial < 300; ++trial) {
      const Row z = row_in_range(generator, *circuit, classes);
      circuit->evaluate(z, p);
      head().evaluate(z, 0, exact);
      for (std::size_t k = 0; k < classes; ++k) {
        EXPECT_NEAR(p[k], exact[k], 1.05 * circuit->max_error);
        EXPECT_LE(std::max(std::abs(p[k]), std::abs(p[k] - 1)),
                  circuit->largest_residual + circuit->max_error);
      }
    }
    const Row few(classes - 1);
    EXPECT_THROW(circuit->evaluate(few, p), ContractError);
  }
}

TEST_P(EveryHead, ChecksItsArguments) {
  const Row z(3);
  Row p(3), few(2);
  EXPECT_THROW(head().evaluate(z, 3, p), ContractError);
  EXPECT_THROW(head().evaluate(z, 0, few), ContractError);
  EXPECT_THROW(head().circuit("unheard-of", 3, 0), DataError);
  EXPECT_THROW(head().circuit("default", 3, 1e4), DataError);
  EXPECT_NO_THROW(head().circuit("default", 3, 0));
}

TEST_P(EveryHead, IsKeptInConfigurations) {
  TrainingConfig c = default_training_config(head().name());
  EXPECT_EQ(c.head, head().name());
  EXPECT_GT(c.learning_rate, 0);
  EXPECT_EQ(training_config_from_json(to_json(c)), c);
  // A field of its own only where it is not what was there before.
  EXPECT_EQ(to_json(c).contains("head"), &head() != &softmax_head());
}

INSTANTIATE_TEST_SUITE_P(Heads, EveryHead, ::testing::ValuesIn(heads().begin(), heads().end()),
                         [](const auto& head) { return std::string(head.param->name()); });

TEST(Heads, AreFoundByTheirNames) {
  std::set<std::string> names;
  for (const HeadCircuit* circuit : head_circuits())
    EXPECT_TRUE(names.insert(circuit->name).second);
  for (const Head* head : heads()) EXPECT_EQ(&head_named(head->name()), head);
  EXPECT_THROW(head_named("hinge"), DataError);
  EXPECT_THROW(circuit_named("hinge_r8"), DataError);
  EXPECT_THROW(find_circuit({.head = "hinge"}, 3), DataError);
  EXPECT_EQ(find_circuit({}, 3).name, "default_c3_r16");
  EXPECT_EQ(find_circuit({.head = "sigmoid", .range = 30}, 1000).levels, 5);
  EXPECT_EQ(find_circuit({.head = "squared"}, 1000).levels, 3);
  // Families are softmax's.
  EXPECT_THROW(find_circuit({.head = "sigmoid", .family = "wide"}, 3), DataError);
  EXPECT_THROW(find_circuit({.family = "sigmoid"}, 3), DataError);
  TrainingConfig c;
  c.head = "hinge";
  EXPECT_THROW(validate(c), DataError);
}

TEST(Heads, SigmoidKnowsNothingOfOtherClasses) {
  const Row z = {1, -2, 0.5};
  Row p(3), alone(1);
  sigmoid_head().evaluate(z, 0, p);
  for (std::size_t k = 0; k < 3; ++k) {
    sigmoid_head().evaluate({&z[k], 1}, 0, alone);
    EXPECT_EQ(p[k], alone[0]);
    EXPECT_NEAR(p[k], 1 / (1 + std::exp(-z[k])), 1e-15);
  }
  EXPECT_NEAR(sigmoid_head().evaluate(z, 0, p),
              -std::log(p[0]) - std::log(1 - p[1]) - std::log(1 - p[2]), 1e-14);
}

TEST(Heads, SquaredIsHalfTheSquares) {
  const Row z = {1.5, -0.25};
  Row p(2);
  EXPECT_EQ(squared_head().evaluate(z, 1, p), (1.5 * 1.5 + 1.25 * 1.25) / 2);
  EXPECT_EQ(p, z);
}

// Where the arcsine's circuit is not fitted it bends, and does not diverge.
TEST(Heads, SquaredBendsBeyondItsRange) {
  const HeadCircuit& circuit = find_circuit({.head = "squared"}, 2);
  Row p(2);
  circuit.evaluate(Row{circuit.stable_range, -circuit.stable_range}, p);
  EXPECT_NEAR(p[0], circuit.stable_range, 0.05);
  EXPECT_NEAR(p[1], -circuit.stable_range, 0.05);
  const double wraps = circuit.bound / (2 * circuit.rho);
  for (double z = circuit.stable_range; z < wraps; ++z) {
    circuit.evaluate(Row{z, -z}, p);
    EXPECT_LT(std::abs(p[0]), 4 * circuit.largest_residual) << z;
  }
}

}  // namespace
}  // namespace blindtuner
