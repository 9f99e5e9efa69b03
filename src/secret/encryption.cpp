#include "secret/encryption.h"

namespace blindtuner {

SeededCiphertext encrypt(Poly&& message, double scale, const SecretKey& key, const Seed& seed,
                         u64 stream) {
  const Ring& ring = message.ring();
  require(&ring == &key.ring() && message.p_count() == 0, "message and key of different rings");
  Prng prng = Prng::for_secrets();
  const SecretCoefficients error = sample_gaussian(ring.n(), prng);
  Poly masked = mul(sample_uniform(ring, message.q_count(), 0, seed, stream),
                    key.ntt().copy_limbs(message.q_count(), 0));
  add_inplace(message, from_signed(ring, error.span(), message.q_count(), 0, true));
  sub_inplace(message, masked);
  return {std::move(message), seed, stream, scale};
}

Poly decrypt(const Ciphertext& c, const SecretKey& key) {
  require(&c.ring() == &key.ring(), "ciphertext and key of different rings");
  Poly message = mul(c.c1, key.ntt().copy_limbs(c.q_count(), 0));
  add_inplace(message, c.c0);
  return message;
}

Poly decrypt(const Tensor& t, const SecretKey& key) {
  const Poly s = key.ntt().copy_limbs(t.c0.q_count(), 0);
  Poly message = mul(t.c2, s);
  add_inplace(message, t.c1);
  mul_inplace(message, s);
  add_inplace(message, t.c0);
  return message;
}

PublicKey make_public_key(const SecretKey& key, std::size_t q_count, bool insecure_allowed) {
  const Ring& ring = key.ring();
  if (!insecure_allowed)
    require_secure(key.hardness(), ring.log2_modulus(q_count, 0), "public key");
  const Seed seed = fresh_seed();
  Poly a = sample_uniform(ring, q_count, 0, seed, 0);
  SeededCiphertext zero = encrypt(Poly::zero(ring, q_count, 0, Domain::kNtt), 1.0, key, seed, 0);
  return {std::move(zero.c0), std::move(a)};
}

}  // namespace blindtuner
