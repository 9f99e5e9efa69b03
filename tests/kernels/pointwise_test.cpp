#include <algorithm>
#include <numeric>

#include "kernels_fixture.h"

namespace blindtuner::kernels {
namespace {

class PointwiseTest : public KernelsTest {
 protected:
  /// Calls f(n, modulus, fill) for every size, prime and fill.
  template <typename F>
  void for_each_case(F f) {
    for (int log_n = 4; log_n <= 17; ++log_n)
      for (int bits : kPrimeBits) {
        if (log_n == 17 && bits != 50) continue;
        const Modulus q(ntt_primes(bits, 32, 1)[0]);
        for (Fill fill : kFills) {
          f(std::size_t{1} << log_n, q, fill);
          if (HasFatalFailure()) return;
        }
      }
  }

  using Binary = void (*)(u64*, const u64*, const u64*, std::size_t, const Modulus&);
  /// out = f(a, b), with out apart and in place of either and of both inputs.
  void check_binary(Binary LimbKernels::*kernel) {
    const Binary tested = kernels_->*kernel, expected = reference_->*kernel;
    for_each_case([&](std::size_t n, const Modulus& q, Fill fill) {
      const Buffer a = make_values(n, q.q, fill, 1), b = make_values(n, q.q, fill, 2);
      Buffer wanted(n), out(n);
      expected(wanted.data(), a.data(), b.data(), n, q);
      tested(out.data(), a.data(), b.data(), n, q);
      ASSERT_TRUE(same(out, wanted)) << "n = " << n << ", q = " << q.q;
      out = copy_of(a);
      tested(out.data(), out.data(), b.data(), n, q);
      ASSERT_TRUE(same(out, wanted)) << "in place of a, n = " << n << ", q = " << q.q;
      out = copy_of(b);
      tested(out.data(), a.data(), out.data(), n, q);
      ASSERT_TRUE(same(out, wanted)) << "in place of b, n = " << n << ", q = " << q.q;
      expected(wanted.data(), a.data(), a.data(), n, q);
      out = copy_of(a);
      tested(out.data(), out.data(), out.data(), n, q);
      ASSERT_TRUE(same(out, wanted)) << "in place of both, n = " << n << ", q = " << q.q;
    });
  }
};

std::vector<u64> scalars(const Modulus& q) { return {0, 1, q.q / 3, q.q - 1}; }

TEST_P(PointwiseTest, Add) { check_binary(&LimbKernels::add); }
TEST_P(PointwiseTest, Sub) { check_binary(&LimbKernels::sub); }
TEST_P(PointwiseTest, Mul) { check_binary(&LimbKernels::mul); }

TEST_P(PointwiseTest, MulIsExact) {
  for (int bits : kPrimeBits) {
    const Modulus q(ntt_primes(bits, 32, 1)[0]);
    const std::size_t n = 4096;
    const Buffer a = make_values(n, q.q, Fill::kRandom, 1),
                 b = make_values(n, q.q, Fill::kRandom, 2);
    Buffer out(n);
    kernels_->mul(out.data(), a.data(), b.data(), n, q);
    for (std::size_t i = 0; i < n; ++i)
      ASSERT_EQ(out.data()[i], static_cast<u64>(u128{a.data()[i]} * b.data()[i] % q.q));
  }
}

TEST_P(PointwiseTest, Neg) {
  for_each_case([&](std::size_t n, const Modulus& q, Fill fill) {
    const Buffer a = make_values(n, q.q, fill, 1);
    Buffer wanted(n), out(n);
    reference_->neg(wanted.data(), a.data(), n, q);
    kernels_->neg(out.data(), a.data(), n, q);
    ASSERT_TRUE(same(out, wanted)) << "n = " << n << ", q = " << q.q;
    out = copy_of(a);
    kernels_->neg(out.data(), out.data(), n, q);
    ASSERT_TRUE(same(out, wanted)) << "in place, n = " << n << ", q = " << q.q;
  });
}

TEST_P(PointwiseTest, MulAdd) {
  for_each_case([&](std::size_t n, const Modulus& q, Fill fill) {
    const Buffer a = make_values(n, q.q, fill, 1), b = make_values(n, q.q, fill, 2);
    Buffer wanted = make_values(n, q.q, fill, 3), out = copy_of(wanted);
    reference_->mul_add(wanted.data(), a.data(), b.data(), n, q);
    kernels_->mul_add(out.data(), a.data(), b.data(), n, q);
    ASSERT_TRUE(same(out, wanted)) << "n = " << n << ", q = " << q.q;
  });
}

TEST_P(PointwiseTest, MulScalar) {
  for_each_case([&](std::size_t n, const Modulus& q, Fill fill) {
    const Buffer a = make_values(n, q.q, fill, 1);
    Buffer wanted(n), out(n);
    for (u64 w : scalars(q)) {
      reference_->mul_scalar(wanted.data(), a.data(), w, n, q);
      kernels_->mul_scalar(out.data(), a.data(), w, n, q);
      ASSERT_TRUE(same(out, wanted)) << "n = " << n << ", q = " << q.q << ", w = " << w;
      out = copy_of(a);
      kernels_->mul_scalar(out.data(), out.data(), w, n, q);
      ASSERT_TRUE(same(out, wanted)) << "in place, n = " << n << ", q = " << q.q;
    }
  });
}

TEST_P(PointwiseTest, MulScalarAdd) {
  for_each_case([&](std::size_t n, const Modulus& q, Fill fill) {
    const Buffer a = make_values(n, q.q, fill, 1), start = make_values(n, q.q, fill, 2);
    for (u64 w : scalars(q)) {
      Buffer wanted = copy_of(start), out = copy_of(start);
      reference_->mul_scalar_add(wanted.data(), a.data(), w, n, q);
      kernels_->mul_scalar_add(out.data(), a.data(), w, n, q);
      ASSERT_TRUE(same(out, wanted)) << "n = " << n << ", q = " << q.q << ", w = " << w;
      wanted = copy_of(a);
      out = copy_of(a);
      reference_->mul_scalar_add(wanted.data(), wanted.data(), w, n, q);
      kernels_->mul_scalar_add(out.data(), out.data(), w, n, q);
      ASSERT_TRUE(same(out, wanted)) << "in place, n = " << n << ", q = " << q.q;
    }
  });
}

TEST_P(PointwiseTest, SubMulScalar) {
  for_each_case([&](std::size_t n, const Modulus& q, Fill fill) {
    const Buffer a = make_values(n, q.q, fill, 1), b = make_values(n, q.q, fill, 2);
    Buffer wanted(n), out(n);
    for (u64 w : scalars(q)) {
      reference_->sub_mul_scalar(wanted.data(), a.data(), b.data(), w, n, q);
      kernels_->sub_mul_scalar(out.data(), a.data(), b.data(), w, n, q);
      ASSERT_TRUE(same(out, wanted)) << "n = " << n << ", q = " << q.q << ", w = " << w;
      out = copy_of(a);
      kernels_->sub_mul_scalar(out.data(), out.data(), b.data(), w, n, q);
      ASSERT_TRUE(same(out, wanted)) << "in place of a, n = " << n << ", q = " << q.q;
      out = copy_of(b);
      kernels_->sub_mul_scalar(out.data(), a.data(), out.data(), w, n, q);
      ASSERT_TRUE(same(out, wanted)) << "in place of b, n = " << n << ", q = " << q.q;
    }
  });
}

TEST_P(PointwiseTest, Gather) {
  for (int log_n = 4; log_n <= 17; ++log_n) {
    const std::size_t n = std::size_t{1} << log_n;
    std::vector<std::uint32_t> index(n);
    std::iota(index.begin(), index.end(), 0);
    std::shuffle(index.begin(), index.end(), std::mt19937_64(log_n));
    const Buffer in = make_values(n, u64{1} << 50, Fill::kRandom, 1);
    Buffer wanted(n), out(n);
    reference_->gather(wanted.data(), in.data(), index.data(), n);
    kernels_->gather(out.data(), in.data(), index.data(), n);
    ASSERT_TRUE(same(out, wanted)) << "n = " << n;
  }
}

// Permutations that keep aligned runs together, as automorphisms of bit-reversed transforms do, and
// one that breaks a single run: the cases that a kernel may treat apart.
TEST_P(PointwiseTest, GatherOfAutomorphisms) {
  for (int log_n = 4; log_n <= 16; ++log_n) {
    const std::size_t n = std::size_t{1} << log_n;
    const auto reversed = [log_n](std::size_t i) {
      std::size_t r = 0;
      for (int bit = 0; bit < log_n; ++bit) r |= ((i >> bit) & 1) << (log_n - 1 - bit);
      return r;
    };
    const Buffer in = make_values(n, u64{1} << 50, Fill::kRandom, 1);
    for (std::size_t galois : {std::size_t{1}, std::size_t{5}, n + 1, 2 * n - 1}) {
      std::vector<std::uint32_t> index(n);
      for (std::size_t i = 0; i < n; ++i) {
        const std::size_t exponent = (2 * reversed(i) + 1) * galois % (2 * n);
        index[i] = static_cast<std::uint32_t>(reversed(exponent / 2));
      }
      for (const bool broken : {false, true}) {
        if (broken) std::swap(index[3], index[n - 2]);
        Buffer wanted(n), out(n);
        reference_->gather(wanted.data(), in.data(), index.data(), n);
        kernels_->gather(out.data(), in.data(), index.data(), n);
        ASSERT_TRUE(same(out, wanted)) << "n = " << n << ", X^" << galois;
      }
    }
  }
}

TEST_P(PointwiseTest, Reduce) {
  for_each_case([&](std::size_t n, const Modulus& q, Fill fill) {
    const Buffer x = make_values(n, u64{1} << 52, fill, 1);
    Buffer wanted(n), out(n);
    reference_->reduce(wanted.data(), x.data(), n, q);
    kernels_->reduce(out.data(), x.data(), n, q);
    ASSERT_TRUE(same(out, wanted)) << "n = " << n << ", q = " << q.q;
    out = copy_of(x);
    kernels_->reduce(out.data(), out.data(), n, q);
    ASSERT_TRUE(same(out, wanted)) << "in place, n = " << n << ", q = " << q.q;
  });
}

// Values around the multiples of q, where a quotient that is one off would show.
TEST_P(PointwiseTest, ReduceAroundMultiplesOfTheModulus) {
  for (int bits : kPrimeBits) {
    const Modulus q(ntt_primes(bits, 32, 1)[0]);
    const std::size_t n = 4096;
    Buffer x = make_values(n, (u64{1} << 52) / q.q, Fill::kRandom, 1);
    for (std::size_t i = 0; i < n; ++i) x.data()[i] = x.data()[i] * q.q + q.q - 1 + i % 3;
    for (std::size_t i = 0; i < n; ++i) x.data()[i] &= (u64{1} << 52) - 1;
    Buffer out(n);
    kernels_->reduce(out.data(), x.data(), n, q);
    for (std::size_t i = 0; i < n; ++i) ASSERT_EQ(out.data()[i], x.data()[i] % q.q);
  }
}

TEST_P(PointwiseTest, FromSigned) {
  std::mt19937_64 random(1);
  for_each_case([&](std::size_t n, const Modulus& q, Fill) {
    // Of every size and both signs, the ends of the range, and around multiples and halves of the modulus; from any address.
    std::vector<std::int64_t> values(n + 1);
    for (std::size_t i = 0; i <= n; ++i) {
      const auto any = static_cast<std::int64_t>(random() >> (random() % 64));
      const auto multiple = static_cast<std::int64_t>(random() >> 1) /
                            static_cast<std::int64_t>(q.q) * static_cast<std::int64_t>(q.q);
      const auto half = static_cast<std::int64_t>(q.q / 2);
      const std::int64_t choices[] = {any,
                                      ~any,
                                      multiple + 1,
                                      -multiple - 1,
                                      multiple,
                                      -multiple,
                                      multiple - half,
                                      half - multiple,
                                      INT64_MIN + static_cast<std::int64_t>(i),
                                      INT64_MAX - static_cast<std::int64_t>(i)};
      values[i] = choices[i % std::size(choices)];
    }
    Buffer out(n);
    for (std::size_t start : {0, 1}) {
      kernels_->from_signed(out.data(), values.data() + start, n, q);
      for (std::size_t i = 0; i < n; ++i) {
        const auto wanted = static_cast<__int128>(values[start + i]) % q.q;
        ASSERT_EQ(out.data()[i], static_cast<u64>(wanted < 0 ? wanted + q.q : wanted))
            << values[start + i] << ", q = " << q.q;
      }
    }
  });
}

BLINDTUNER_FOR_EACH_KERNEL_SET(PointwiseTest);

}  // namespace
}  // namespace blindtuner::kernels
