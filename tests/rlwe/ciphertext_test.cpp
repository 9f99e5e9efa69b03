// Ciphertext arithmetic on limbs, scales and levels; no secret is needed to see what it does.
#include "rlwe/ciphertext.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "math/primes.h"
#include "ring/sampling.h"

namespace blindtuner {
using namespace rlwe;
namespace {

constexpr int kLogN = 6;
constexpr std::size_t kN = 1 << kLogN;

class CiphertextTest : public testing::Test {
 protected:
  CiphertextTest()
      : primes_(ntt_primes(40, 2 * kN, 5)),
        ring_(kLogN, std::span(primes_).first(4), std::span(primes_).last(1)),
        other_(kLogN, std::span(primes_).first(4), std::span(primes_).last(1)) {}

  Ciphertext random(std::size_t q_count, double scale, std::uint8_t seed) const {
    Seed bytes{};
    bytes[0] = seed;
    return {sample_uniform(ring_, q_count, 0, bytes, 0),
            sample_uniform(ring_, q_count, 0, bytes, 1), scale};
  }
  static void expect_equal(const Poly& a, const Poly& b) {
    ASSERT_EQ(a.q_count(), b.q_count());
    for (std::size_t i = 0; i < a.limbs(); ++i)
      for (std::size_t j = 0; j < a.n(); ++j) ASSERT_EQ(Residues(a)[i][j], Residues(b)[i][j]);
  }
  static void expect_equal(const Ciphertext& a, const Ciphertext& b) {
    expect_equal(a.c0, b.c0);
    expect_equal(a.c1, b.c1);
    EXPECT_EQ(a.scale, b.scale);
  }

  std::vector<u64> primes_;
  Ring ring_, other_;
};

TEST_F(CiphertextTest, ScalesAgreeWithinTheTolerance) {
  EXPECT_TRUE(same_scale(1e12, 1e12));
  EXPECT_TRUE(same_scale(1e12, 1e12 * (1 + std::ldexp(1.0, -31))));
  EXPECT_TRUE(same_scale(1e12 * (1 + std::ldexp(1.0, -31)), 1e12));
  EXPECT_FALSE(same_scale(1e12, 1e12 * (1 + std::ldexp(1.0, -29))));
  EXPECT_FALSE(same_scale(1e12, 1e12 * (1 - std::ldexp(1.0, -29))));
  EXPECT_FALSE(same_scale(1e12, 0));
  EXPECT_FALSE(same_scale(0, 1e12));
  EXPECT_FALSE(same_scale(NAN, NAN));
}

TEST_F(CiphertextTest, AdditionTakesTheLowerLevel) {
  const Ciphertext a = random(4, 8, 1), b = random(2, 8, 2);
  Ciphertext sum = a.copy();
  add_inplace(sum, b);
  EXPECT_EQ(sum.q_count(), std::size_t{2});
  Ciphertext reversed = b.copy();
  add_inplace(reversed, a);
  expect_equal(sum, reversed);
  sub_inplace(sum, b);
  Ciphertext dropped = a.copy();
  dropped.drop_to(2);
  expect_equal(sum, dropped);
}

TEST_F(CiphertextTest, DifferentScalesRingsAndDomainsAreRefused) {
  Ciphertext a = random(3, 8, 1);
  EXPECT_THROW(add_inplace(a, random(3, 8.001, 2)), ContractError);
  EXPECT_THROW(sub_inplace(a, random(3, -8, 2)), ContractError);
  const Ciphertext elsewhere = Ciphertext::zero(other_, 3, 8);
  EXPECT_THROW(add_inplace(a, elsewhere), ContractError);
  Ciphertext coefficients = random(3, 8, 2);
  to_coefficients_inplace(coefficients.c0);
  EXPECT_THROW(add_inplace(a, coefficients), ContractError);
}

TEST_F(CiphertextTest, DroppingKeepsTheLowLimbsAndOnlyGoesDown) {
  const Ciphertext a = random(4, 8, 1);
  Ciphertext b = a.copy();
  b.drop_to(2);
  for (std::size_t i = 0; i < 2; ++i)
    for (std::size_t j = 0; j < kN; ++j) ASSERT_EQ(Residues(b.c0)[i][j], Residues(a.c0)[i][j]);
  EXPECT_THROW(b.drop_to(3), ContractError);
  EXPECT_THROW(b.drop_to(0), ContractError);
  // A copy of a dropped polynomial has its own, smaller memory; arithmetic goes on as usual.
  Ciphertext c = b.copy();
  add_inplace(c, b);
  mul_integer_inplace(b, 2);
  expect_equal(b, c);
}

TEST_F(CiphertextTest, IntegersAndNegation) {
  const Ciphertext a = random(3, 8, 1);
  Ciphertext b = a.copy();
  mul_integer_inplace(b, -1);
  Ciphertext c = a.copy();
  neg_inplace(c);
  expect_equal(b, c);
  Ciphertext sum = random(3, 8, 2);
  Ciphertext expected = sum.copy();
  mul_integer_add_inplace(sum, a, -5);
  Ciphertext five = a.copy();
  mul_integer_inplace(five, 5);
  sub_inplace(expected, five);
  expect_equal(sum, expected);
  // Minus zero is zero, canonically.
  Ciphertext zero = Ciphertext::zero(ring_, 3, 8);
  neg_inplace(zero);
  mul_integer_inplace(zero, -7);
  expect_equal(zero, Ciphertext::zero(ring_, 3, 8));
}

TEST_F(CiphertextTest, MonomialsHaveOrderTwoN) {
  const Ciphertext a = random(3, 8, 1);
  Ciphertext b = a.copy();
  mul_monomial_inplace(b, monomial(ring_, 5, 4, 0));
  mul_monomial_inplace(b, monomial(ring_, 2 * kN - 5, 4, 0));
  expect_equal(a, b);
  mul_monomial_inplace(b, monomial(ring_, kN, 3, 0));
  neg_inplace(b);
  expect_equal(a, b);
}

TEST_F(CiphertextTest, RescalingDividesTheScaleByThePrimes) {
  Ciphertext a = random(4, std::ldexp(1.0, 80), 1);
  rescale_inplace(a, 2);
  EXPECT_EQ(a.q_count(), std::size_t{2});
  EXPECT_NEAR(a.scale, std::ldexp(1.0, 80) / double(primes_[3]) / double(primes_[2]), 1e-9);
  EXPECT_THROW(rescale_inplace(a, 2), ContractError);
  EXPECT_THROW(rescale_inplace(a, 0), ContractError);
  rescale_inplace(a);
  EXPECT_THROW(rescale_inplace(a), ContractError);
}

TEST_F(CiphertextTest, SeedsExpandToTheSameLimbsAtEveryLevel) {
  SeededCiphertext high{Poly::zero(ring_, 4, 0, Domain::kNtt), Seed{3}, 9, 8};
  SeededCiphertext low{Poly::zero(ring_, 2, 0, Domain::kNtt), Seed{3}, 9, 8};
  Ciphertext a = high.expand();
  a.drop_to(2);
  expect_equal(a, low.expand());
  low.stream = 10;
  const Ciphertext other = low.expand();
  EXPECT_NE(Residues(a.c1)[0][0], Residues(other.c1)[0][0]);
}

}  // namespace
}  // namespace blindtuner
