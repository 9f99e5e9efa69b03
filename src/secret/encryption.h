// Encryption and decryption.
#pragma once

#include "rlwe/ciphertext.h"
#include "rlwe/keys.h"
#include "secret/secret_key.h"

namespace blindtuner::secret {

/// c0 = -a s + e + message, a expanded from (seed, stream). The message is a polynomial of q limbs,
/// NTT domain; the error's randomness is fresh. (seed, stream) must never be used twice.
SeededCiphertext encrypt(Poly&& message, double scale, const SecretKey& key, const Seed& seed,
                         u64 stream);

/// Encryption without the secret: level and scale of the message. Fresh randomness.
Ciphertext encrypt_public(const Poly& message, double scale, const PublicKey& key);

/// c0 + c1 s, NTT domain.
Poly decrypt(const Ciphertext& c, const SecretKey& key);
/// c0 + c1 s + c2 s^2.
Poly decrypt(const Tensor& t, const SecretKey& key);

/// An encryption of zero at q_count limbs. Throws SecurityError when that modulus exceeds what the
/// secret allows and the parameters are not marked insecure.
PublicKey make_public_key(const SecretKey& key, std::size_t q_count, bool insecure_allowed);

}  // namespace blindtuner::secret
