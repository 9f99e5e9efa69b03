#include "secret/keygen.h"

namespace blindtuner::secret {

u64 inverse_galois(u64 g, std::size_t n) {
  const u64 mask = 2 * n - 1;
  u64 inverse = 1;  // Newton: doubles the correct bits each time
  for (int i = 0; i < 6; ++i) inverse = (inverse * (2 - g * inverse)) & mask;
  return inverse;
}

KeySwitchKey make_key_switch_key(const Poly& payload, const SecretKey& to, const KeyShape& shape,
                                 bool insecure_allowed, const std::string& name) {
  const Ring& ring = to.ring();
  require(&payload.ring() == &ring && payload.q_count() >= shape.q_count &&
              payload.p_count() >= shape.p_count && payload.domain() == Domain::kNtt,
          "a key's payload needs the key's limbs");
  require(!shape.digit_ends.empty() && shape.digits() <= kMaxDigits &&
              shape.digit_ends.back() == shape.q_count && shape.p_count >= 1,
          "a key's digits must cover its limbs");
  if (!insecure_allowed)
    require_secure(to.hardness(), ring.log2_modulus(shape.q_count, shape.p_count), name);

  KeySwitchKey key;
  key.shape = shape;
  key.seed = fresh_seed();
  const Poly secret = to.ntt().copy_limbs(shape.q_count, shape.p_count);
  Prng prng = Prng::for_secrets();
  std::size_t begin = 0;
  for (std::size_t d = 0; d < shape.digits(); ++d) {
    const SecretCoefficients error = sample_gaussian(ring.n(), prng);
    Poly b = from_signed(ring, error.span(), shape.q_count, shape.p_count, true);
    Poly a = sample_uniform(ring, shape.q_count, shape.p_count, key.seed, d);
    Poly masked = mul(a, secret);
    sub_inplace(b, masked);
    std::vector<u64> factors(b.limbs());  // P g_d
    for (std::size_t i = begin; i < shape.digit_ends[d]; ++i)
      factors[i] = ring.special_product(i, shape.p_count);
    mul_scalars_add_inplace(b, payload, factors);
    begin = shape.digit_ends[d];
    key.b.push_back(b.copy_public());
    key.a.push_back(std::move(a));
  }
  return key;
}

KeySwitchKey make_galois_key(u64 g, const SecretKey& s, const KeyShape& shape,
                             bool insecure_allowed) {
  const SecretKey target = s.automorphism(inverse_galois(g, s.ring().n()));
  return make_key_switch_key(s.ntt(), target, shape, insecure_allowed,
                             "rotation key " + std::to_string(g));
}

KeySwitchKey make_relinearisation_key(const SecretKey& s, const KeyShape& shape,
                                      bool insecure_allowed) {
  return make_key_switch_key(mul(s.ntt(), s.ntt()), s, shape, insecure_allowed,
                             "relinearisation key");
}

}  // namespace blindtuner::secret
