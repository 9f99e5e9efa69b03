// Sums of products: accumulated in the two halves of 52-bit products, reduced once at the end.
//
// A tile of coefficients is taken through a few terms at a time. So few arrays are read at once
// that the prefetcher follows them, and long contiguous stretches of each; the accumulators of the
// tile wait in the first-level cache between groups of terms.
#include <algorithm>

#include "kernels/avx512/vec.h"

namespace blindtuner::kernels {
namespace {

constexpr std::size_t kTile = 512;  // coefficients
constexpr std::size_t kGroup = 8;   // terms
constexpr int kUnroll = 2;          // vectors; every n is a multiple of 2 * kLanes

// lo + 2^52 hi, for kUnroll vectors.
struct Accumulator {
  Vec lo[kUnroll], hi[kUnroll];

  BLINDTUNER_INLINE void clear() {
    for (int v = 0; v < kUnroll; ++v) lo[v] = hi[v] = _mm512_setzero_si512();
  }
  BLINDTUNER_INLINE void add_product(int v, Vec a, Vec b) {
    lo[v] = mul_lo(lo[v], a, b);
    hi[v] = mul_hi(hi[v], a, b);
  }
  BLINDTUNER_INLINE void load_from(const u64* saved) {
    for (int v = 0; v < kUnroll; ++v) {
      lo[v] = load(saved + 2 * v * kLanes);
      hi[v] = load(saved + (2 * v + 1) * kLanes);
    }
  }
  BLINDTUNER_INLINE void save_to(u64* saved) const {
    for (int v = 0; v < kUnroll; ++v) {
      store(saved + 2 * v * kLanes, lo[v]);
      store(saved + (2 * v + 1) * kLanes, hi[v]);
    }
  }
  BLINDTUNER_INLINE void reduce_to(u64* out, const VecReducer& m, bool few) const {
    for (int v = 0; v < kUnroll; ++v)
      store(out + v * kLanes, few ? m.reduce_few(lo[v], hi[v]) : m.reduce_many(lo[v], hi[v]));
  }
};

constexpr std::size_t kStep = kUnroll * kLanes;

// Asks for kStep coefficients that a later group of terms reads.
BLINDTUNER_INLINE void fetch(const u64* at) {
  for (int v = 0; v < kUnroll; ++v)
    _mm_prefetch(reinterpret_cast<const char*>(at + v * kLanes), _MM_HINT_T1);
}

// The loops around a sum of `count` terms with kSums results, for coefficients [begin, stop) of
// n: init(s, acc, i) starts accumulator s,
// term(acc, k, i) adds term k of the coefficients from i on, ahead(k, i) fetches what it will read.
template <int kSums, typename Init, typename Term, typename Ahead>
BLINDTUNER_INLINE void tiled_sum(u64* const (&out)[kSums], std::size_t count, std::size_t begin,
                                 std::size_t stop, std::size_t n, const Modulus& q,
                                 std::size_t products, Init init, Term term, Ahead ahead) {
  const VecReducer m(q);
  const bool few = products <= kFewTerms;
  alignas(64) u64 saved[kSums][2 * kTile];
  for (std::size_t tile = begin; tile < stop; tile += kTile) {
    const std::size_t end = std::min(stop, tile + kTile);
    for (std::size_t first = 0; first < count; first += kGroup) {
      const std::size_t last = first + kGroup < count ? first + kGroup : count;
      // The stretches are too short for the prefetcher to see their starts coming.
      const std::size_t next = last < count ? last : 0;
      const std::size_t next_end = next + kGroup < count ? next + kGroup : count;
      const std::size_t shift = last < count ? 0 : end < n ? kTile : n;
      for (std::size_t i = tile; i < end; i += kStep) {
        Accumulator acc[kSums];
#pragma GCC unroll 4
        for (int s = 0; s < kSums; ++s)
          if (first == 0)
            init(s, acc[s], i);
          else
            acc[s].load_from(saved[s] + 2 * (i - tile));
        for (std::size_t k = first; k < last; ++k) term(acc, k, i);
        if (shift != n)
          for (std::size_t k = next; k < next_end; ++k) ahead(k, i + shift);
#pragma GCC unroll 4
        for (int s = 0; s < kSums; ++s)
          if (last == count)
            acc[s].reduce_to(out[s] + i, m, few);
          else
            acc[s].save_to(saved[s] + 2 * (i - tile));
      }
    }
  }
}

// Factors of the block product: a[j * blocks + (i + lane) / width] for the lanes of one vector.
template <bool kNarrow>
BLINDTUNER_INLINE Vec block_factor(const u64* row, std::size_t i, int log_width) {
  const u64* at = row + (i >> log_width);
  if constexpr (!kNarrow) return splat(*at);
  // width 4: two blocks a vector
  const Vec two = _mm512_castsi128_si512(_mm_load_si128(reinterpret_cast<const __m128i*>(at)));
  return _mm512_permutexvar_epi64(_mm512_setr_epi64(0, 0, 0, 0, 1, 1, 1, 1), two);
}

// One tile of kBatch block products.
template <bool kNarrow, int kBatch>
void block_tile(u64* const* out, const u64* const* a, const u64* const* m, std::size_t count,
                std::size_t tile, int log_width, std::size_t n, const Modulus& q) {
  const std::size_t blocks = n >> log_width;
  u64* outs[kBatch];
  for (int s = 0; s < kBatch; ++s) outs[s] = out[s];
  tiled_sum<kBatch>(
      outs, count, tile, std::min(n, tile + kTile), n, q, count,
      [](int, Accumulator& acc, std::size_t) { acc.clear(); },
      [&](Accumulator* acc, std::size_t j, std::size_t i) {
        for (int v = 0; v < kUnroll; ++v) {
          const Vec x = load(m[j] + i + v * kLanes);
#pragma GCC unroll 4
          for (int s = 0; s < kBatch; ++s)
            acc[s].add_product(v, x,
                               block_factor<kNarrow>(a[s] + j * blocks, i + v * kLanes, log_width));
        }
      },
      [&](std::size_t j, std::size_t i) { fetch(m[j] + i); });
}

template <bool kNarrow>
void block_products(u64* const* out, const u64* const* a, std::size_t batch, const u64* const* m,
                    std::size_t count, int log_width, std::size_t n, const Modulus& q) {
  // All inputs take a tile of m before the next is read.
  for (std::size_t tile = 0; tile < n; tile += kTile)
    for (std::size_t s = 0; s < batch; s += 4) switch (batch - s) {
        case 1:
          block_tile<kNarrow, 1>(out + s, a + s, m, count, tile, log_width, n, q);
          break;
        case 2:
          block_tile<kNarrow, 2>(out + s, a + s, m, count, tile, log_width, n, q);
          break;
        case 3:
          block_tile<kNarrow, 3>(out + s, a + s, m, count, tile, log_width, n, q);
          break;
        default:
          block_tile<kNarrow, 4>(out + s, a + s, m, count, tile, log_width, n, q);
          break;
      }
}

}  // namespace

void inner_product_avx512(u64* out, const u64* const* a, const u64* const* b, std::size_t count,
                          std::size_t n, const Modulus& q) {
  u64* const outs[1] = {out};
  tiled_sum<1>(
      outs, count, 0, n, n, q, count, [](int, Accumulator& acc, std::size_t) { acc.clear(); },
      [&](Accumulator* acc, std::size_t k, std::size_t i) {
        for (int v = 0; v < kUnroll; ++v)
          acc[0].add_product(v, load(a[k] + i + v * kLanes), load(b[k] + i + v * kLanes));
      },
      [&](std::size_t k, std::size_t i) {
        fetch(a[k] + i);
        fetch(b[k] + i);
      });
}

void inner_product2_avx512(u64* out0, u64* out1, const u64* const* a, const u64* const* b0,
                           const u64* const* b1, std::size_t count, std::size_t n,
                           const Modulus& q) {
  u64* const outs[2] = {out0, out1};
  tiled_sum<2>(
      outs, count, 0, n, n, q, count, [](int, Accumulator& acc, std::size_t) { acc.clear(); },
      [&](Accumulator* acc, std::size_t k, std::size_t i) {
        for (int v = 0; v < kUnroll; ++v) {
          const Vec x = load(a[k] + i + v * kLanes);
          acc[0].add_product(v, x, load(b0[k] + i + v * kLanes));
          acc[1].add_product(v, x, load(b1[k] + i + v * kLanes));
        }
      },
      [&](std::size_t k, std::size_t i) {
        fetch(a[k] + i);
        fetch(b0[k] + i);
        fetch(b1[k] + i);
      });
}

void tensor_sum_avx512(u64* out0, u64* out1, u64* out2, const u64* const* a0, const u64* const* a1,
                       const u64* const* b0, const u64* const* b1, std::size_t count, std::size_t n,
                       const Modulus& q) {
  u64* const outs[3] = {out0, out1, out2};
  tiled_sum<3>(
      outs, count, 0, n, n, q, 2 * count,
      [&](int s, Accumulator& acc, std::size_t i) {
        acc.clear();
        for (int v = 0; v < kUnroll; ++v) acc.lo[v] = load(outs[s] + i + v * kLanes);
      },
      [&](Accumulator* acc, std::size_t k, std::size_t i) {
        for (int v = 0; v < kUnroll; ++v) {
          const std::size_t at = i + v * kLanes;
          const Vec x0 = load(a0[k] + at), x1 = load(a1[k] + at);
          const Vec y0 = load(b0[k] + at), y1 = load(b1[k] + at);
          acc[0].add_product(v, x0, y0);
          acc[1].add_product(v, x0, y1);
          acc[1].add_product(v, x1, y0);
          acc[2].add_product(v, x1, y1);
        }
      },
      [&](std::size_t k, std::size_t i) {
        fetch(a0[k] + i);
        fetch(a1[k] + i);
        fetch(b0[k] + i);
        fetch(b1[k] + i);
      });
}

void block_products_avx512(u64* const* out, const u64* const* a, std::size_t batch,
                           const u64* const* m, std::size_t count, std::size_t width, std::size_t n,
                           const Modulus& q) {
  const int log_width = __builtin_ctzll(width);
  if (width == 4)
    block_products<true>(out, a, batch, m, count, log_width, n, q);
  else
    block_products<false>(out, a, batch, m, count, log_width, n, q);
}

void block_product_avx512(u64* out, const u64* a, const u64* const* m, std::size_t count,
                          std::size_t width, std::size_t n, const Modulus& q) {
  block_products_avx512(&out, &a, 1, m, count, width, n, q);
}

}  // namespace blindtuner::kernels
