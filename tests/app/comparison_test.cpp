// What recomputation in the clear lets pass, and what the published noise must then cover.
#include "app/owner/comparison.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "secret/disclosure.h"

namespace blindtuner {
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

// Whatever passes is covered: noise and bits follow from it as from an error.
TEST(WeightDifference, IsCoveredByTheNoiseOfAPublication) {
  for (const double alpha : {0.0, 8 * kNoise, 0.015}) {
    Eigen::MatrixXd hidden = normal(kNoise, 2);
    hidden.col(0).array() += alpha;
    const WeightDifference d = difference(hidden);
    EXPECT_GE(d.error(kNoise), kNoise);
    EXPECT_GE(d.error(kNoise), d.largest);
    EXPECT_GE(publication_noise(d.error(kNoise)), 256 * d.largest);
    EXPECT_LE(d.rms, d.largest);
  }
}

}  // namespace
}  // namespace blindtuner
