// Sums of products: accumulated exactly, reduced once at the end.
//
// A tile of coefficients is taken through as many terms at a time as an accumulator takes between
// flushes; the accumulators of the tile wait in the first-level cache between groups of terms.
#include <algorithm>

#include "kernels/avx2/vec.h"

namespace blindtuner::kernels {
namespace {

constexpr std::size_t kTile = 512;  // coefficients

// The loops around a sum of `count` terms with kSums results and at most kProducts products a term
// and result (products(s) of them): term(acc, k, i) adds term k of the coefficients from i on.
// kAdd: the results are added to what `out` holds.
template <int kSums, int kProducts, bool kAdd, typename Products, typename Term>
BLINDTUNER_INLINE void tiled_sum(u64* const (&out)[kSums], std::size_t count, std::size_t n,
                                 const Modulus& q, Products products, Term term) {
  constexpr std::size_t kGroup = kTermsPerFlush / kProducts;
  const VecReducer m(q);
  alignas(32) u64 saved[kSums][2 * kTile];
  for (std::size_t tile = 0; tile < n; tile += kTile) {
    const std::size_t end = std::min(n, tile + kTile);
    for (std::size_t first = 0; first < count; first += kGroup) {
      const std::size_t last = first + kGroup < count ? first + kGroup : count;
      for (std::size_t i = tile; i < end; i += kLanes) {
        Accumulator acc[kSums];
        for (int s = 0; s < kSums; ++s) {
          acc[s].clear();
          if (first == 0) continue;
          acc[s].hi = load_words(saved[s] + 2 * (i - tile));
          acc[s].lo_words = load_words(saved[s] + 2 * (i - tile) + kLanes);
        }
        for (std::size_t k = first; k < last; ++k) term(acc, k, i);
        for (int s = 0; s < kSums; ++s) {
          acc[s].flush();
          if (last == count) {
            const Words start = kAdd ? load_words(out[s] + i) : _mm256_setzero_si256();
            store_words(out[s] + i, m.reduce(acc[s], count * products(s), start));
          } else {
            store_words(saved[s] + 2 * (i - tile), acc[s].hi);
            store_words(saved[s] + 2 * (i - tile) + kLanes, acc[s].lo_words);
          }
        }
      }
    }
  }
}

constexpr u64 one_product(int) { return 1; }

}  // namespace

void inner_product_avx2(u64* out, const u64* const* a, const u64* const* b, std::size_t count,
                        std::size_t n, const Modulus& q) {
  u64* const outs[1] = {out};
  tiled_sum<1, 1, false>(outs, count, n, q, one_product,
                         [&](Accumulator* acc, std::size_t k, std::size_t i) {
                           acc[0].add_product(load(a[k] + i), load(b[k] + i));
                         });
}

void inner_product2_avx2(u64* out0, u64* out1, const u64* const* a, const u64* const* b0,
                         const u64* const* b1, std::size_t count, std::size_t n, const Modulus& q) {
  u64* const outs[2] = {out0, out1};
  tiled_sum<2, 1, false>(outs, count, n, q, one_product,
                         [&](Accumulator* acc, std::size_t k, std::size_t i) {
                           const Vec x = load(a[k] + i);
                           acc[0].add_product(x, load(b0[k] + i));
                           acc[1].add_product(x, load(b1[k] + i));
                         });
}

void tensor_sum_avx2(u64* out0, u64* out1, u64* out2, const u64* const* a0, const u64* const* a1,
                     const u64* const* b0, const u64* const* b1, std::size_t count, std::size_t n,
                     const Modulus& q) {
  u64* const outs[3] = {out0, out1, out2};
  tiled_sum<3, 2, true>(
      outs, count, n, q, [](int s) -> u64 { return s == 1 ? 2 : 1; },
      [&](Accumulator* acc, std::size_t k, std::size_t i) {
        const Vec x0 = load(a0[k] + i), x1 = load(a1[k] + i);
        const Vec y0 = load(b0[k] + i), y1 = load(b1[k] + i);
        acc[0].add_product(x0, y0);
        acc[1].add_product(x0, y1);
        acc[1].add_product(x1, y0);
        acc[2].add_product(x1, y1);
      });
}

void block_product_avx2(u64* out, const u64* a, const u64* const* m, std::size_t count,
                        std::size_t width, std::size_t n, const Modulus& q) {
  const int log_width = __builtin_ctzll(width);
  const std::size_t blocks = n >> log_width;
  u64* const outs[1] = {out};
  tiled_sum<1, 1, false>(outs, count, n, q, one_product,
                         [&](Accumulator* acc, std::size_t j, std::size_t i) {
                           const u64 factor = a[j * blocks + (i >> log_width)];
                           acc[0].add_product(load(m[j] + i), to_double(splat_word(factor)));
                         });
}

void block_products_avx2(u64* const* out, const u64* const* a, std::size_t batch,
                         const u64* const* m, std::size_t count, std::size_t width, std::size_t n,
                         const Modulus& q) {
  for (std::size_t s = 0; s < batch; ++s) block_product_avx2(out[s], a[s], m, count, width, n, q);
}

}  // namespace blindtuner::kernels
