// Evaluation keys from secret keys.
#pragma once

#include "rlwe/keys.h"
#include "secret/secret_key.h"

namespace blindtuner::secret {

/// A key that switches from `payload` (any polynomial over all limbs of the shape, NTT domain;
/// usually a secret) to `to`. Throws SecurityError when the shape's modulus exceeds what `to`
/// allows and the parameters are not marked insecure.
KeySwitchKey make_key_switch_key(const Poly& payload, const SecretKey& to, const KeyShape& shape,
                                 bool insecure_allowed, const std::string& name);

/// The key for X -> X^g of ciphertexts under s (see GaloisKeys for its direction).
KeySwitchKey make_galois_key(u64 g, const SecretKey& s, const KeyShape& shape,
                             bool insecure_allowed);

/// From s^2 to s.
KeySwitchKey make_relinearisation_key(const SecretKey& s, const KeyShape& shape,
                                      bool insecure_allowed);

/// g^-1 modulo 2n.
u64 inverse_galois(u64 g, std::size_t n);

}  // namespace blindtuner::secret
