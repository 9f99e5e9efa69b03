// What the kernel tests share: one test per instruction set and kernel, compared with the scalar
// reference bit for bit. A set that this processor lacks shows as skipped.
#pragma once

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "kernels/api.h"
#include "math/primes.h"

namespace blindtuner::kernels {
using namespace math;

enum class Fill { kRandom, kZero, kLargest, kAlternating };
inline constexpr Fill kFills[] = {Fill::kRandom, Fill::kZero, Fill::kLargest, Fill::kAlternating};
inline constexpr int kPrimeBits[] = {50, 49, 40, 36, 30, 20};

/// n values below `bound`, of a fill that `seed` varies.
inline Buffer make_values(std::size_t n, u64 bound, Fill fill, u64 seed) {
  Buffer values(n);
  std::mt19937_64 random(seed * 0x9E3779B97F4A7C15u + bound);
  for (std::size_t i = 0; i < n; ++i) {
    u64& x = values.data()[i];
    switch (fill) {
      case Fill::kRandom:
        x = random() % bound;
        break;
      case Fill::kZero:
        x = 0;
        break;
      case Fill::kLargest:
        x = bound - 1;
        break;
      case Fill::kAlternating:
        x = (i + seed) % 2 == 0 ? 0 : bound - 1;
        break;
    }
  }
  return values;
}

inline Buffer copy_of(const Buffer& source) {
  Buffer copy(source.size());
  std::memcpy(copy.data(), source.data(), source.size() * sizeof(u64));
  return copy;
}

/// Whether both hold the same bits; names the first difference.
inline ::testing::AssertionResult same(const Buffer& actual, const Buffer& expected) {
  for (std::size_t i = 0; i < expected.size(); ++i)
    if (actual.data()[i] != expected.data()[i])
      return ::testing::AssertionFailure()
             << "at " << i << ": " << actual.data()[i] << ", expected " << expected.data()[i];
  return ::testing::AssertionSuccess();
}

/// `count` arrays and their pointers, as the sums of products take them.
struct Arrays {
  std::vector<Buffer> buffers;
  std::vector<const u64*> pointers;

  Arrays(std::size_t count, std::size_t n, u64 bound, Fill fill, u64 seed) {
    for (std::size_t k = 0; k < count; ++k) {
      buffers.push_back(make_values(n, bound, fill, seed * 1009 + k));
      pointers.push_back(buffers.back().data());
    }
  }
  const u64* const* data() const { return pointers.data(); }
};

class KernelsTest : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    kernels_ = find_kernels(GetParam());
    if (kernels_ == nullptr) GTEST_SKIP() << "this processor has no " << GetParam();
    reference_ = find_kernels("scalar");
  }
  const LimbKernels* kernels_ = nullptr;
  const LimbKernels* reference_ = nullptr;
};

inline std::string kernel_set_name(const ::testing::TestParamInfo<std::string>& info) {
  return info.param;
}
#define BLINDTUNER_FOR_EACH_KERNEL_SET(Suite)                                             \
  INSTANTIATE_TEST_SUITE_P(All, Suite, ::testing::Values("scalar", "avx2", "avx512ifma"), \
                           kernel_set_name)

}  // namespace blindtuner::kernels
