// Hybrid key switching in its parts, so that decompositions and divisions by P can be shared.
#pragma once

#include <utility>

#include "rlwe/ciphertext.h"
#include "rlwe/keys.h"

namespace blindtuner {

/// c in digits: digit d holds the centred value of c modulo the digit's primes, in all q_count +
/// p_count limbs, NTT domain.
struct Decomposition {
  std::vector<Poly> digits;
  std::size_t q_count = 0, p_count = 0;
  std::vector<std::size_t> digit_ends;  ///< those of the key's shape, the last one cut to q_count
};

/// Digits of c (NTT domain, q limbs only) for keys of this shape; c may have fewer limbs than the
/// shape.
Decomposition decompose(const Poly& c, const KeyShape& shape);

/// A pair modulo Q P: the sum over digits of digit_d * (b_d, a_d), not yet divided by P.
struct ExtendedPair {
  Poly c0, c1;
};
/// Throws ContractError when the key's ring, special primes or digits differ from the
/// decomposition's.
ExtendedPair inner_product(const Decomposition& decomposition, const KeySwitchKey& key);

/// inner_product(decompose(c, key.shape), key) in one pass, for a decomposition that is used once.
ExtendedPair decompose_inner_product(const Poly& c, const KeySwitchKey& key);

/// (c0, c1) with c0 + c1 s_to ~ c s_from: decompose, inner product, division by P.
std::pair<Poly, Poly> key_switch(const Poly& c, const KeySwitchKey& key);

/// c under s to c under s_to, where key switches from s.
Ciphertext key_switch(const Ciphertext& c, const KeySwitchKey& key);

/// Degree two to degree one, key switching from s^2.
Ciphertext relinearise(Tensor&& t, const KeySwitchKey& key);
/// Relinearise and rescale by the last `count` primes in one division (merged with that by P).
Ciphertext relinearise_rescale(Tensor&& t, const KeySwitchKey& key, std::size_t count = 1);

/// c(X^g) under s. Throws ContractError when the key for g is missing.
Ciphertext apply_automorphism(const Ciphertext& c, u64 g, const GaloisKeys& keys);
const KeySwitchKey& find_galois_key(const GaloisKeys& keys, u64 g);

/// P * x extended by zero special limbs: how a polynomial modulo Q joins a sum modulo Q P.
Poly extend_by_special(const Poly& x, std::size_t p_count);
/// out += P * x on the q limbs.
void add_times_special(Poly& out, const Poly& x);

}  // namespace blindtuner
