// Statistical tests of the samplers against their exact distributions. All seeds are fixed: a test
// that passes once passes always. The bounds are what a true sampler exceeds less than once in 10^4
// seeds.
#include "ring/sampling.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <vector>

#include "math/primes.h"
#include "ring/secret_sampling.h"

namespace blindtuner {
using namespace ring;
namespace {

Seed seed_of(std::uint8_t number) {
  Seed seed{};
  seed[0] = number;
  seed[31] = 0x5a;
  return seed;
}

double chi_square(const std::vector<double>& counts, const std::vector<double>& expected) {
  double sum = 0;
  for (std::size_t i = 0; i < counts.size(); ++i)
    sum += (counts[i] - expected[i]) * (counts[i] - expected[i]) / expected[i];
  return sum;
}

// Above the 0.9999 quantile of the chi-square distribution with k degrees of freedom
// (Wilson and Hilferty's approximation, z = 3.719).
double chi_square_bound(double k) {
  const double t = 1 - 2 / (9 * k) + 3.719 * std::sqrt(2 / (9 * k));
  return k * t * t * t;
}

std::vector<std::int64_t> values_of(const SecretCoefficients& x) {
  return {x.span().begin(), x.span().end()};
}

TEST(SampleTernary, EachValueOneThird) {
  constexpr std::size_t kCount = 1 << 20;
  Prng prng(seed_of(1));
  const SecretCoefficients x = sample_ternary(kCount, prng);
  std::vector<double> counts(3, 0);
  for (std::int64_t v : x.span()) {
    ASSERT_GE(v, -1);
    ASSERT_LE(v, 1);
    ++counts[static_cast<std::size_t>(v + 1)];
  }
  EXPECT_LT(chi_square(counts, std::vector<double>(3, kCount / 3.0)), chi_square_bound(2));
}

TEST(SampleTernary, NeighboursAreIndependent) {
  constexpr std::size_t kCount = 1 << 20;
  Prng prng(seed_of(2));
  const SecretCoefficients x = sample_ternary(kCount, prng);
  std::vector<double> pairs(9, 0);
  for (std::size_t i = 0; i < kCount; i += 2)
    ++pairs[static_cast<std::size_t>(3 * (x.span()[i] + 1) + x.span()[i + 1] + 1)];
  EXPECT_LT(chi_square(pairs, std::vector<double>(9, kCount / 18.0)), chi_square_bound(8));
}

TEST(SampleSparseTernary, WeightIsExact) {
  for (std::size_t n : {16, 64, 4096, 65536})
    for (std::size_t weight :
         {std::size_t{0}, std::size_t{1}, std::size_t{7}, std::size_t{8},
          std::min<std::size_t>(32, n / 2), std::min<std::size_t>(192, n / 2)}) {
      Prng prng(seed_of(static_cast<std::uint8_t>(weight)), n);
      const SecretCoefficients x = sample_sparse_ternary(n, weight, prng);
      std::size_t nonzero = 0;
      for (std::int64_t v : x.span()) {
        ASSERT_LE(std::abs(v), 1);
        nonzero += v != 0;
      }
      EXPECT_EQ(nonzero, weight) << "n = " << n;
    }
}

TEST(SampleSparseTernary, PlacesAndSignsAreUniform) {
  // Draws of weight w out of n places: each place is a Bernoulli variable of probability w/n, the
  // sum over the places is fixed, so the statistic below is chi-square with n - 1 degrees of
  // freedom once scaled by (n - 1) / (n - w).
  constexpr std::size_t kN = 64, kWeight = 16, kDraws = 20000;
  Prng prng(seed_of(3));
  std::vector<double> places(kN, 0);
  double positive = 0;
  for (std::size_t d = 0; d < kDraws; ++d) {
    const SecretCoefficients x = sample_sparse_ternary(kN, kWeight, prng);
    for (std::size_t i = 0; i < kN; ++i) {
      places[i] += x.span()[i] != 0;
      positive += x.span()[i] > 0;
    }
  }
  const double each = double(kDraws) * kWeight / kN;
  EXPECT_LT(chi_square(places, std::vector<double>(kN, each)) * (kN - 1) / (kN - kWeight),
            chi_square_bound(kN - 1));
  const double total = double(kDraws) * kWeight;
  EXPECT_LT(std::abs(positive - total / 2), 3.9 * std::sqrt(total) / 2);
}

TEST(SampleSparseTernary, RefusesWeightsThatDoNotFit) {
  Prng prng(seed_of(4));
  EXPECT_THROW(sample_sparse_ternary(64, 33, prng), ContractError);
  EXPECT_THROW(sample_sparse_ternary(48, 4, prng), ContractError);
}

// P(X = x) for x in [0, 40], from the definition.
std::vector<long double> gaussian_mass() {
  std::vector<long double> mass(41);
  long double total = 0;
  for (int x = 0; x <= 40; ++x) {
    mass[x] = std::exp(-static_cast<long double>(x * x) /
                       (2 * static_cast<long double>(kErrorSigma) * kErrorSigma));
    total += (x == 0 ? 1 : 2) * mass[x];
  }
  for (long double& m : mass) m /= total;
  return mass;
}

TEST(SampleGaussian, MatchesTheExactDistribution) {
  constexpr std::size_t kCount = 1 << 22;
  constexpr int kLast = 14;  // cells -14 .. 14, and one tail on either side
  Prng prng(seed_of(5));
  const SecretCoefficients x = sample_gaussian(kCount, prng);
  const std::vector<long double> mass = gaussian_mass();
  std::vector<double> counts(2 * kLast + 3, 0), expected(2 * kLast + 3, 0);
  for (std::int64_t v : x.span())
    ++counts[static_cast<std::size_t>(std::clamp<std::int64_t>(v, -kLast - 1, kLast + 1) + kLast +
                                      1)];
  for (int v = -40; v <= 40; ++v)
    expected[static_cast<std::size_t>(std::clamp(v, -kLast - 1, kLast + 1) + kLast + 1)] +=
        static_cast<double>(mass[static_cast<std::size_t>(std::abs(v))] * kCount);
  EXPECT_GT(*std::min_element(expected.begin(), expected.end()), 5);
  EXPECT_LT(chi_square(counts, expected), chi_square_bound(2 * kLast + 2));
}

TEST(SampleGaussian, MeanVarianceAndReach) {
  constexpr std::size_t kCount = 1 << 22;
  Prng prng(seed_of(6));
  const SecretCoefficients x = sample_gaussian(kCount, prng);
  double sum = 0, squares = 0;
  std::int64_t largest = 0;
  for (std::int64_t v : x.span()) {
    sum += static_cast<double>(v);
    squares += static_cast<double>(v * v);
    largest = std::max(largest, std::abs(v));
  }
  // At this width the discrete variance equals sigma^2 far beyond double precision, and the fourth
  // moment is 3 sigma^4.
  const double variance = kErrorSigma * kErrorSigma, count = kCount;
  EXPECT_LT(std::abs(sum / count), 3.9 * kErrorSigma / std::sqrt(count));
  EXPECT_LT(std::abs(squares / count - variance), 3.9 * variance * std::sqrt(2 / count));
  EXPECT_LE(largest, 30);
  EXPECT_GE(largest, 14);  // P(|X| < 14 in all of 2^22 draws) is below 10^-17
}

class SampleUniform : public testing::Test {
 protected:
  static constexpr int kLogN = 12;
  SampleUniform() : ring_(kLogN, primes(0, 4), primes(4, 3)) {}
  static std::span<const u64> primes(std::size_t begin, std::size_t count) {
    // Different widths, a narrow one among them: rejection then happens and is tested.
    static const std::vector<u64> all = [] {
      std::vector<u64> list;
      for (int bits : {50, 49, 36, 24, 50, 40, 30})
        list.push_back(ntt_primes(bits, u64{2} << kLogN, 1, list).front());
      // Just above a power of two, where almost half of the candidates are rejected.
      for (u64 q = (u64{1} << 35) + 1;; q += u64{2} << kLogN)
        if (is_prime(q)) {
          list[6] = q;
          break;
        }
      return list;
    }();
    return std::span<const u64>(all).subspan(begin, count);
  }
  static std::vector<u64> limb_of(const Poly& x, std::size_t i) {
    const Residues residues(x);
    return {residues[i].begin(), residues[i].end()};
  }
  // Of the limbs that draw(0), draw(1), .. have, by their cells and by their lowest bits.
  template <typename Draw>
  static void expect_uniform(std::size_t limbs, const Draw& draw) {
    constexpr std::size_t kCells = 64, kTimes = 32;
    std::vector<std::vector<double>> counts(limbs, std::vector<double>(kCells, 0));
    std::vector<std::vector<double>> low = counts;
    for (std::size_t time = 0; time < kTimes; ++time) {
      const Poly x = draw(time);
      ASSERT_EQ(x.limbs(), limbs);
      for (std::size_t i = 0; i < limbs; ++i) {
        const u64 q = x.modulus(i).q;
        for (const u64 residue : limb_of(x, i)) {
          ASSERT_LT(residue, q);
          ++counts[i][static_cast<std::size_t>(u128{residue} * kCells / q)];
          ++low[i][residue % kCells];
        }
      }
    }
    const std::vector<double> expected(kCells, double(kTimes << kLogN) / kCells);
    for (std::size_t i = 0; i < limbs; ++i) {
      EXPECT_LT(chi_square(counts[i], expected), chi_square_bound(kCells - 1)) << "limb " << i;
      EXPECT_LT(chi_square(low[i], expected), chi_square_bound(kCells - 1)) << "limb " << i;
    }
  }
  Ring ring_;
};

TEST_F(SampleUniform, EveryLimbIsUniform) {
  expect_uniform(7, [&](std::size_t stream) {
    Poly x = sample_uniform(ring_, 4, 3, seed_of(7), stream);
    EXPECT_EQ(x.domain(), Domain::kNtt);
    return x;
  });
}

TEST_F(SampleUniform, ASecretOneIsUniformToo) {
  Prng prng(seed_of(15));
  expect_uniform(4, [&](std::size_t) {
    Poly x = sample_secret_uniform(ring_, 4, prng);
    EXPECT_TRUE(x.wiped());
    return x;
  });
}

TEST_F(SampleUniform, SeedAndStreamDecideEverything) {
  const Poly x = sample_uniform(ring_, 4, 3, seed_of(8), 9);
  const Poly same = sample_uniform(ring_, 4, 3, seed_of(8), 9);
  const Poly other_seed = sample_uniform(ring_, 4, 3, seed_of(9), 9);
  const Poly other_stream = sample_uniform(ring_, 4, 3, seed_of(8), 10);
  for (std::size_t i = 0; i < x.limbs(); ++i) {
    EXPECT_EQ(limb_of(x, i), limb_of(same, i));
    EXPECT_NE(limb_of(x, i), limb_of(other_seed, i));
    EXPECT_NE(limb_of(x, i), limb_of(other_stream, i));
  }
}

TEST_F(SampleUniform, LimbsAreTheSameAtEveryLevel) {
  const Poly full = sample_uniform(ring_, 4, 3, seed_of(10), 0);
  for (std::size_t q_count = 1; q_count <= 4; ++q_count)
    for (std::size_t p_count = 0; p_count <= 3; ++p_count) {
      const Poly x = sample_uniform(ring_, q_count, p_count, seed_of(10), 0);
      for (std::size_t i = 0; i < q_count; ++i) EXPECT_EQ(limb_of(x, i), limb_of(full, i));
      for (std::size_t i = 0; i < p_count; ++i)
        EXPECT_EQ(limb_of(x, q_count + i), limb_of(full, 4 + i));
    }
}

TEST_F(SampleUniform, LimbsOfDifferentPrimesDiffer) {
  // Limbs must not share a key stream, of which two primes of one width would show traces.
  const Poly x = sample_uniform(ring_, 4, 3, seed_of(11), 0);
  std::size_t agreeing = 0;
  const std::vector<u64> first = limb_of(x, 0), special = limb_of(x, 4);
  for (std::size_t j = 0; j < x.n(); ++j) agreeing += first[j] == special[j];
  EXPECT_EQ(agreeing, 0u);
}

TEST(Samplers, TheSameSeedGivesTheSameSecrets) {
  Prng a(seed_of(12)), b(seed_of(12)), c(seed_of(13)), d(seed_of(12), 1);
  EXPECT_EQ(values_of(sample_ternary(256, a)), values_of(sample_ternary(256, b)));
  EXPECT_EQ(values_of(sample_sparse_ternary(256, 32, a)),
            values_of(sample_sparse_ternary(256, 32, b)));
  EXPECT_EQ(values_of(sample_gaussian(256, a)), values_of(sample_gaussian(256, b)));
  // A generator goes on, never back; other seeds and streams differ.
  const auto first = values_of(sample_ternary(256, a));
  EXPECT_NE(first, values_of(sample_ternary(256, a)));
  EXPECT_NE(values_of(sample_ternary(256, c)), values_of(sample_ternary(256, d)));
}

TEST(Samplers, KnownAnswers) {
  // Computed apart from this code: AES-256-CTR by the openssl program, then the samplers' definitions
  // in exact arithmetic.
  Prng prng(seed_of(14));
  const auto ternary = values_of(sample_ternary(16, prng));
  const auto gaussian = values_of(sample_gaussian(16, prng));
  EXPECT_EQ(ternary,
            (std::vector<std::int64_t>{1, 1, 1, -1, 0, -1, 1, 1, 1, -1, 1, 0, 0, -1, -1, -1}));
  EXPECT_EQ(gaussian,
            (std::vector<std::int64_t>{-6, 2, -3, -5, 0, 3, 0, 5, -1, -1, 5, -4, 2, 5, -1, -6}));
}

}  // namespace
}  // namespace blindtuner
