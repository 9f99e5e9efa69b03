// Hybrid key switching.
#pragma once

#include <span>
#include <utility>

#include "rlwe/ciphertext.h"
#include "rlwe/keys.h"

namespace blindtuner::rlwe {

/// Throws ContractError unless the key's digits cover c, in its ring: NTT domain, q limbs only, perhaps
/// fewer than the key has.
void require_fits(const Poly& c, const KeySwitchKey& key);

/// (c0, c1) with c0 + c1 s_to ~ c s_from: decompose, inner product, division by P.
std::pair<Poly, Poly> key_switch(const Poly& c, const KeySwitchKey& key);

/// c under s to c under s_to, where key switches from s.
Ciphertext key_switch(const Ciphertext& c, const KeySwitchKey& key);

/// Degree two to degree one, key switching from s^2.
Ciphertext relinearise(const Tensor& t, const KeySwitchKey& key);
/// Relinearise and rescale by the last `count` primes in one division (merged with that by P).
Ciphertext relinearise_rescale(const Tensor& t, const KeySwitchKey& key, std::size_t count = 1);

/// c(X^g) under s. Throws ContractError when the key for g is missing.
Ciphertext apply_automorphism(const Ciphertext& c, u64 g, const GaloisKeys& keys);
/// The same for several g, whose keys have one shape, from one decomposition.
std::vector<Ciphertext> apply_automorphisms(const Ciphertext& c, std::span<const u64> g,
                                            const GaloisKeys& keys);
const KeySwitchKey& find_galois_key(const GaloisKeys& keys, u64 g);

}  // namespace blindtuner::rlwe
