// Number-theoretic transforms.
//
// A transform is a tree: the node r (root 1, children 2r and 2r+1) is a block of coefficients
// modulo X^len - c, and roots[r] splits it into its two children. The tree is walked depth first, 1
// to 4 levels a pass over the block, so that small blocks stay in the first-level cache; the lowest
// 7 levels of 128 coefficients are done in 16 registers. Values are kept lazily reduced between
// passes, in [0, 4q) forward and [0, 2q) backward. @[Har14, Sec. 3] @[LN16, Alg. 1, 2]
#include "kernels/avx512/vec.h"
#include "kernels/tables.h"

namespace blindtuner::kernels {
namespace {

constexpr int kLogLeaf = 7;  // coefficients that one leaf keeps in registers: 128
constexpr int kLeafRows = 16;

// Levels of the next pass over a block of 2^log_len: as few passes as possible, evenly filled.
// Beyond the first-level cache 16 rows are too many: they compete for the 12 lines of one set.
int pass_levels(int log_len) {
  const int levels = log_len - kLogLeaf;
  if (levels == 0) return 0;
  const int most = log_len > 12 ? 3 : 4;
  const int passes = (levels + most - 1) / most;
  return (levels + passes - 1) / passes;
}

// One direction of a transform.
struct Tree {
  VecModulus m;
  const u64* roots;
  const u64* shoup;
  const u64* tail;
  const u64* lanes;
  std::size_t first_leaf;  // node of the first block of 128

  BLINDTUNER_INLINE Vec root(std::size_t r) const { return splat(roots[r]); }
  BLINDTUNER_INLINE Vec root_shoup(std::size_t r) const { return splat(shoup[r]); }

  // (u, v) -> (u + w v, u - w v): [0, 4q) -> [0, 4q). Without kMask the bits from 52 on are
  // undefined: enough where both results are multiplied next.
  template <bool kMask = true>
  BLINDTUNER_INLINE void forward(Vec& u, Vec& v, Vec w, Vec ws) const {
    const Vec a = subtract_once(u, m.q2);
    const Vec t = kMask ? m.mul_shoup_lazy(v, w, ws) : m.mul_shoup_unmasked(v, w, ws);
    u = add64(a, t);
    v = sub64(add64(a, m.q2), t);
  }
  // (u, v) -> (u + v, w (u - v)): [0, 2q) -> [0, 2q). Without kMask the second result is undefined
  // from bit 52 on.
  template <bool kMask = true>
  BLINDTUNER_INLINE void inverse(Vec& u, Vec& v, Vec w, Vec ws) const {
    const Vec s = add64(u, v);
    const Vec d = sub64(add64(u, m.q2), v);
    u = subtract_once(s, m.q2);
    v = kMask ? m.mul_shoup_lazy(d, w, ws) : m.mul_shoup_unmasked(d, w, ws);
  }
};

// The roots of `kLevels` levels from node r down: heap order, from index 1.
template <int kLevels>
struct Roots {
  Vec w[1 << kLevels], ws[1 << kLevels];
  BLINDTUNER_INLINE Roots(const Tree& tree, std::size_t r) {
#pragma GCC unroll 16
    for (int l = 0; l < kLevels; ++l)
#pragma GCC unroll 16
      for (int k = 0; k < (1 << l); ++k) {
        w[(1 << l) + k] = tree.root((r << l) + k);
        ws[(1 << l) + k] = tree.root_shoup((r << l) + k);
      }
  }
};

// kLevels levels of kColumns transforms side by side, column c of row i in v[kColumns * i + c].
template <int kLevels, int kColumns>
BLINDTUNER_INLINE void forward_rows(const Tree& tree, Vec* v, const Roots<kLevels>& roots) {
#pragma GCC unroll 16
  for (int l = 0; l < kLevels; ++l) {
    const int half = 1 << (kLevels - 1 - l);
#pragma GCC unroll 16
    for (int k = 0; k < (1 << l); ++k)
#pragma GCC unroll 16
      for (int i = 0; i < half; ++i)
#pragma GCC unroll 16
        for (int c = 0; c < kColumns; ++c) {
          Vec& u = v[kColumns * (2 * k * half + i) + c];
          Vec& w = v[kColumns * (2 * k * half + half + i) + c];
          // The next level multiplies the upper half of each child.
          if (l + 1 < kLevels && 2 * i >= half)
            tree.forward<false>(u, w, roots.w[(1 << l) + k], roots.ws[(1 << l) + k]);
          else
            tree.forward<true>(u, w, roots.w[(1 << l) + k], roots.ws[(1 << l) + k]);
        }
  }
}

// The same upwards, levels kLevels - 1 down to kTop.
template <int kLevels, int kColumns, int kTop>
BLINDTUNER_INLINE void inverse_rows(const Tree& tree, Vec* v, const Roots<kLevels>& roots) {
#pragma GCC unroll 16
  for (int l = kLevels - 1; l >= kTop; --l) {
    const int half = 1 << (kLevels - 1 - l);
#pragma GCC unroll 16
    for (int k = 0; k < (1 << l); ++k)
#pragma GCC unroll 16
      for (int i = 0; i < half; ++i)
#pragma GCC unroll 16
        for (int c = 0; c < kColumns; ++c)
          tree.inverse(v[kColumns * (2 * k * half + i) + c],
                       v[kColumns * (2 * k * half + half + i) + c], roots.w[(1 << l) + k],
                       roots.ws[(1 << l) + k]);
  }
}

// Columns that a pass takes at a time: enough independent work to hide the multiplier's latency.
constexpr int pass_columns(int levels) { return levels >= 4 ? 1 : levels == 3 ? 2 : 4; }

// kLevels levels on node r, whose block is 2^kLevels rows of `stride` coefficients.
template <int kLevels>
void forward_pass(const Tree& tree, u64* x, std::size_t stride, std::size_t r) {
  constexpr int kRows = 1 << kLevels, kColumns = pass_columns(kLevels);
  const Roots<kLevels> roots(tree, r);
  for (std::size_t j = 0; j < stride; j += kColumns * kLanes) {
    Vec v[kRows * kColumns];
#pragma GCC unroll 16
    for (int i = 0; i < kRows * kColumns; ++i)
      v[i] = load(x + i / kColumns * stride + j + i % kColumns * kLanes);
    forward_rows<kLevels, kColumns>(tree, v, roots);
#pragma GCC unroll 16
    for (int i = 0; i < kRows * kColumns; ++i)
      store(x + i / kColumns * stride + j + i % kColumns * kLanes, v[i]);
  }
}

// kLevels levels up to node r. kLast: r is the root of the tree; the result is multiplied with 1/n
// and canonical.
template <int kLevels, bool kLast>
void inverse_pass(const Tree& tree, u64* x, std::size_t stride, std::size_t r,
                  const NttTable& table) {
  constexpr int kRows = 1 << kLevels, kColumns = pass_columns(kLevels);
  constexpr int kHalf = kRows * kColumns / 2;
  const Roots<kLevels> roots(tree, r);
  const Vec n_inv = splat(table.n_inv), n_inv_shoup = splat(table.n_inv_shoup);
  const Vec last = splat(table.last_inv), last_shoup = splat(table.last_inv_shoup);
  for (std::size_t j = 0; j < stride; j += kColumns * kLanes) {
    Vec v[kRows * kColumns];
#pragma GCC unroll 16
    for (int i = 0; i < kRows * kColumns; ++i)
      v[i] = load(x + i / kColumns * stride + j + i % kColumns * kLanes);
    inverse_rows<kLevels, kColumns, kLast ? 1 : 0>(tree, v, roots);
    if constexpr (kLast) {
#pragma GCC unroll 16
      for (int i = 0; i < kHalf; ++i) {
        const Vec s = add64(v[i], v[i + kHalf]);
        const Vec d = sub64(add64(v[i], tree.m.q2), v[i + kHalf]);
        v[i] = tree.m.canonical2(tree.m.mul_shoup_lazy(s, n_inv, n_inv_shoup));
        v[i + kHalf] = tree.m.canonical2(tree.m.mul_shoup_lazy(d, last, last_shoup));
      }
    }
#pragma GCC unroll 16
    for (int i = 0; i < kRows * kColumns; ++i)
      store(x + i / kColumns * stride + j + i % kColumns * kLanes, v[i]);
  }
}

// The three lowest levels, on pairs of vectors a, b. Lane orders, forward from top to bottom:
//   split4    a0..a3 b0..b3             | a4..a7 b4..b7
//   split2    a0 a1 a4 a5 b0 b1 b4 b5   | a2 a3 a6 a7 ..
//   split1    a0 a2 a4 a6 b0 b2 b4 b6   | a1 a3 a5 a7 ..
//   join1     a0..a7                    | b0..b7
// and backward: even/odd lanes, split1, split2, split4, which undo one another.
BLINDTUNER_INLINE void split4(Vec& a, Vec& b) {
  const Vec s = _mm512_shuffle_i64x2(a, b, 0x44);
  b = _mm512_shuffle_i64x2(a, b, 0xEE);
  a = s;
}
BLINDTUNER_INLINE void split2(Vec& a, Vec& b) {
  const Vec s = _mm512_permutex2var_epi64(a, _mm512_setr_epi64(0, 1, 8, 9, 4, 5, 12, 13), b);
  b = _mm512_permutex2var_epi64(a, _mm512_setr_epi64(2, 3, 10, 11, 6, 7, 14, 15), b);
  a = s;
}
BLINDTUNER_INLINE void split1(Vec& a, Vec& b) {
  const Vec s = _mm512_unpacklo_epi64(a, b);
  b = _mm512_unpackhi_epi64(a, b);
  a = s;
}
BLINDTUNER_INLINE void join1(Vec& a, Vec& b) {
  const Vec s = _mm512_permutex2var_epi64(a, _mm512_setr_epi64(0, 8, 1, 9, 2, 10, 3, 11), b);
  b = _mm512_permutex2var_epi64(a, _mm512_setr_epi64(4, 12, 5, 13, 6, 14, 7, 15), b);
  a = s;
}
BLINDTUNER_INLINE void even_odd(Vec& a, Vec& b) {
  const Vec s = _mm512_permutex2var_epi64(a, _mm512_setr_epi64(0, 2, 4, 6, 8, 10, 12, 14), b);
  b = _mm512_permutex2var_epi64(a, _mm512_setr_epi64(1, 3, 5, 7, 9, 11, 13, 15), b);
  a = s;
}

// The roots of one of the three levels: factor[0] for all lanes, times those of each pair.
struct TailLevel {
  Vec w, ws;
  const u64* lanes;
  BLINDTUNER_INLINE TailLevel(const Tree& tree, std::size_t r, int level)
      : w(splat(tree.tail[8 * (r - tree.first_leaf) + level])),
        ws(splat(tree.tail[8 * (r - tree.first_leaf) + 3 + level])),
        lanes(tree.lanes + 16 * level) {}
  BLINDTUNER_INLINE void forward(const Tree& tree, Vec* v) const {
#pragma GCC unroll 16
    for (int p = 0; p < kLeafRows / 2; ++p) {
      const u64* at = lanes + 48 * p;
      v[2 * p + 1] = tree.m.mul_shoup_unmasked(v[2 * p + 1], load(at), load(at + 8));
      tree.forward(v[2 * p], v[2 * p + 1], w, ws);
    }
  }
  BLINDTUNER_INLINE void inverse(const Tree& tree, Vec* v) const {
#pragma GCC unroll 16
    for (int p = 0; p < kLeafRows / 2; ++p) {
      const u64* at = lanes + 48 * p;
      tree.inverse<false>(v[2 * p], v[2 * p + 1], w, ws);
      v[2 * p + 1] = tree.m.mul_shoup_lazy(v[2 * p + 1], load(at), load(at + 8));
    }
  }
};

template <typename Shuffle>
BLINDTUNER_INLINE void each_pair(Vec* v, Shuffle shuffle) {
#pragma GCC unroll 16
  for (int p = 0; p < kLeafRows / 2; ++p) shuffle(v[2 * p], v[2 * p + 1]);
}

// The seven lowest levels of the 128 coefficients of node r: [0, 4q) -> [0, q).
void forward_leaf(const Tree& tree, u64* x, std::size_t r) {
  Vec v[kLeafRows];
#pragma GCC unroll 16
  for (int i = 0; i < kLeafRows; ++i) v[i] = load(x + i * kLanes);
  forward_rows<4, 1>(tree, v, Roots<4>(tree, r));
  each_pair(v, split4);
  TailLevel(tree, r, 0).forward(tree, v);
  each_pair(v, split2);
  TailLevel(tree, r, 1).forward(tree, v);
  each_pair(v, split1);
  TailLevel(tree, r, 2).forward(tree, v);
#pragma GCC unroll 16
  for (int i = 0; i < kLeafRows; ++i) v[i] = tree.m.canonical4(v[i]);
  each_pair(v, join1);
#pragma GCC unroll 16
  for (int i = 0; i < kLeafRows; ++i) store(x + i * kLanes, v[i]);
}

// The seven lowest levels upwards: [0, q) -> [0, 2q).
void inverse_leaf(const Tree& tree, u64* x, std::size_t r) {
  Vec v[kLeafRows];
#pragma GCC unroll 16
  for (int i = 0; i < kLeafRows; ++i) v[i] = load(x + i * kLanes);
  each_pair(v, even_odd);
  TailLevel(tree, r, 2).inverse(tree, v);
  each_pair(v, split1);
  TailLevel(tree, r, 1).inverse(tree, v);
  each_pair(v, split2);
  TailLevel(tree, r, 0).inverse(tree, v);
  each_pair(v, split4);
  inverse_rows<4, 1, 0>(tree, v, Roots<4>(tree, r));
#pragma GCC unroll 16
  for (int i = 0; i < kLeafRows; ++i) store(x + i * kLanes, v[i]);
}

// NOLINTNEXTLINE(misc-no-recursion): log_len falls to a leaf's
void forward_node(const Tree& tree, u64* x, int log_len, std::size_t r, u64 q) {
  const int levels = pass_levels(log_len);
  const std::size_t stride = (std::size_t{1} << log_len) >> levels;
  verify_below(x, stride << levels, 4 * q);
  switch (levels) {
    case 0:
      return forward_leaf(tree, x, r);
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
  for (std::size_t c = 0; c < (std::size_t{1} << levels); ++c)
    forward_node(tree, x + c * stride, log_len - levels, (r << levels) + c, q);
}

template <bool kLast>
// NOLINTNEXTLINE(misc-no-recursion): log_len falls to a leaf's
void inverse_node(const Tree& tree, u64* x, int log_len, std::size_t r, const NttTable& table) {
  const int levels = pass_levels(log_len);
  if (levels == 0) return inverse_leaf(tree, x, r);
  const std::size_t stride = (std::size_t{1} << log_len) >> levels;
  for (std::size_t c = 0; c < (std::size_t{1} << levels); ++c)
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

// Below one leaf the reference does as well as anything.
void ntt_forward_avx512(u64* x, const NttTable& table) {
  if (table.log_n < kLogLeaf) return scalar_kernels().ntt_forward(x, table);
  const Tree tree{VecModulus(table.modulus), table.roots.data(), table.roots_shoup.data(),
                  table.tail.data(),         table.lanes.data(), table.n / 128};
  forward_node(tree, x, table.log_n, 1, table.modulus.q);
  verify_below(x, table.n, table.modulus.q);
}

void ntt_inverse_avx512(u64* x, const NttTable& table) {
  if (table.log_n < kLogLeaf) return scalar_kernels().ntt_inverse(x, table);
  const Tree tree{VecModulus(table.modulus), table.inv_roots.data(), table.inv_roots_shoup.data(),
                  table.inv_tail.data(),     table.inv_lanes.data(), table.n / 128};
  inverse_node<true>(tree, x, table.log_n, 1, table);
  if (table.log_n == kLogLeaf)  // no pass has brought the factor 1/n
    mul_scalar_avx512(x, x, table.n_inv, table.n, table.modulus);
}

}  // namespace blindtuner::kernels
