// Component maps L (device/component_map.h) on ciphertexts.
//
// L is no automorphism of R', but it is semi-linear over Z[Y], so L(c1 s) = sum_j y_j(Y^g) L(X^j s) for
// c1 = sum_j y_j(Y) X^j: a key switch with `width` keys that encrypt L(X^j s). Its products are small
// matrix products in every slot of the subring.
#pragma once

#include <span>

#include "rlwe/ciphertext.h"

namespace blindtuner::linalg {
using namespace rlwe;

using device::ComponentMap;

/// L on signed coefficients (n of them).
std::vector<std::int64_t> apply_component_map(const ComponentMap& map,
                                              std::span<const std::int64_t> coefficients);

/// Encryptions of P L(X^j s), j < width, modulo all q limbs and p_count special primes of the small
/// ring.
struct ComponentMapKey {
  ComponentMap map;
  std::size_t q_count = 0, p_count = 0;
  Seed seed{};
  std::vector<Poly> b, a;

  const Ring& ring() const { return b.front().ring(); }
  /// Fills `a` from the seed.
  void expand();
};

/// L(c) of every c, coefficient domain in and out, all of the key's q limbs; scale unchanged. On all
/// threads; a few ciphertexts share each read of the key, which is larger than they are.
std::vector<Ciphertext> apply_component_map(std::span<const Ciphertext* const> inputs,
                                            const ComponentMapKey& key);
Ciphertext apply_component_map(const Ciphertext& c, const ComponentMapKey& key);

}  // namespace blindtuner::linalg
