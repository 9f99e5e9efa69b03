#include "math/primes.h"

#include <gtest/gtest.h>

namespace blindtuner {
using namespace math;
namespace {

TEST(Primes, MatchTrialDivisionOnSmallNumbers) {
  for (u64 n = 0; n < 20000; ++n) {
    bool expected = n >= 2;
    for (u64 d = 2; d * d <= n && expected; ++d) expected = n % d != 0;
    ASSERT_EQ(is_prime(n), expected) << n;
  }
}

TEST(Primes, KnowLargePrimes) {
  for (u64 p :
       {(u64{1} << 61) - 1, (u64{1} << 31) - 1, u64{18446744073709551557u}, u64{1125899906842597}})
    EXPECT_TRUE(is_prime(p)) << p;
}

// Strong pseudoprimes to the first 4, 7 and 11 primes; a Carmichael number; a square.
TEST(Primes, AreNotFooledByPseudoprimes) {
  for (u64 n : {u64{3215031751}, u64{341550071728321}, u64{3825123056546413051}, u64{561},
                u64{4294967291} * 4294967291})
    EXPECT_FALSE(is_prime(n)) << n;
}

// Found with Python's integers, tools/make_base_convert_vectors.py.
TEST(NttPrimes, AreTheKnownOnes) {
  using List = std::vector<u64>;
  EXPECT_EQ(ntt_primes(50, 1 << 17, 4),
            (List{1125899903827969, 1125899902124033, 1125899887312897, 1125899886395393}));
  EXPECT_EQ(ntt_primes(49, 1 << 14, 3), (List{562949952847873, 562949952798721, 562949952700417}));
  EXPECT_EQ(ntt_primes(36, 1 << 17, 2), (List{68718428161, 68712923137}));
  EXPECT_EQ(ntt_primes(20, 1 << 12, 3), (List{1032193, 995329, 974849}));
  EXPECT_EQ(ntt_primes(20, 1 << 18, 1), (List{786433}));
}

TEST(NttPrimes, LeaveOutWhatIsTaken) {
  const std::vector<u64> taken = {1125899902124033, 5};
  EXPECT_EQ(ntt_primes(50, 1 << 17, 2, taken),
            (std::vector<u64>{1125899903827969, 1125899887312897}));
}

TEST(NttPrimes, HaveTheAskedSizeAndResidue) {
  for (int bits = 20; bits <= kMaxModulusBits; ++bits)
    for (u64 p : ntt_primes(bits, 1 << 12, 2)) {
      EXPECT_EQ(std::bit_width(p), bits);
      EXPECT_EQ(p % (1 << 12), 1u);
      EXPECT_TRUE(is_prime(p));
    }
}

TEST(NttPrimes, RefuseImpossibleRequests) {
  EXPECT_THROW(ntt_primes(19, 1 << 12, 1), ContractError);
  EXPECT_THROW(ntt_primes(51, 1 << 12, 1), ContractError);
  EXPECT_THROW(ntt_primes(20, 1 << 18, 2), ContractError);
}

TEST(PrimitiveRoot, IsTheSmallestOfItsOrder) {
  EXPECT_EQ(primitive_root_of_unity(Modulus(1125899903827969), 32), 65735082113070u);
  EXPECT_EQ(primitive_root_of_unity(Modulus(1125899903827969), 2048), 459077681883u);
  EXPECT_EQ(primitive_root_of_unity(Modulus(786433), 1024), 361u);
  for (u64 order : {1, 2, 4, 8, 16, 32}) {
    const Modulus q(97);
    u64 smallest = 0;
    for (u64 g = 1; g < 97 && smallest == 0; ++g) {
      u64 steps = 1;
      for (u64 power = g; power != 1; power = q.mul(power, g)) ++steps;
      if (steps == order) smallest = g;
    }
    EXPECT_EQ(primitive_root_of_unity(q, order), smallest) << order;
  }
}

TEST(PrimitiveRoot, RefusesOrdersThatDoNotExist) {
  EXPECT_THROW(primitive_root_of_unity(Modulus(97), 64), ContractError);
  EXPECT_THROW(primitive_root_of_unity(Modulus(97), 3), ContractError);
  EXPECT_THROW(primitive_root_of_unity(Modulus(97), 0), ContractError);
}

}  // namespace
}  // namespace blindtuner
