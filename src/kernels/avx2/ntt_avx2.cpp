// Number-theoretic transforms, on doubles.
//
// A transform is a tree: the node r (root 1, children 2r and 2r+1) is a block of coefficients
// modulo X^len - c, and roots[r] splits it into its two children. It is walked depth first, two
// levels a pass, down to leaves of 16 coefficients. Between passes the array holds doubles. With
// |x| <= B q, a butterfly forward takes B to 1/2 + 11/8 B: 1/2, 1.19, 2.13, 3.43; so a pass first
// brings its values back to B = 1/2. @[Har14, Sec. 3] @[LN16, Alg. 1, 2]
#include "kernels/avx2/vec.h"
#include "kernels/tables.h"

namespace blindtuner::kernels {
namespace {

constexpr int kLogLeaf = 4;

BLINDTUNER_INLINE Vec load_double(const u64* p) { return _mm256_castsi256_pd(load_words(p)); }
BLINDTUNER_INLINE void store_double(u64* p, Vec x) { store_words(p, _mm256_castpd_si256(x)); }

// A root and its ratio to q.
struct Root {
  Vec w, ratio;
};

// One direction of a transform.
struct Tree {
  VecModulus m;
  const u64* roots;

  BLINDTUNER_INLINE Root with_ratio(Vec w) const { return {w, m.ratio(w)}; }
  BLINDTUNER_INLINE Root root(std::size_t r) const {
    return with_ratio(splat(static_cast<double>(static_cast<std::int64_t>(roots[r]))));
  }
  // (u, v) -> (u + w v, u - w v)
  BLINDTUNER_INLINE void forward(Vec& u, Vec& v, const Root& root) const {
    const Vec t = m.mul_ratio_lazy(v, root.w, root.ratio);
    v = _mm256_sub_pd(u, t);
    u = _mm256_add_pd(u, t);
  }
  // (u, v) -> (u + v, w (u - v)): B -> 2B and 1/2 + 3/4 B
  BLINDTUNER_INLINE void inverse(Vec& u, Vec& v, const Root& root) const {
    const Vec d = _mm256_sub_pd(u, v);
    u = _mm256_add_pd(u, v);
    v = m.mul_ratio_lazy(d, root.w, root.ratio);
  }
};

// Two levels (one if kRows is 2) on node r: any B <= 4 -> 2.13. kFirst: the array holds residues.
template <int kRows, bool kFirst>
void forward_pass(const Tree& tree, u64* x, std::size_t stride, std::size_t r) {
  const Root top = tree.root(r);
  const Root left = kRows == 4 ? tree.root(2 * r) : top;
  const Root right = kRows == 4 ? tree.root(2 * r + 1) : top;
  for (std::size_t j = 0; j < stride; j += kLanes) {
    Vec v[kRows];
    for (int i = 0; i < kRows; ++i) {
      const u64* at = x + i * stride + j;
      v[i] = tree.m.centred(kFirst ? load(at) : load_double(at));
    }
    for (int i = 0; i < kRows / 2; ++i) tree.forward(v[i], v[i + kRows / 2], top);
    if constexpr (kRows == 4) {
      tree.forward(v[0], v[1], left);
      tree.forward(v[2], v[3], right);
    }
    for (int i = 0; i < kRows; ++i) store_double(x + i * stride + j, v[i]);
  }
}

// Upwards: any B <= 4 -> 2. kLast: the product with 1/n is stored as residues.
template <int kRows, bool kLast>
void inverse_pass(const Tree& tree, u64* x, std::size_t stride, std::size_t r,
                  const NttTable& table) {
  const Root top =
      kLast ? tree.with_ratio(splat(static_cast<double>(table.last_inv))) : tree.root(r);
  const Root n_inv = tree.with_ratio(splat(static_cast<double>(table.n_inv)));
  const Root left = kRows == 4 ? tree.root(2 * r) : top;
  const Root right = kRows == 4 ? tree.root(2 * r + 1) : top;
  for (std::size_t j = 0; j < stride; j += kLanes) {
    Vec v[kRows];
    for (int i = 0; i < kRows; ++i) v[i] = tree.m.centred(load_double(x + i * stride + j));
    if constexpr (kRows == 4) {
      tree.inverse(v[0], v[1], left);
      tree.inverse(v[2], v[3], right);
    }
    for (int i = 0; i < kRows / 2; ++i) {
      tree.inverse(v[i], v[i + kRows / 2], top);
      if (kLast) v[i] = tree.m.mul_ratio_lazy(v[i], n_inv.w, n_inv.ratio);
    }
    for (int i = 0; i < kRows; ++i) {
      u64* at = x + i * stride + j;
      if (kLast)
        store(at, tree.m.canonical(tree.m.centred(v[i])));
      else
        store_double(at, v[i]);
    }
  }
}

// Roots 2p and 2p+1 of four, twice each.
BLINDTUNER_INLINE Vec spread2(Vec four, int p) {
  return p == 0 ? _mm256_permute4x64_pd(four, 0x50) : _mm256_permute4x64_pd(four, 0xFA);
}
// a0 a1 b0 b1 | a2 a3 b2 b3; undoes itself.
BLINDTUNER_INLINE void swap_halves(Vec& a, Vec& b) {
  const Vec s = _mm256_permute2f128_pd(a, b, 0x20);
  b = _mm256_permute2f128_pd(a, b, 0x31);
  a = s;
}
// Even lanes of each pair | odd lanes of each pair; undoes itself.
BLINDTUNER_INLINE void swap_odd(Vec& a, Vec& b) {
  const Vec s = _mm256_unpacklo_pd(a, b);
  b = _mm256_unpackhi_pd(a, b);
  a = s;
}

// The four lowest levels of the 16 coefficients of node r: B <= 4 -> residues.
void forward_leaf(const Tree& tree, u64* x, std::size_t r) {
  Vec v[4];
  for (int i = 0; i < 4; ++i) v[i] = tree.m.centred(load_double(x + i * kLanes));
  const Root top = tree.root(r);
  tree.forward(v[0], v[2], top);
  tree.forward(v[1], v[3], top);
  tree.forward(v[0], v[1], tree.root(2 * r));
  tree.forward(v[2], v[3], tree.root(2 * r + 1));
  const Vec four = load(tree.roots + 4 * r);
  for (int p = 0; p < 2; ++p) {
    Vec a = v[2 * p], b = v[2 * p + 1];
    swap_halves(a, b);
    tree.forward(a, b, tree.with_ratio(spread2(four, p)));
    swap_odd(a, b);
    a = tree.m.centred(a);  // a product of B = 3.43 is within 1.8
    tree.forward(a, b, tree.with_ratio(load(tree.roots + 8 * r + 4 * p)));
    a = tree.m.canonical(tree.m.centred(a));
    b = tree.m.canonical(tree.m.centred(b));
    swap_odd(a, b);
    swap_halves(a, b);
    store(x + 8 * p, a);
    store(x + 8 * p + 4, b);
  }
}

// The four lowest levels upwards: residues -> B = 2.
void inverse_leaf(const Tree& tree, u64* x, std::size_t r) {
  Vec v[4];
  const Vec four = load(tree.roots + 4 * r);
  for (int p = 0; p < 2; ++p) {
    Vec a = load(x + 8 * p), b = load(x + 8 * p + 4);
    swap_halves(a, b);
    swap_odd(a, b);
    tree.inverse(a, b, tree.with_ratio(load(tree.roots + 8 * r + 4 * p)));
    swap_odd(a, b);
    tree.inverse(a, b, tree.with_ratio(spread2(four, p)));
    swap_halves(a, b);
    v[2 * p] = tree.m.centred(a);
    v[2 * p + 1] = tree.m.centred(b);
  }
  tree.inverse(v[0], v[1], tree.root(2 * r));
  tree.inverse(v[2], v[3], tree.root(2 * r + 1));
  const Root top = tree.root(r);
  tree.inverse(v[0], v[2], top);
  tree.inverse(v[1], v[3], top);
  for (int i = 0; i < 4; ++i) store_double(x + i * kLanes, v[i]);
}

template <bool kFirst>
// NOLINTNEXTLINE(misc-no-recursion): log_len falls to a leaf's
void forward_node(const Tree& tree, u64* x, int log_len, std::size_t r, const Modulus& q) {
  const int levels = (log_len - kLogLeaf) % 2 == 1 ? 1 : 2;
  const std::size_t stride = (std::size_t{1} << log_len) >> levels;
  if (levels == 1)
    forward_pass<2, kFirst>(tree, x, stride, r);
  else
    forward_pass<4, kFirst>(tree, x, stride, r);
  verify_within(x, stride << levels, 2.14 * static_cast<double>(q.q));
  for (std::size_t c = 0; c < (std::size_t{1} << levels); ++c) {
    const std::size_t child = (r << levels) + c;
    if (log_len - levels == kLogLeaf)
      forward_leaf(tree, x + c * stride, child);
    else
      forward_node<false>(tree, x + c * stride, log_len - levels, child, q);
  }
}

template <bool kLast>
// NOLINTNEXTLINE(misc-no-recursion): log_len falls to a leaf's
void inverse_node(const Tree& tree, u64* x, int log_len, std::size_t r, const NttTable& table) {
  const int levels = (log_len - kLogLeaf) % 2 == 1 ? 1 : 2;
  const std::size_t stride = (std::size_t{1} << log_len) >> levels;
  for (std::size_t c = 0; c < (std::size_t{1} << levels); ++c) {
    const std::size_t child = (r << levels) + c;
    if (log_len - levels == kLogLeaf)
      inverse_leaf(tree, x + c * stride, child);
    else
      inverse_node<false>(tree, x + c * stride, log_len - levels, child, table);
  }
  verify_within(x, stride << levels, 2.01 * static_cast<double>(table.modulus.q));
  if (levels == 1)
    inverse_pass<2, kLast>(tree, x, stride, r, table);
  else
    inverse_pass<4, kLast>(tree, x, stride, r, table);
}

}  // namespace

// A single leaf is not worth a case of its own.
void ntt_forward_avx2(u64* x, const NttTable& table) {
  if (table.log_n <= kLogLeaf) return scalar_kernels().ntt_forward(x, table);
  const Tree tree{VecModulus(table.modulus), table.roots.data()};
  forward_node<true>(tree, x, table.log_n, 1, table.modulus);
}

void ntt_inverse_avx2(u64* x, const NttTable& table) {
  if (table.log_n <= kLogLeaf) return scalar_kernels().ntt_inverse(x, table);
  const Tree tree{VecModulus(table.modulus), table.inv_roots.data()};
  inverse_node<true>(tree, x, table.log_n, 1, table);
}

}  // namespace blindtuner::kernels
