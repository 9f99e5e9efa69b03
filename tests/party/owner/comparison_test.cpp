// What recomputation in the clear lets pass, and what the published noise must then cover.
#include "party/owner/comparison.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "learn/heads/softmax.h"
#include "secret/disclosure.h"

namespace blindtuner::comparison_test {
using namespace party;
using namespace secret;
namespace {

constexpr double kNoise = 0x1p-18;
constexpr Eigen::Index kClasses = 10, kFeatures = 200;

Eigen::MatrixXd normal(double size, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<double> draw(0, size);
  Eigen::MatrixXd out(kClasses, kFeatures + 1);
  for (Eigen::Index i = 0; i < out.size(); ++i) out.data()[i] = draw(random);
  return out;
}

WeightDifference difference(const Eigen::MatrixXd& of) {
  const Eigen::MatrixXd clear = normal(1, 1), w = clear + of;
  return WeightDifference::between({w.leftCols(kFeatures), w.col(kFeatures)}, clear);
}

TEST(WeightDifference, IsExplainedByNoiseAndByNothingElse) {
  EXPECT_TRUE(difference(normal(0, 2)).explained(kNoise, 0x1p30));
  EXPECT_TRUE(difference(normal(kNoise, 2)).explained(kNoise, 0));
  EXPECT_TRUE(difference(normal(4 * kNoise, 2)).explained(kNoise, 0));
  EXPECT_FALSE(difference(normal(8 * kNoise, 2)).explained(kNoise, 0));
  Eigen::MatrixXd one = normal(kNoise, 2);
  one(3, 5) += 32 * kNoise;
  EXPECT_FALSE(difference(one).explained(kNoise, 0));
  one(3, 5) = NAN;
  EXPECT_FALSE(difference(one).explained(kNoise, 0));
  EXPECT_FALSE(difference(normal(kNoise, 2)).explained(NAN, 0));
  // Single precision of the training in the clear: a millionth of the largest weight, and no more.
  EXPECT_TRUE(difference(normal(0x1p-23, 2)).explained(0, 1));
  EXPECT_FALSE(difference(normal(0x1p-19, 2)).explained(0, 1));
}

// A coefficient of the secret, -1, 0 or 1, in the same weight of every class: the sums over the classes
// are zero in an honest model, so that whoever sees the published one adds them up.
TEST(WeightDifference, WhatEveryClassCarriesShowsInTheSums) {
  for (const double alpha : {0.015, 64 * kNoise, 16 * kNoise}) {
    Eigen::MatrixXd hidden = normal(kNoise, 2);
    for (Eigen::Index j = 0; j < 8; ++j)
      hidden.col(j).array() += alpha * static_cast<double>(j % 3 - 1);
    EXPECT_FALSE(difference(hidden).explained(kNoise, 0)) << alpha;
  }
}

// The noise of a publication is the run's: what is hidden within it decides whether there is one, and not
// how large its noise is.
TEST(WeightDifference, IsCoveredByTheNoiseOfAPublication) {
  const double error = published_error(kNoise, 0);
  for (const double alpha : {0.0, 8 * kNoise, 22 * kNoise}) {
    Eigen::MatrixXd hidden = normal(kNoise, 2);
    hidden(0, 0) += alpha;
    const WeightDifference d = difference(hidden);
    EXPECT_TRUE(d.explained(kNoise, 0));
    EXPECT_TRUE(d.covered(kNoise, 0));
    // D equal numbers of this error tell at least as much.
    const double noise = publication_noise(error);
    double bits = 0;
    for (Eigen::Index i = 0; i < hidden.size(); ++i)
      bits += publication_bits(1, hidden.data()[i], noise);
    EXPECT_LE(bits, publication_bits(static_cast<std::uint64_t>(hidden.size()), error, noise));
  }
  EXPECT_FALSE(difference(normal(3 * kNoise, 2)).covered(kNoise, 0));
  Eigen::MatrixXd one = normal(kNoise, 2);
  one(3, 5) = NAN;
  EXPECT_FALSE(difference(one).covered(kNoise, 1));
  // Single precision, as above.
  EXPECT_TRUE(difference(normal(0x1p-21, 2)).covered(0, 1));
}

TEST(JudgeRounds, ScoresAreThoseOfTheTrainingInTheClear) {
  const std::vector<ValidationRound> clear = {{1, 1, {0.5, 0.9, 3}}, {2, 2, {0.25, 0.9, 4}}};
  const auto trusted = [&](const nlohmann::json& rounds) {
    nlohmann::json report = {{"trusted", true}};
    judge_rounds(report, softmax_head(), 3, rounds, clear,
                 [](int steps) { return steps * 0x1p-16; });
    return report["trusted"].get<bool>();
  };
  const auto round = [](double loss, double logit) {
    return nlohmann::json{{"loss", loss}, {"max_logit", logit}};
  };
  EXPECT_TRUE(trusted({round(0.5, 3), round(0.25, 4)}));
  EXPECT_TRUE(trusted({round(0.5004, 3.0006), round(0.2511, 4)}));
  EXPECT_TRUE(trusted(nlohmann::json::array({round(0.5, 3)})));
  // Of a round that is not compared nothing is known.
  EXPECT_FALSE(trusted({round(0.5, 3), round(0.25, 4), round(0.2, 4)}));
  EXPECT_FALSE(trusted({round(0.502, 3), round(0.25, 4)}));
  EXPECT_FALSE(trusted({round(0.5, 3), round(0.25, 4.01)}));
  EXPECT_FALSE(trusted({round(0.5, 3), round(NAN, 4)}));
  EXPECT_FALSE(trusted(nlohmann::json::array({{{"loss", nullptr}, {"max_logit", 3}}})));
}

}  // namespace
}  // namespace blindtuner::comparison_test
