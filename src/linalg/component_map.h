// Galois actions on one factor of the ring only.
//
// R' is a free module over Z[Y], Y = X^width, with basis X^0 .. X^(width-1). The map
//
//   L(sum_j y_j(Y) X^j) = sum_j y_j(Y^g) Y^(t_j) X^j
//
// acts on Y alone, as if samples and features had variables of their own. It is no automorphism of
// R', but it is semi-linear over Z[Y], so L(c1 s) = sum_j y_j(Y^g) L(X^j s) for c1 = sum_j y_j(Y)
// X^j: a key switch with `width` keys that encrypt L(X^j s). Its products are small matrix products
// in every slot of the subring (kernels: block_product).
//
// With t_j = 0 the basis is X^j; with t_0 = 0, t_j = g - 1 it is X^-j (the reversed basis).
#pragma once

#include <bit>
#include <span>

#include "rlwe/ciphertext.h"

namespace blindtuner {

/// What a map does; g odd, taken modulo 2n/width.
struct ComponentMap {
  std::size_t width = 0;  ///< a power of two
  u64 g = 1;
  bool reversed = false;

  /// Where coefficient i of n goes, and whether with the other sign.
  struct Place {
    std::size_t index;
    bool negative;
  };
  Place place(std::size_t i, std::size_t n) const {
    const int log_width = std::countr_zero(width);
    const std::size_t rows = n >> log_width, j = i & (width - 1);
    std::size_t y = (i >> log_width) * g;
    if (reversed && j != 0) y += g - 1;
    return {((y & (rows - 1)) << log_width) + j, (y & rows) != 0};
  }
  /// L on signed coefficients (n of them).
  std::vector<std::int64_t> apply(std::span<const std::int64_t> coefficients) const;
  bool operator==(const ComponentMap&) const = default;
};

/// Encryptions of P L(X^j s), j < width, modulo all q limbs and p_count special primes of the small
/// ring.
struct ComponentMapKey {
  ComponentMap map;
  std::size_t q_count = 0, p_count = 0;
  Seed seed{};
  std::vector<Poly> b, a;
  void expand();
};

/// Ciphertexts that share one read of a key.
inline constexpr std::size_t kComponentMapBatch = 4;

/// Applies maps of one width; holds the tables of the subring's transforms and of the index maps.
class ComponentMapEvaluator {
 public:
  ComponentMapEvaluator(const Ring& ring, std::size_t width);
  /// L(c) of every c, coefficient domain in and out, all of the key's q limbs; scale unchanged. On
  /// all threads; a few ciphertexts share each read of the key, which is larger than they are.
  std::vector<Ciphertext> apply(std::span<const Ciphertext* const> inputs,
                                const ComponentMapKey& key) const;
  Ciphertext apply(const Ciphertext& c, const ComponentMapKey& key) const;

 private:
  void apply_batch(std::span<const Ciphertext* const> inputs, std::span<Ciphertext> outputs,
                   const ComponentMapKey& key) const;
  const Ring& ring_;
  std::size_t width_, rows_;
  std::vector<std::unique_ptr<kernels::NttTable>> tables_;  // q limbs, then special primes
};

/// a * X^k in the coefficient domain, k taken mod 2n.
void mul_monomial_coefficients_inplace(Poly& a, std::size_t k);

}  // namespace blindtuner
