#include "kernels_fixture.h"

namespace blindtuner::kernels {
namespace {

struct Shape {
  std::size_t n, count;
};
// Odd counts, the ends of the groups of terms, and the most terms that the contract allows.
constexpr Shape kShapes[] = {{16, 1},    {16, 512},  {32, 3},    {64, 2},    {128, 7},
                             {256, 8},   {512, 9},   {1024, 15}, {1024, 16}, {1024, 17},
                             {1024, 24}, {1024, 25}, {2048, 33}, {4096, 64}, {8192, 10},
                             {16384, 4}, {32768, 3}, {65536, 5}, {131072, 1}};

class SumsTest : public KernelsTest {
 protected:
  /// Calls f(shape, modulus, fill) for every shape, prime and fill.
  template <typename F>
  void for_each_case(F f) {
    for (const Shape& shape : kShapes)
      for (int bits : kPrimeBits) {
        if (shape.n > 65536 && bits != 50) continue;
        const Modulus q(ntt_primes(bits, 32, 1)[0]);
        for (Fill fill : kFills) {
          SCOPED_TRACE(::testing::Message()
                       << "n = " << shape.n << ", count = " << shape.count << ", q = " << q.q
                       << ", fill " << static_cast<int>(fill));
          f(shape, q, fill);
          if (HasFatalFailure()) return;
        }
      }
  }
};

TEST_P(SumsTest, InnerProduct) {
  for_each_case([&](const Shape& s, const Modulus& q, Fill fill) {
    const Arrays a(s.count, s.n, q.q, fill, 1), b(s.count, s.n, q.q, fill, 2);
    Buffer wanted(s.n), out(s.n);
    reference_->inner_product(wanted.data(), a.data(), b.data(), s.count, s.n, q);
    kernels_->inner_product(out.data(), a.data(), b.data(), s.count, s.n, q);
    ASSERT_TRUE(same(out, wanted));
    kernels_->inner_product(out.data(), a.data(), a.data(), s.count, s.n, q);
    reference_->inner_product(wanted.data(), a.data(), a.data(), s.count, s.n, q);
    ASSERT_TRUE(same(out, wanted)) << "squares";
  });
}

TEST_P(SumsTest, InnerProduct2) {
  for_each_case([&](const Shape& s, const Modulus& q, Fill fill) {
    const Arrays a(s.count, s.n, q.q, fill, 1), b0(s.count, s.n, q.q, fill, 2),
        b1(s.count, s.n, q.q, fill, 3);
    Buffer wanted0(s.n), wanted1(s.n), out0(s.n), out1(s.n);
    reference_->inner_product2(wanted0.data(), wanted1.data(), a.data(), b0.data(), b1.data(),
                               s.count, s.n, q);
    kernels_->inner_product2(out0.data(), out1.data(), a.data(), b0.data(), b1.data(), s.count, s.n,
                             q);
    ASSERT_TRUE(same(out0, wanted0));
    ASSERT_TRUE(same(out1, wanted1));
  });
}

TEST_P(SumsTest, TensorSum) {
  for_each_case([&](Shape s, const Modulus& q, Fill fill) {
    s.count = std::min<std::size_t>(s.count, 256);
    const Arrays a0(s.count, s.n, q.q, fill, 1), a1(s.count, s.n, q.q, fill, 2),
        b0(s.count, s.n, q.q, fill, 3), b1(s.count, s.n, q.q, fill, 4);
    Buffer wanted[3], out[3];
    for (int i = 0; i < 3; ++i) {
      wanted[i] = make_values(s.n, q.q, fill, 5 + i);
      out[i] = copy_of(wanted[i]);
    }
    reference_->tensor_sum(wanted[0].data(), wanted[1].data(), wanted[2].data(), a0.data(),
                           a1.data(), b0.data(), b1.data(), s.count, s.n, q);
    kernels_->tensor_sum(out[0].data(), out[1].data(), out[2].data(), a0.data(), a1.data(),
                         b0.data(), b1.data(), s.count, s.n, q);
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(same(out[i], wanted[i])) << "part " << i;
  });
}

TEST_P(SumsTest, BlockProduct) {
  for_each_case([&](const Shape& s, const Modulus& q, Fill fill) {
    const Arrays m(s.count, s.n, q.q, fill, 1);
    Buffer wanted(s.n), out(s.n);
    for (std::size_t width = 4; width <= s.n; width *= s.n > 1024 ? 4 : 2) {
      const Buffer a = make_values(s.count * (s.n / width), q.q, fill, 2);
      reference_->block_product(wanted.data(), a.data(), m.data(), s.count, width, s.n, q);
      kernels_->block_product(out.data(), a.data(), m.data(), s.count, width, s.n, q);
      ASSERT_TRUE(same(out, wanted)) << "width " << width;
    }
  });
}

TEST_P(SumsTest, BlockProducts) {
  for_each_case([&](Shape s, const Modulus& q, Fill fill) {
    s.count = std::min<std::size_t>(s.count, 33);
    if (s.n > 16384) return;
    const Arrays m(s.count, s.n, q.q, fill, 1);
    for (std::size_t width : {4, 8, 16})
      for (std::size_t batch = 1; batch <= 6; ++batch) {
        const Arrays a(batch, s.count * (s.n / width), q.q, fill, 2);
        std::vector<Buffer> wanted(batch), out(batch);
        std::vector<u64*> to;
        for (std::size_t i = 0; i < batch; ++i) {
          wanted[i] = Buffer(s.n);
          out[i] = Buffer(s.n);
          reference_->block_product(wanted[i].data(), a.pointers[i], m.data(), s.count, width, s.n,
                                    q);
          to.push_back(out[i].data());
        }
        kernels_->block_products(to.data(), a.data(), batch, m.data(), s.count, width, s.n, q);
        for (std::size_t i = 0; i < batch; ++i)
          ASSERT_TRUE(same(out[i], wanted[i])) << "width " << width << ", " << i << " of " << batch;
      }
  });
}

// Against plain 128-bit arithmetic, independent of the reference's reduction.
TEST_P(SumsTest, InnerProductIsExact) {
  const std::size_t n = 64, count = 512;
  for (int bits : kPrimeBits) {
    const Modulus q(ntt_primes(bits, 32, 1)[0]);
    for (Fill fill : kFills) {
      const Arrays a(count, n, q.q, fill, 1), b(count, n, q.q, fill, 2);
      Buffer out(n);
      kernels_->inner_product(out.data(), a.data(), b.data(), count, n, q);
      for (std::size_t i = 0; i < n; ++i) {
        u128 sum = 0;
        for (std::size_t k = 0; k < count; ++k) sum += u128{a.pointers[k][i]} * b.pointers[k][i];
        ASSERT_EQ(out.data()[i], static_cast<u64>(sum % q.q)) << "q = " << q.q;
      }
    }
  }
}

BLINDTUNER_FOR_EACH_KERNEL_SET(SumsTest);

}  // namespace
}  // namespace blindtuner::kernels
