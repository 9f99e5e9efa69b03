#include "kernels_fixture.h"

namespace blindtuner::kernels {
namespace {

class NttTest : public KernelsTest {};

u64 some_prime(int bits, std::size_t n) { return ntt_primes(bits, 2 * n, 1)[0]; }

TEST_P(NttTest, MatchesTheReference) {
  for (int log_n = 4; log_n <= 17; ++log_n)
    for (int bits : kPrimeBits) {
      if (log_n == 17 && bits != 50) continue;
      const std::size_t n = std::size_t{1} << log_n;
      const NttTable table(log_n, some_prime(bits, n));
      for (Fill fill : kFills) {
        const Buffer x = make_values(n, table.modulus.q, fill, log_n);
        Buffer actual = copy_of(x), expected = copy_of(x);
        kernels_->ntt_forward(actual.data(), table);
        reference_->ntt_forward(expected.data(), table);
        ASSERT_TRUE(same(actual, expected)) << "forward, n = " << n << ", bits " << bits;

        actual = copy_of(x);
        expected = copy_of(x);
        kernels_->ntt_inverse(actual.data(), table);
        reference_->ntt_inverse(expected.data(), table);
        ASSERT_TRUE(same(actual, expected)) << "inverse, n = " << n << ", bits " << bits;
      }
    }
}

TEST_P(NttTest, EvaluatesThePolynomialAtTheOddPowersOfTheRoot) {
  for (int log_n = 4; log_n <= 9; ++log_n) {
    const std::size_t n = std::size_t{1} << log_n;
    const NttTable table(log_n, some_prime(50, n));
    const Modulus& q = table.modulus;
    const u64 psi = primitive_root_of_unity(q, 2 * n);
    const Buffer a = make_values(n, q.q, Fill::kRandom, log_n);
    Buffer x = copy_of(a);
    kernels_->ntt_forward(x.data(), table);
    for (std::size_t j = 0; j < n; ++j) {
      std::size_t reversed = 0;
      for (int bit = 0; bit < log_n; ++bit) reversed |= ((j >> bit) & 1) << (log_n - 1 - bit);
      const u64 point = q.pow(psi, 2 * reversed + 1);
      u64 value = 0;
      for (std::size_t i = n; i-- > 0;) value = q.add(q.mul(value, point), a.data()[i]);
      ASSERT_EQ(x.data()[j], value) << "n = " << n << ", j = " << j;
    }
  }
}

TEST_P(NttTest, InverseUndoesForward) {
  for (int log_n = 4; log_n <= 17; ++log_n) {
    const std::size_t n = std::size_t{1} << log_n;
    const NttTable table(log_n, some_prime(50, n));
    for (Fill fill : kFills) {
      const Buffer a = make_values(n, table.modulus.q, fill, log_n);
      Buffer x = copy_of(a);
      kernels_->ntt_forward(x.data(), table);
      kernels_->ntt_inverse(x.data(), table);
      ASSERT_TRUE(same(x, a)) << "n = " << n;
    }
  }
}

TEST_P(NttTest, MultipliesModuloXToTheNPlusOne) {
  const std::size_t n = 128;
  const NttTable table(7, some_prime(49, n));
  const Modulus& q = table.modulus;
  const Buffer a = make_values(n, q.q, Fill::kRandom, 1), b = make_values(n, q.q, Fill::kRandom, 2);
  Buffer product(n);
  product.zero();
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j) {
      const u64 term = q.mul(a.data()[i], b.data()[j]);
      u64& target = product.data()[(i + j) % n];
      target = i + j < n ? q.add(target, term) : q.sub(target, term);
    }
  Buffer x = copy_of(a), y = copy_of(b);
  kernels_->ntt_forward(x.data(), table);
  kernels_->ntt_forward(y.data(), table);
  kernels_->mul(x.data(), x.data(), y.data(), n, q);
  kernels_->ntt_inverse(x.data(), table);
  EXPECT_TRUE(same(x, product));
}

BLINDTUNER_FOR_EACH_KERNEL_SET(NttTest);

TEST(NttTable, RefusesUnsuitablePrimes) {
  EXPECT_THROW(NttTable(10, 1000003), ContractError);            // not 1 mod 2048
  EXPECT_THROW(NttTable(3, some_prime(50, 16)), ContractError);  // n < 16
  EXPECT_THROW(NttTable(18, some_prime(50, std::size_t{1} << 18)), ContractError);
}

}  // namespace
}  // namespace blindtuner::kernels
