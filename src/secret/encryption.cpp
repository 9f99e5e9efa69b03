#include "secret/encryption.h"

namespace blindtuner::secret {

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

Ciphertext encrypt_public(const Poly& message, double scale, const PublicKey& key) {
  const Ring& ring = message.ring();
  const std::size_t q_count = message.q_count();
  require(&ring == &key.b.ring() && q_count <= key.b.q_count(), "message and public key differ");
  Prng prng = Prng::for_secrets();
  const SecretCoefficients u = sample_ternary(ring.n(), prng);
  const SecretCoefficients e0 = sample_gaussian(ring.n(), prng);
  const SecretCoefficients e1 = sample_gaussian(ring.n(), prng);
  const Poly mask = from_signed(ring, u.span(), q_count, 0, true);
  Ciphertext out{mul(mask, key.b), mul(mask, key.a), scale};
  add_inplace(out.c0, from_signed(ring, e0.span(), q_count, 0, true));
  add_inplace(out.c0, message);
  add_inplace(out.c1, from_signed(ring, e1.span(), q_count, 0, true));
  return out;
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

}  // namespace blindtuner::secret
