#include "features/data/whitening.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "base/interrupt.h"
#include "features/data/npy.h"
#include "features/data/random_relu.h"
#include "features/data/test_files.h"
#include "features/samples/shuffle.h"

namespace blindtuner {
using namespace features;
namespace {

using namespace testing_support;

/// Correlated features with a constant sum of the first three columns, as after a LayerNorm.
FeatureMatrix singular_features(Eigen::Index rows) {
  Prng prng(numbered_seed(7));
  FeatureMatrix x(rows, 4);
  for (Eigen::Index i = 0; i < rows; ++i) {
    const auto [a, b] = normal_pair(prng);
    const auto [c, d] = normal_pair(prng);
    x(i, 0) = static_cast<float>(3 * a + 1);
    x(i, 1) = static_cast<float>(a + 0.5 * b - 2);
    x(i, 2) = 4.0f - x(i, 0) - x(i, 1);
    x(i, 3) = static_cast<float>(0.1 * c + 0.01 * d);
  }
  return x;
}

TEST(RandomRelu, FixedLayer) {
  const RandomReluFeatures layer(4, 3);
  EXPECT_EQ(layer.weights(), RandomReluFeatures(4, 3).weights());
  FeatureMatrix pixels(2, 4);
  pixels << 0, 0, 0, 0, 255, 0, 0, 51;
  const FeatureMatrix out = layer.apply(pixels);
  for (Eigen::Index j = 0; j < 3; ++j) {
    EXPECT_EQ(out(0, j), std::max(0.0f, layer.bias()(j)));
    const float want = layer.weights()(j, 0) + 0.2f * layer.weights()(j, 3) + layer.bias()(j);
    EXPECT_NEAR(out(1, j), std::max(0.0f, want), 1e-6);
  }
  expect_data_error([&] { layer.apply(FeatureMatrix(1, 5)); }, "5 pixels, expected 4");
}

TEST(Whitening, UnitVarianceWhereThereIsVariance) {
  const FeatureMatrix x = singular_features(3000);
  const double epsilon = 1e-4;
  const Whitening w = Whitening::fit(x, epsilon);
  const Eigen::MatrixXd z = w.apply(x).cast<double>();
  FeatureMatrix given = x;
  const float* const there = given.data();
  const FeatureMatrix in_its_place = w.apply(std::move(given));
  EXPECT_EQ(in_its_place, w.apply(x));
  EXPECT_EQ(in_its_place.data(), there);
  EXPECT_LT(z.colwise().mean().cwiseAbs().maxCoeff(), 1e-4);
  const Eigen::MatrixXd covariance = z.transpose() * z / static_cast<double>(z.rows());
  const double mean = w.eigenvalues().mean();
  for (Eigen::Index i = 0; i < 4; ++i)
    for (Eigen::Index j = 0; j < 4; ++j) {
      const double lambda = std::max(0.0, w.eigenvalues()(i));
      EXPECT_NEAR(covariance(i, j), i == j ? lambda / (lambda + epsilon * mean) : 0, 2e-3);
    }
  // The singular direction (a constant sum) stays small instead of blowing up.
  EXPECT_LT(std::abs(w.eigenvalues()(3)), 1e-5);
  EXPECT_LT(z.col(3).cwiseAbs().maxCoeff(), 0.1);
}

/// Rows of three owners, their moments added up.
Moments pooled(const FeatureMatrix& x) {
  const std::vector<Eigen::Index> ends = {1, x.rows() / 3, x.rows()};
  std::vector<int> exponents(static_cast<std::size_t>(x.cols()), kNoExponent);
  Eigen::Index begin = 0;
  for (const Eigen::Index end : ends) {
    const std::vector<int> own = column_exponents(x.middleRows(begin, end - begin));
    for (std::size_t j = 0; j < own.size(); ++j) exponents[j] = std::max(exponents[j], own[j]);
    begin = end;
  }
  Moments sum;
  begin = 0;
  for (const Eigen::Index end : ends) {
    Moments own = moments_of(x.middleRows(begin, end - begin), exponents);
    if (begin > 0) {
      own.rows += sum.rows;
      own.sums += sum.sums;
      own.products += sum.products;
    }
    sum = std::move(own);
    begin = end;
  }
  // As it travels.
  return moments_from(moment_numbers(sum), static_cast<std::uint64_t>(x.rows()), sum.exponents);
}

/// What does not depend on how directions of one eigenvalue are turned: the metric that the map stands for, in
/// columns of deviation 1.
double largest_difference(const Whitening& a, const Whitening& b, const FeatureMatrix& x) {
  const Eigen::MatrixXd centred = x.cast<double>().rowwise() - x.cast<double>().colwise().mean();
  Eigen::VectorXd deviation =
      (centred.colwise().squaredNorm() / static_cast<double>(x.rows())).cwiseSqrt().transpose();
  const auto metric = [&](const Whitening& w) -> Eigen::MatrixXd {
    return deviation.asDiagonal() * w.map() * w.map().transpose() * deviation.asDiagonal();
  };
  return (metric(a) - metric(b)).cwiseAbs().maxCoeff() / metric(a).cwiseAbs().maxCoeff();
}

TEST(Whitening, OfMomentsThatSeveralOwnersAddUp) {
  for (const Eigen::Index rows : {4, 700, 3000}) {
    const FeatureMatrix x = singular_features(rows);
    const Whitening whole = Whitening::fit(x), sum = Whitening::fit(pooled(x));
    EXPECT_EQ(sum.output_width(), whole.output_width()) << rows;
    EXPECT_LT((sum.mean() - whole.mean()).cwiseAbs().maxCoeff(), 1e-6);
    EXPECT_LT((sum.eigenvalues() - whole.eigenvalues()).cwiseAbs().maxCoeff(), 1e-5);
    EXPECT_LT(largest_difference(whole, sum, x), 1e-4) << rows;
    EXPECT_EQ(Whitening::fit(pooled(x), 0.01, 2).output_width(), 2u);
  }
  // One column alone.
  const FeatureMatrix one = singular_features(50).leftCols(1);
  EXPECT_LT(largest_difference(Whitening::fit(one), Whitening::fit(pooled(one)), one), 1e-6);
}

TEST(Whitening, OfMomentsInAnyUnits) {
  FeatureMatrix x(200, 6);
  x.leftCols(4) = singular_features(200);
  x.col(4).setConstant(0.3f);  // no float's square: its variance comes out as rounding
  x.col(5).setZero();
  const Whitening plain = Whitening::fit(pooled(x));
  EXPECT_EQ(plain.unused_columns(), 2u);
  FeatureMatrix scaled = x;
  scaled.col(0) *= 0x1p100f;
  scaled.col(1) *= 0x1p-100f;
  const Whitening other = Whitening::fit(pooled(scaled));
  EXPECT_EQ(other.unused_columns(), 2u);
  EXPECT_TRUE(other.map().allFinite());
  // What comes out of the map is the same to the bit: units are powers of two.
  EXPECT_EQ(plain.map().row(0), Eigen::RowVectorXd(other.map().row(0) * 0x1p100));
  EXPECT_EQ(plain.map().row(2), other.map().row(2));
  EXPECT_EQ(other.mean()(4), static_cast<double>(0.3f));
  // Nearly constant beside its mean, as with rows.
  FeatureMatrix near = x;
  for (Eigen::Index i = 0; i < near.rows(); ++i) near(i, 4) = i % 2 == 0 ? 1.0f : 1.0f + 0x1p-23f;
  EXPECT_EQ(Whitening::fit(near).unused_columns(), 2u);
  EXPECT_EQ(Whitening::fit(pooled(near)).unused_columns(), 2u);
  // Sums of squares tell less than rows do.
  for (Eigen::Index i = 0; i < near.rows(); ++i) near(i, 4) = i % 2 == 0 ? 1.0f : 1.0f + 0x1p-20f;
  EXPECT_EQ(Whitening::fit(near).unused_columns(), 1u);
  EXPECT_EQ(Whitening::fit(pooled(near)).unused_columns(), 2u);
  for (Eigen::Index i = 0; i < near.rows(); ++i) near(i, 4) = i % 2 == 0 ? 1.0f : 1.0f + 0x1p-17f;
  EXPECT_EQ(Whitening::fit(near).unused_columns(), 1u);
  EXPECT_EQ(Whitening::fit(pooled(near)).unused_columns(), 1u);
}

TEST(Moments, WhatTheyRefuse) {
  FeatureMatrix x = singular_features(10);
  const Moments m = pooled(x);
  EXPECT_EQ(m.rows, 10u);
  std::vector<double> numbers = moment_numbers(m);
  EXPECT_EQ(numbers.size(), moment_count(4));
  for (const double number : numbers) EXPECT_LE(std::abs(number), 10);
  expect_data_error([&] { (void)moments_from(numbers, 11, m.exponents); },
                    "statistics of 10 rows, expected 11");
  // What no rows have, though it is little: a variance below zero, entries beyond their range, covariances beyond variances.
  const auto altered = [&](auto change) {
    Moments other = m;
    change(other);
    return moment_numbers(other);
  };
  const auto taken = [&](const std::vector<double>& given) {
    (void)moments_from(given, 10, m.exponents);
  };
  const double variance = m.products(1, 1) - m.sums(1) * m.sums(1) / 10;
  const auto no_variance = [&](double more) {
    return altered([&](Moments& o) {
      o.products.row(1) = m.sums(1) / 10 * m.sums.transpose();
      o.products.col(1) = m.sums(1) / 10 * m.sums;
      o.products(1, 1) += more;
    });
  };
  EXPECT_GT(variance, 0);
  taken(no_variance(0));
  taken(no_variance(-1e-12));  // an opening's noise and more
  expect_data_error([&] { taken(no_variance(-1e-6)); },
                    "statistics that no rows have: column 2 with a variance of -0.000000");
  expect_data_error([&] { taken(altered([](Moments& o) { o.sums(2) = 9.99; })); }, "column 3");
  expect_data_error([&] { taken(altered([](Moments& o) { o.products(0, 0) = 10.1; })); },
                    "column 1");
  expect_data_error(
      [&] {
        taken(altered([](Moments& o) {
          o.products(0, 1) += 5;
          o.products(1, 0) += 5;
        }));
      },
      "covariances that do not go together");
  numbers.pop_back();
  expect_data_error([&] { (void)moments_from(numbers, 10, m.exponents); },
                    "14 numbers, expected 15");
  const std::vector<int> small(4, -5);
  EXPECT_THROW((void)moments_of(x, small), ContractError);
  EXPECT_THROW((void)moments_of(x, {}), ContractError);
  x(3, 1) = NAN;
  expect_data_error([&] { (void)column_exponents(x); }, "row 3, feature 1");
  FeatureMatrix same(3, 2);
  same.setConstant(2);
  expect_data_error([&] { (void)Whitening::fit(pooled(same)); }, "all samples are the same");
}

TEST(Whitening, UnfoldedClassifierScoresTheSame) {
  const FeatureMatrix x = singular_features(200);
  for (const std::size_t k : {0, 2}) {
    const Whitening w = Whitening::fit(x, 0.01, k);
    EXPECT_EQ(w.output_width(), k == 0 ? 4u : 2u);
    LinearClassifier model;
    model.weights = Eigen::MatrixXd::Random(3, static_cast<Eigen::Index>(w.output_width()));
    model.bias = Eigen::Vector3d(1, -2, 0.5);
    const Eigen::MatrixXd want = scores(model, w.apply(x));
    EXPECT_LT((scores(w.unfold(model), x) - want).cwiseAbs().maxCoeff(), 1e-4);
    model.weights.resize(3, 7);
    EXPECT_THROW(w.unfold(model), ContractError);
  }
}

TEST(Whitening, DoesNotDependOnUnits) {
  // Columns of every size, one of them 2.5e5 times the others, and offsets.
  FeatureMatrix x = singular_features(300), rescaled = x;
  const float scale[] = {3e-7f, 250000, 1, 7.3e12f}, offset[] = {0, 1e6f, -2, 3e12f};
  for (Eigen::Index j = 0; j < 4; ++j) rescaled.col(j) = (x.col(j).array() * scale[j]) + offset[j];
  const FeatureMatrix want = Whitening::fit(x).apply(x);
  EXPECT_LT((Whitening::fit(rescaled).apply(rescaled) - want).cwiseAbs().maxCoeff(), 2e-3);
  // Powers of two are exact, so the result is too.
  for (Eigen::Index j = 0; j < 4; ++j)
    rescaled.col(j) = x.col(j) * std::ldexp(1.0f, 9 * int(j) - 20);
  EXPECT_EQ(Whitening::fit(rescaled).apply(rescaled), want);
}

TEST(Whitening, ConstantColumnsHaveNoInfluence) {
  const FeatureMatrix x = singular_features(300);
  FeatureMatrix more(300, 7);
  more << x.leftCols(2), FeatureMatrix::Constant(300, 1, 12.5f), x.rightCols(2),
      FeatureMatrix::Zero(300, 1), FeatureMatrix::Constant(300, 1, 1e9f);
  more(7, 6) = 1e9f + 64;  // varies by 4e-9 of its mean
  const Whitening w = Whitening::fit(more);
  EXPECT_EQ(w.unused_columns(), 3u);
  EXPECT_EQ(Whitening::fit(x).unused_columns(), 0u);
  // Whatever stands there later changes nothing.
  FeatureMatrix other = more;
  other.col(2).setConstant(-1e6f);
  other.col(5).setRandom();
  EXPECT_EQ(w.apply(other), w.apply(more));
}

TEST(Whitening, ColumnsBesideALargeOffset) {
  // Whole numbers that single precision holds: by a few of its steps as by any others.
  FeatureMatrix x = singular_features(300).leftCols(3), y = x;
  for (Eigen::Index i = 0; i < x.rows(); ++i) {
    x(i, 1) = static_cast<float>(i * 7 % 5);
    y(i, 1) = x(i, 1) + 8'000'000.0f;
  }
  const Whitening small = Whitening::fit(x), large = Whitening::fit(y);
  EXPECT_EQ(large.unused_columns(), 0u);
  EXPECT_LT((small.map() - large.map()).cwiseAbs().maxCoeff(), 1e-5);
  EXPECT_LT((small.apply(x) - large.apply(y)).cwiseAbs().maxCoeff(), 1e-4f);
}

TEST(Whitening, FewerSamplesThanFeatures) {
  // The same map as by way of the d x d covariance, in as many directions as there are.
  const FeatureMatrix x = FeatureMatrix::Random(20, 50);
  FeatureMatrix twice(60, 50);  // the same covariance from more samples than features
  twice << x, x, x;
  const Whitening narrow = Whitening::fit(x), wide = Whitening::fit(twice);
  ASSERT_EQ(narrow.output_width(), 19u);
  ASSERT_EQ(wide.output_width(), 50u);
  EXPECT_EQ(Whitening::fit(x, 0.01, 7).output_width(), 7u);
  EXPECT_LT((narrow.eigenvalues() - wide.eigenvalues()).cwiseAbs().maxCoeff(), 1e-5);
  EXPECT_LT((narrow.map() - wide.map().leftCols(19)).cwiseAbs().maxCoeff(), 1e-3);
  // In the directions left out the samples have nothing.
  EXPECT_LT(wide.apply(x).rightCols(31).cwiseAbs().maxCoeff(), 2e-3);
  FeatureMatrix pairs(40, 50);
  pairs << x, x;
  EXPECT_EQ(Whitening::fit(pairs).output_width(), 19u);
  expect_data_error([&] { Whitening::fit(x, 0.01, 20); }, "differ along 19 directions");
}

TEST(Whitening, NoWiderThanItsMatricesMayBe) {
  // Few samples make no wide matrix, whatever their width.
  constexpr std::size_t kMemory = std::size_t{64} << 20;
  EXPECT_EQ(within_memory(kMemory,
                          [] {
                            const FeatureMatrix wide = FeatureMatrix::Random(20, 100'000);
                            if (Whitening::fit(wide).output_width() != 19) throw DataError("width");
                          }),
            "good");
  const auto samples = static_cast<Eigen::Index>(kMaxWhitenedWidth) + 1;
  EXPECT_EQ(within_memory(std::size_t{512} << 20,
                          [=] { Whitening::fit(FeatureMatrix::Zero(samples, samples)); }),
            "whitening: 8193 samples of 8193 features, expected at most 8192 of one of them");
  // The widest takes minutes, so this one is told to stop: it had begun.
  EXPECT_EQ(within_memory(std::size_t{1} << 30,
                          [=] {
                            const FeatureMatrix widest =
                                FeatureMatrix::Random(samples, samples - 1);
                            request_interrupt();
                            try {
                              Whitening::fit(widest);
                            } catch (const Interrupted&) {
                              throw DataError("interrupted");
                            }
                          }),
            "interrupted");
}

TEST(Whitening, RefusesWhatCannotBeWhitened) {
  EXPECT_THROW(Whitening::fit(singular_features(10), 0), ContractError);
  EXPECT_THROW(Whitening::fit(singular_features(10), 0.01, 5), ContractError);
  expect_data_error([] { Whitening::fit(singular_features(1)); }, "at least two");
  expect_data_error([] { Whitening::fit(FeatureMatrix::Constant(5, 3, 2.5f)); }, "all samples");
  const Whitening w = Whitening::fit(singular_features(10));
  expect_data_error([&] { w.apply(FeatureMatrix(1, 3)); }, "3 features, expected 4");
}

TEST(Whitening, AnotherEpsilon) {
  const FeatureMatrix x = singular_features(200);
  const Whitening want = Whitening::fit(x, 0.3), got = Whitening::fit(x, 0.01).with_epsilon(0.3);
  EXPECT_LT((got.map() - want.map()).cwiseAbs().maxCoeff(), 1e-12);
  EXPECT_EQ(got.epsilon(), 0.3);
  EXPECT_NE(got.digest(), Whitening::fit(x, 0.01).digest());
  EXPECT_EQ(want.digest(), Whitening::fit(x, 0.3).digest());
}

TEST(Whitening, SavedAndLoaded) {
  const TemporaryFolder folder;
  const auto path = folder / "map.npz";
  const Whitening w = Whitening::fit(singular_features(50), 0.02, 2);
  w.save(path);
  const Whitening back = Whitening::load(path);
  EXPECT_EQ(back.map(), w.map());
  EXPECT_EQ(back.mean(), w.mean());
  EXPECT_EQ(back.eigenvalues(), w.eigenvalues());
  EXPECT_EQ(back.epsilon(), 0.02);
  EXPECT_TRUE(back.feature_names().empty());
  Whitening named = w;
  EXPECT_THROW(named.set_origin({"a"}, ""), ContractError);
  const std::vector<std::string> names = {"a", "b", "c", "d"};
  named.set_origin(names, "class+mean", "", "x_train");
  named.save(folder / "named.npz");
  EXPECT_EQ(Whitening::load(folder / "named.npz").features_member(), "x_train");
  EXPECT_EQ(Whitening::load(folder / "named.npz").feature_names(), names);
  EXPECT_EQ(Whitening::load(folder / "named.npz").pooling(), "class+mean");
  // Whoever changes the names changes what the map does to a table.
  std::set<Sha256Digest> digests = {w.digest(), named.digest()};
  EXPECT_EQ(Whitening::load(folder / "named.npz").digest(), named.digest());
  named.set_origin({"b", "a", "c", "d"}, "class+mean");
  digests.insert(named.digest());
  named.set_origin(names, "class");
  digests.insert(named.digest());
  named.set_origin({}, "class");
  digests.insert(named.digest());
  EXPECT_EQ(digests.size(), 5u);
  const auto good = get_file(path);
  expect_truncations_refused(path, good, [&] { Whitening::load(path); });
  EXPECT_GT(flip_every_bit(
                path, good, [&] { Whitening::load(path); }, 13),
            0u);
  // Members that do not belong together.
  write_npz(path, {{"mean", npy_bytes(Eigen::MatrixXd(Eigen::MatrixXd::Zero(3, 1)))},
                   {"map", npy_bytes(Eigen::MatrixXd(Eigen::MatrixXd::Zero(4, 2)))},
                   {"eigenvalues", npy_bytes(Eigen::MatrixXd(Eigen::MatrixXd::Zero(4, 1)))},
                   {"epsilon", npy_bytes(Eigen::MatrixXd(Eigen::MatrixXd::Ones(1, 1)))}});
  expect_data_error([&] { Whitening::load(path); }, "mean of 3 entries, expected 4");
}

}  // namespace
}  // namespace blindtuner
