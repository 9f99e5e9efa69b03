// Conversion between bases of primes, a block of coefficients at a time so that the scaled residues
// y_i stay in the first-level cache, as doubles, for all targets.
#include "kernels/avx2/vec.h"

namespace blindtuner::kernels {
namespace {

constexpr std::size_t kBlock = 256;  // coefficients
constexpr std::size_t kMaxSources = 32;

struct Block {
  alignas(64) double y[kMaxSources][kBlock];
  alignas(64) double v[kBlock];
};

// y_i = x_i * inverse_i mod q_i in [0, q_i), v = trunc(0.5 + sum_i y_i / q_i).
void scale_sources(Block& block, const u64* const* x, std::size_t first, std::size_t size,
                   std::size_t k, const BaseConversion& conversion) {
  const Modulus* from = conversion.from.data();
  const u64* inverse = conversion.inverse.data();
  const double* reciprocal = conversion.reciprocal.data();
  for (std::size_t i = 0; i < k; ++i) {
    const VecModulus m(from[i]);
    const Vec w = splat(static_cast<double>(inverse[i])), ratio = m.ratio(w);
    const Vec r = splat(reciprocal[i]);
    for (std::size_t c = 0; c < size; c += kLanes) {
      const Vec y = m.canonical(m.mul_ratio_lazy(load(x[i] + first + c), w, ratio));
      _mm256_store_pd(block.y[i] + c, y);
      // Two roundings, as the contract says: no fused multiply-add here.
      const Vec before = i == 0 ? splat(0.5) : _mm256_load_pd(block.v + c);
      const Vec sum = _mm256_add_pd(before, _mm256_mul_pd(y, r));
      _mm256_store_pd(
          block.v + c,
          i + 1 == k ? _mm256_round_pd(sum, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC) : sum);
    }
  }
}

}  // namespace

void base_convert_avx2(u64* const* out, const u64* const* x, std::size_t n,
                       const BaseConversion& conversion, bool streaming) {
  const std::size_t k = conversion.from.size(), targets = conversion.to.size();
  Block block;
  for (std::size_t first = 0; first < n; first += kBlock) {
    const std::size_t size = n - first < kBlock ? n - first : kBlock;
    scale_sources(block, x, first, size, k, conversion);
    for (std::size_t t = 0; t < targets; ++t) {
      const VecReducer m(conversion.to.data()[t]);
      const Vec minus_q = splat(static_cast<double>(conversion.minus_q.data()[t]));
      double factor[kMaxSources];
      for (std::size_t i = 0; i < k; ++i)
        factor[i] = static_cast<double>(conversion.factor.data()[t * k + i]);
      for (std::size_t c = 0; c < size; c += kLanes) {
        Accumulator acc;
        acc.clear();
        acc.add_product(_mm256_load_pd(block.v + c), minus_q);
        for (std::size_t i = 0; i < k; ++i) {
          if (i % kTermsPerFlush == kTermsPerFlush - 1) acc.flush();
          acc.add_product(_mm256_load_pd(block.y[i] + c), splat(factor[i]));
        }
        acc.flush();
        const Words r = m.reduce(acc, k + 1, _mm256_setzero_si256());
        if (streaming)
          _mm256_stream_si256(reinterpret_cast<__m256i*>(out[t] + first + c), r);
        else
          store_words(out[t] + first + c, r);
      }
    }
  }
  if (streaming) _mm_sfence();
}

}  // namespace blindtuner::kernels
