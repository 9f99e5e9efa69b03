// Conversion between bases of primes, a block of coefficients at a time so that the scaled residues
// y_i stay in the first-level cache for all targets.
#include "kernels/avx512/vec.h"

namespace blindtuner::kernels {
namespace {

constexpr std::size_t kBlock = 256;  // coefficients
constexpr std::size_t kMaxSources = 32;

struct Block {
  alignas(64) u64 y[kMaxSources][kBlock];
  alignas(64) u64 v[kBlock];
};

// y_i = x_i * inverse_i mod q_i in [0, q_i), v = trunc(0.5 + sum_i y_i / q_i).
void scale_sources(Block& block, const u64* const* x, std::size_t first, std::size_t size,
                   std::size_t k, const BaseConversion& conversion) {
  const Modulus* from = conversion.from.data();
  const u64* inverse = conversion.inverse.data();
  const u64* shoup = conversion.inverse_shoup.data();
  const double* reciprocal = conversion.reciprocal.data();
  for (std::size_t i = 0; i < k; ++i) {
    const VecModulus m(from[i]);
    const Vec w = splat(inverse[i]), ws = splat(shoup[i]);
    const __m512d r = _mm512_set1_pd(reciprocal[i]);
    for (std::size_t c = 0; c < size; c += kLanes) {
      const Vec y = m.canonical2(m.mul_shoup_lazy(load(x[i] + first + c), w, ws));
      store(block.y[i] + c, y);
      // The sum waits as a double in block.v. Two roundings, as the contract says: no FMA.
      const __m512d before = i == 0 ? _mm512_set1_pd(0.5) : _mm512_castsi512_pd(load(block.v + c));
      const __m512d sum = _mm512_add_pd(before, _mm512_mul_pd(_mm512_cvtepu64_pd(y), r));
      store(block.v + c, i + 1 == k ? _mm512_cvttpd_epu64(sum) : _mm512_castpd_si512(sum));
    }
  }
}

// kVecs vectors of one target: sum_i y_i factor_i + v minus_q, at most 33 products.
template <int kVecs, bool kStreaming>
BLINDTUNER_INLINE void convert(u64* out, const Block& block, std::size_t c, std::size_t k,
                               const u64* factor, Vec minus_q, const VecReducer& m) {
  Vec lo[kVecs], hi[kVecs];
#pragma GCC unroll 8
  for (int u = 0; u < kVecs; ++u) {
    const Vec v = load(block.v + c + u * kLanes);
    lo[u] = mul_lo(m.zero, v, minus_q);
    hi[u] = mul_hi(m.zero, v, minus_q);
  }
  for (std::size_t i = 0; i < k; ++i) {
    const Vec f = splat(factor[i]);
#pragma GCC unroll 8
    for (int u = 0; u < kVecs; ++u) {
      const Vec y = load(block.y[i] + c + u * kLanes);
      lo[u] = mul_lo(lo[u], y, f);
      hi[u] = mul_hi(hi[u], y, f);
    }
  }
#pragma GCC unroll 8
  for (int u = 0; u < kVecs; ++u) {
    const Vec r = k < kFewTerms ? m.reduce_few(lo[u], hi[u]) : m.reduce_many(lo[u], hi[u]);
    if constexpr (kStreaming)
      _mm512_stream_si512(reinterpret_cast<__m512i*>(out + u * kLanes), r);
    else
      store(out + u * kLanes, r);
  }
}

template <bool kStreaming>
void convert_all(u64* const* out, const u64* const* x, std::size_t n,
                 const BaseConversion& conversion) {
  const std::size_t k = conversion.from.size(), targets = conversion.to.size();
  Block block;
  for (std::size_t first = 0; first < n; first += kBlock) {
    const std::size_t size = n - first < kBlock ? n - first : kBlock;
    scale_sources(block, x, first, size, k, conversion);
    for (std::size_t t = 0; t < targets; ++t) {
      const VecReducer m(conversion.to.data()[t]);
      const Vec minus_q = splat(conversion.minus_q.data()[t]);
      const u64* factor = conversion.factor.data() + t * k;
      std::size_t c = 0;
      for (; c + 4 * kLanes <= size; c += 4 * kLanes)
        convert<4, kStreaming>(out[t] + first + c, block, c, k, factor, minus_q, m);
      for (; c < size; c += 2 * kLanes)
        convert<2, kStreaming>(out[t] + first + c, block, c, k, factor, minus_q, m);
    }
  }
}

}  // namespace

void base_convert_avx512(u64* const* out, const u64* const* x, std::size_t n,
                         const BaseConversion& conversion, bool streaming) {
  if (!streaming) return convert_all<false>(out, x, n, conversion);
  convert_all<true>(out, x, n, conversion);
  _mm_sfence();
}

}  // namespace blindtuner::kernels
