#include "math/modulus.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace blindtuner {
using namespace math;
namespace {

// Primes of every size up to the largest below 2^50, and the smallest modulus of all.
const std::vector<u64> kModuli = {1125899906842597,
                                  1125899903827969,
                                  562949953421231,
                                  1099511627689,
                                  68719476503,
                                  1073741789,
                                  786433,
                                  97,
                                  3};

std::vector<u64> samples(u64 q) {
  std::vector<u64> values = {0, 1, 2 % q, q / 2, q / 2 + 1, q - 2, q - 1};
  std::mt19937_64 random(q);
  for (int i = 0; i < 200; ++i) values.push_back(random() % q);
  return values;
}

TEST(Modulus, RefusesWhatItCannotHandle) {
  for (u64 bad : {u64{0}, u64{1}, u64{2}, u64{4}, u64{1} << 50, (u64{1} << 50) + 1})
    EXPECT_THROW(Modulus{bad}, ContractError) << bad;
}

TEST(Modulus, HasTheStatedConstants) {
  for (u64 value : kModuli) {
    const Modulus q(value);
    EXPECT_EQ(q.bits, std::bit_width(value));
    EXPECT_EQ(q.two52, static_cast<u64>((u128{1} << 52) % value));
    EXPECT_EQ(q.two104, static_cast<u64>((u128{1} << 104) % value));
    EXPECT_EQ(q.one_shoup, (u64{1} << 52) / value);
    EXPECT_LT(q.barrett, u64{1} << 52);
  }
}

TEST(Modulus, AddsSubtractsAndNegates) {
  for (u64 value : kModuli) {
    const Modulus q(value);
    for (u64 a : samples(value)) {
      EXPECT_EQ(q.neg(a), (value - a) % value);
      for (u64 b : samples(value)) {
        ASSERT_EQ(q.add(a, b), (a + b) % value);
        ASSERT_EQ(q.sub(a, b), (a + value - b) % value);
      }
    }
  }
}

TEST(Modulus, Multiplies) {
  for (u64 value : kModuli) {
    const Modulus q(value);
    for (u64 a : samples(value))
      for (u64 b : samples(value))
        ASSERT_EQ(q.mul(a, b), static_cast<u64>(u128{a} * b % value)) << a << " * " << b;
  }
}

TEST(Modulus, ReducesProductsUpToTheStatedBound) {
  for (u64 value : kModuli) {
    const Modulus q(value);
    const u128 end = u128{1} << (2 * q.bits);
    for (u128 p : {end - 1, end - 2, end - value, end / 2, u128{value} * value, u128{value} - 1})
      ASSERT_EQ(q.reduce_product(p), static_cast<u64>(p % value));
  }
}

TEST(Modulus, ShoupQuotientsAreExact) {
  for (u64 value : kModuli) {
    const Modulus q(value);
    std::mt19937_64 random(value);
    const auto check = [&](u64 w) {
      ASSERT_EQ(q.shoup52(w), static_cast<u64>((u128{w} << 52) / value)) << w << " of " << value;
    };
    for (u64 w : samples(value)) check(w);
    for (int i = 0; i < 100'000; ++i) check(random() % value);
    // Where the quotient is next to a whole number: w * 2^52 = +-1, +-2, .. mod q.
    const u64 unit = q.inv(q.two52);
    for (u64 k = 0, w = 0; k < std::min<u64>(1000, value); ++k, w = q.add(w, unit)) {
      check(w);
      check(q.neg(w));
    }
  }
}

TEST(Modulus, ShoupProductsStayInTheirRange) {
  for (u64 value : kModuli) {
    const Modulus q(value);
    std::mt19937_64 random(value);
    for (u64 w : samples(value)) {
      const u64 shoup = q.shoup52(w);
      for (u64 x : {u64{0}, u64{1}, (u64{1} << 52) - 1, random() >> 12, random() >> 12}) {
        const u64 exact = static_cast<u64>(u128{w} * x % value);
        ASSERT_LT(q.mul_shoup_lazy(x, w, shoup), 2 * value);
        ASSERT_EQ(q.mul_shoup_lazy(x, w, shoup) % value, exact);
        ASSERT_EQ(q.mul_shoup(x, w, shoup), exact);
      }
    }
  }
}

TEST(Modulus, ReducesWholeWords) {
  std::mt19937_64 random(1);
  for (u64 value : kModuli) {
    const Modulus q(value);
    for (u64 x : {u64{0}, value - 1, value, 2 * value, ~u64{0}, random()}) {
      ASSERT_EQ(q.reduce(x), x % value);
      const u128 wide = (u128{x} << 64) | random();
      ASSERT_EQ(q.reduce(wide), static_cast<u64>(wide % value));
    }
    ASSERT_EQ(q.reduce(~u128{0}), static_cast<u64>(~u128{0} % value));
  }
}

TEST(Modulus, ReducesAndCentresSignedNumbers) {
  for (u64 value : kModuli) {
    const Modulus q(value);
    const auto signed_q = static_cast<std::int64_t>(value);
    EXPECT_EQ(q.reduce_signed(-1), value - 1);
    EXPECT_EQ(q.reduce_signed(signed_q), 0u);
    EXPECT_EQ(q.reduce_signed(-signed_q), 0u);
    EXPECT_EQ(q.reduce_signed(INT64_MIN), q.neg((u64{1} << 63) % value));
    for (u64 a : samples(value)) {
      const std::int64_t centred = q.centred(a);
      ASSERT_LE(centred, signed_q / 2);
      ASSERT_GE(centred, -signed_q / 2);
      ASSERT_EQ(q.reduce_signed(centred), a);
    }
  }
}

TEST(Modulus, PowersAndInverses) {
  for (u64 value : kModuli) {
    const Modulus q(value);
    for (u64 a : samples(value)) {
      EXPECT_EQ(q.pow(a, 0), 1u);
      EXPECT_EQ(q.pow(a, 3), q.mul(a, q.mul(a, a)));
      if (a != 0) {
        ASSERT_EQ(q.mul(a, q.inv(a)), 1u) << a << " mod " << value;
      }
    }
  }
}

}  // namespace
}  // namespace blindtuner
