// Number-theoretic transforms.
//
// A transform is a tree: the node r (root 1, children 2r and 2r+1) is a block of coefficients
// modulo X^len - c, and roots[r] splits it into its two children. The tree is walked depth first, 1
// to 4 levels a pass over the block, so that blocks of 2^12 and below stay in the first-level
// cache; the lowest 6 levels of 64 coefficients are done in 8 registers. Values are kept lazily
// reduced between passes, in [0, 4q) forward and [0, 2q) backward. @[Har14, Sec. 3] @[LN16, Alg. 1,
// 2]
#include "kernels/avx512/vec.h"
#include "kernels/tables.h"

namespace blindtuner::kernels {
namespace {

constexpr int kLogLeaf = 6;  // coefficients that one leaf keeps in registers: 64

// Levels of the next pass over a block of 2^log_len: as few passes as possible, evenly filled.
int pass_levels(int log_len) {
  const int levels = log_len - kLogLeaf;
  const int passes = (levels + 3) / 4;
  return (levels + passes - 1) / passes;
}

// x (mod X^n + 1) with its roots, in one of the two directions.
struct Tree {
  VecModulus m;
  const u64* roots;
  const u64* shoup;

  BLINDTUNER_INLINE Vec root(std::size_t r) const { return splat(roots[r]); }
  BLINDTUNER_INLINE Vec root_shoup(std::size_t r) const { return splat(shoup[r]); }

  // (u, v) -> (u + w v, u - w v): [0, 4q) -> [0, 4q).
  BLINDTUNER_INLINE void forward(Vec& u, Vec& v, Vec w, Vec ws) const {
    const Vec a = subtract_once(u, m.q2);
    const Vec t = m.mul_shoup_lazy(v, w, ws);
    u = add64(a, t);
    v = sub64(add64(a, m.q2), t);
  }
  // (u, v) -> (u + v, w (u - v)): [0, 2q) -> [0, 2q).
  BLINDTUNER_INLINE void inverse(Vec& u, Vec& v, Vec w, Vec ws) const {
    const Vec s = add64(u, v);
    const Vec d = sub64(add64(u, m.q2), v);
    u = subtract_once(s, m.q2);
    v = m.mul_shoup_lazy(d, w, ws);
  }
};

// `kLevels` levels on node r, whose block is 2^kLevels rows of `stride` coefficients.
template <int kLevels>
void forward_pass(const Tree& tree, u64* x, std::size_t stride, std::size_t r) {
  constexpr int kRows = 1 << kLevels;
  Vec w[kRows], ws[kRows];  // heap order: the levels' roots one after another, from 1
#pragma GCC unroll 16
  for (int l = 0; l < kLevels; ++l)
#pragma GCC unroll 16
    for (int k = 0; k < (1 << l); ++k) {
      w[(1 << l) + k] = tree.root((r << l) + k);
      ws[(1 << l) + k] = tree.root_shoup((r << l) + k);
    }
  for (std::size_t j = 0; j < stride; j += kLanes) {
    Vec v[kRows];
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i) v[i] = load(x + i * stride + j);
#pragma GCC unroll 16
    for (int l = 0; l < kLevels; ++l)
#pragma GCC unroll 16
      for (int k = 0; k < (1 << l); ++k)
#pragma GCC unroll 16
        for (int i = 0; i < (kRows >> (l + 1)); ++i) {
          const int low = k * (kRows >> l) + i;
          tree.forward(v[low], v[low + (kRows >> (l + 1))], w[(1 << l) + k], ws[(1 << l) + k]);
        }
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i) store(x + i * stride + j, v[i]);
  }
}

// `kLevels` levels up to node r. kLast: r is the root of the tree; the result is multiplied with
// 1/n and canonical.
template <int kLevels, bool kLast>
void inverse_pass(const Tree& tree, u64* x, std::size_t stride, std::size_t r,
                  const NttTable& table) {
  constexpr int kRows = 1 << kLevels;
  Vec w[kRows], ws[kRows];
#pragma GCC unroll 16
  for (int l = 0; l < kLevels; ++l)
#pragma GCC unroll 16
    for (int k = 0; k < (1 << l); ++k) {
      w[(1 << l) + k] = tree.root((r << l) + k);
      ws[(1 << l) + k] = tree.root_shoup((r << l) + k);
    }
  Vec n_inv, n_inv_shoup;
  if constexpr (kLast) {
    n_inv = splat(table.n_inv);
    n_inv_shoup = splat(table.n_inv_shoup);
    w[1] = splat(table.last_inv);
    ws[1] = splat(table.last_inv_shoup);
  }
  for (std::size_t j = 0; j < stride; j += kLanes) {
    Vec v[kRows];
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i) v[i] = load(x + i * stride + j);
#pragma GCC unroll 16
    for (int l = kLevels - 1; l >= (kLast ? 1 : 0); --l)
#pragma GCC unroll 16
      for (int k = 0; k < (1 << l); ++k)
#pragma GCC unroll 16
        for (int i = 0; i < (kRows >> (l + 1)); ++i) {
          const int low = k * (kRows >> l) + i;
          tree.inverse(v[low], v[low + (kRows >> (l + 1))], w[(1 << l) + k], ws[(1 << l) + k]);
        }
    if constexpr (kLast) {
#pragma GCC unroll 16
      for (int i = 0; i < kRows / 2; ++i) {
        const Vec s = add64(v[i], v[i + kRows / 2]);
        const Vec d = sub64(add64(v[i], tree.m.q2), v[i + kRows / 2]);
        v[i] = tree.m.canonical2(tree.m.mul_shoup_lazy(s, n_inv, n_inv_shoup));
        v[i + kRows / 2] = tree.m.canonical2(tree.m.mul_shoup_lazy(d, w[1], ws[1]));
      }
    }
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i) store(x + i * stride + j, v[i]);
  }
}

// Lane orders of the last three levels. a and b are the 8 coefficients of two registers.
BLINDTUNER_INLINE Vec select2(Vec a, Vec b, long long i0, long long i1, long long i2, long long i3,
                              long long i4, long long i5, long long i6, long long i7) {
  return _mm512_permutex2var_epi64(a, _mm512_setr_epi64(i0, i1, i2, i3, i4, i5, i6, i7), b);
}
// Roots 2p and 2p+1 of eight, four times each.
BLINDTUNER_INLINE Vec spread4(Vec eight, int p) {
  const long long i = 2 * p;
  return _mm512_permutexvar_epi64(_mm512_setr_epi64(i, i, i, i, i + 1, i + 1, i + 1, i + 1), eight);
}
// Four roots, twice each.
BLINDTUNER_INLINE Vec spread2(const u64* four) {
  const Vec v = _mm512_castsi256_si512(_mm256_load_si256(reinterpret_cast<const __m256i*>(four)));
  return _mm512_permutexvar_epi64(_mm512_setr_epi64(0, 0, 1, 1, 2, 2, 3, 3), v);
}

// The six lowest levels of the 64 coefficients of node r: [0, 4q) -> [0, q).
BLINDTUNER_INLINE void forward_leaf(const Tree& tree, u64* x, std::size_t r) {
  Vec v[8];
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) v[i] = load(x + i * kLanes);
#pragma GCC unroll 8
  for (int l = 0; l < 3; ++l)
#pragma GCC unroll 8
    for (int k = 0; k < (1 << l); ++k)
#pragma GCC unroll 8
      for (int i = 0; i < (4 >> l); ++i) {
        const int low = k * (8 >> l) + i;
        const std::size_t node = (r << l) + k;
        tree.forward(v[low], v[low + (4 >> l)], tree.root(node), tree.root_shoup(node));
      }
  const Vec roots4 = load(tree.roots + 8 * r), shoup4 = load(tree.shoup + 8 * r);
#pragma GCC unroll 4
  for (int p = 0; p < 4; ++p) {
    Vec a = v[2 * p], b = v[2 * p + 1];
    // a0..a3 b0..b3 | a4..a7 b4..b7
    Vec s = _mm512_shuffle_i64x2(a, b, 0x44), d = _mm512_shuffle_i64x2(a, b, 0xEE);
    tree.forward(s, d, spread4(roots4, p), spread4(shoup4, p));
    // a0 a1 a4 a5 b0 b1 b4 b5 | a2 a3 a6 a7 ...
    a = select2(s, d, 0, 1, 8, 9, 4, 5, 12, 13);
    b = select2(s, d, 2, 3, 10, 11, 6, 7, 14, 15);
    tree.forward(a, b, spread2(tree.roots + 16 * r + 4 * p), spread2(tree.shoup + 16 * r + 4 * p));
    // a0 a2 a4 a6 b0 .. | a1 a3 a5 a7 ...
    s = _mm512_unpacklo_epi64(a, b);
    d = _mm512_unpackhi_epi64(a, b);
    tree.forward(s, d, load(tree.roots + 32 * r + 8 * p), load(tree.shoup + 32 * r + 8 * p));
    s = tree.m.canonical4(s);
    d = tree.m.canonical4(d);
    store(x + 16 * p, select2(s, d, 0, 8, 1, 9, 2, 10, 3, 11));
    store(x + 16 * p + 8, select2(s, d, 4, 12, 5, 13, 6, 14, 7, 15));
  }
}

// The six lowest levels upwards: [0, q) -> [0, 2q).
BLINDTUNER_INLINE void inverse_leaf(const Tree& tree, u64* x, std::size_t r) {
  Vec v[8];
  const Vec roots4 = load(tree.roots + 8 * r), shoup4 = load(tree.shoup + 8 * r);
#pragma GCC unroll 4
  for (int p = 0; p < 4; ++p) {
    const Vec low = load(x + 16 * p), high = load(x + 16 * p + 8);
    Vec a = select2(low, high, 0, 2, 4, 6, 8, 10, 12, 14);
    Vec b = select2(low, high, 1, 3, 5, 7, 9, 11, 13, 15);
    tree.inverse(a, b, load(tree.roots + 32 * r + 8 * p), load(tree.shoup + 32 * r + 8 * p));
    Vec s = _mm512_unpacklo_epi64(a, b), d = _mm512_unpackhi_epi64(a, b);
    tree.inverse(s, d, spread2(tree.roots + 16 * r + 4 * p), spread2(tree.shoup + 16 * r + 4 * p));
    a = select2(s, d, 0, 1, 8, 9, 4, 5, 12, 13);
    b = select2(s, d, 2, 3, 10, 11, 6, 7, 14, 15);
    tree.inverse(a, b, spread4(roots4, p), spread4(shoup4, p));
    v[2 * p] = _mm512_shuffle_i64x2(a, b, 0x44);
    v[2 * p + 1] = _mm512_shuffle_i64x2(a, b, 0xEE);
  }
#pragma GCC unroll 8
  for (int l = 2; l >= 0; --l)
#pragma GCC unroll 8
    for (int k = 0; k < (1 << l); ++k)
#pragma GCC unroll 8
      for (int i = 0; i < (4 >> l); ++i) {
        const int low = k * (8 >> l) + i;
        const std::size_t node = (r << l) + k;
        tree.inverse(v[low], v[low + (4 >> l)], tree.root(node), tree.root_shoup(node));
      }
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) store(x + i * kLanes, v[i]);
}

void forward_node(const Tree& tree, u64* x, int log_len, std::size_t r, u64 q) {
  const int levels = pass_levels(log_len);
  const std::size_t stride = (std::size_t{1} << log_len) >> levels;
  verify_below(x, stride << levels, 4 * q);
  switch (levels) {
    case 1:
      forward_pass<1>(tree, x, stride, r);
      break;
    case 2:
      forward_pass<2>(tree, x, stride, r);
      break;
    case 3:
      forward_pass<3>(tree, x, stride, r);
      break;
    default:
      forward_pass<4>(tree, x, stride, r);
      break;
  }
  verify_below(x, stride << levels, 4 * q);
  const std::size_t children = std::size_t{1} << levels;
  if (log_len - levels == kLogLeaf)
    for (std::size_t c = 0; c < children; ++c)
      forward_leaf(tree, x + c * stride, (r << levels) + c);
  else
    for (std::size_t c = 0; c < children; ++c)
      forward_node(tree, x + c * stride, log_len - levels, (r << levels) + c, q);
}

template <bool kLast>
void inverse_node(const Tree& tree, u64* x, int log_len, std::size_t r, const NttTable& table) {
  const int levels = pass_levels(log_len);
  const std::size_t stride = (std::size_t{1} << log_len) >> levels;
  const std::size_t children = std::size_t{1} << levels;
  if (log_len - levels == kLogLeaf)
    for (std::size_t c = 0; c < children; ++c)
      inverse_leaf(tree, x + c * stride, (r << levels) + c);
  else
    for (std::size_t c = 0; c < children; ++c)
      inverse_node<false>(tree, x + c * stride, log_len - levels, (r << levels) + c, table);
  verify_below(x, stride << levels, 2 * table.modulus.q);
  switch (levels) {
    case 1:
      inverse_pass<1, kLast>(tree, x, stride, r, table);
      break;
    case 2:
      inverse_pass<2, kLast>(tree, x, stride, r, table);
      break;
    case 3:
      inverse_pass<3, kLast>(tree, x, stride, r, table);
      break;
    default:
      inverse_pass<4, kLast>(tree, x, stride, r, table);
      break;
  }
  verify_below(x, stride << levels, (kLast ? 1 : 2) * table.modulus.q);
}

}  // namespace

void ntt_forward_avx512(u64* x, const NttTable& table) {
  if (table.log_n <= kLogLeaf) return scalar_kernels().ntt_forward(x, table);
  const Tree tree{VecModulus(table.modulus), table.roots.data(), table.roots_shoup.data()};
  forward_node(tree, x, table.log_n, 1, table.modulus.q);
  verify_below(x, table.n, table.modulus.q);
}

void ntt_inverse_avx512(u64* x, const NttTable& table) {
  if (table.log_n <= kLogLeaf) return scalar_kernels().ntt_inverse(x, table);
  const Tree tree{VecModulus(table.modulus), table.inv_roots.data(), table.inv_roots_shoup.data()};
  inverse_node<true>(tree, x, table.log_n, 1, table);
}

}  // namespace blindtuner::kernels
