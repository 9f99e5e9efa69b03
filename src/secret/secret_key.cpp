#include "secret/secret_key.h"

namespace blindtuner::secret {

SecretKey SecretKey::generate(const Ring& ring, SecretHardness hardness, Prng& prng) {
  SecretCoefficients s = hardness.sparse_weight == 0
                             ? sample_ternary(ring.n(), prng)
                             : sample_sparse_ternary(ring.n(), hardness.sparse_weight, prng);
  Poly ntt = from_signed(ring, s.span(), ring.q_size(), ring.p_size(), true);
  return {hardness, std::move(s), std::move(ntt)};
}

SecretKey SecretKey::from_coefficients(const Ring& ring, SecretHardness hardness,
                                       std::span<const std::int64_t> coefficients) {
  SecretCoefficients s(ring.n());
  require(coefficients.size() == ring.n(), "a secret has n coefficients");
  std::copy(coefficients.begin(), coefficients.end(), s.span().begin());
  Poly ntt = from_signed(ring, s.span(), ring.q_size(), ring.p_size(), true);
  return {hardness, std::move(s), std::move(ntt)};
}

SecretKey SecretKey::lifted(const Ring& larger) const {
  require(larger.n() >= ring().n(), "a secret is lifted to a larger ring");
  const std::size_t ratio = larger.n() / ring().n();
  SecretCoefficients s(larger.n());
  for (std::size_t i = 0; i < ring().n(); ++i) s.span()[ratio * i] = coefficients()[i];
  return from_coefficients(larger, hardness_, s.span());
}

SecretKey SecretKey::automorphism(u64 g) const {
  const std::size_t n = ring().n();
  SecretCoefficients s(n);
  for (std::size_t i = 0; i < n; ++i) {
    const std::size_t j = (i * g) & (2 * n - 1);
    s.span()[j & (n - 1)] = j < n ? coefficients()[i] : -coefficients()[i];
  }
  return from_coefficients(ring(), hardness_, s.span());
}

SecretKeys SecretKeys::generate(ParametersPtr parameters, const Randomness& randomness) {
  const Parameters& p = *parameters;
  Prng prng = randomness.prng("secrets");
  SecretKey big = SecretKey::generate(p.ring(), p.hardness(), prng);
  SecretKey small = SecretKey::generate(p.small_ring(), p.small_hardness(), prng);
  SecretKey sparse = SecretKey::generate(p.ring(), p.sparse_hardness(), prng);
  return {std::move(parameters), std::move(big), std::move(small), std::move(sparse)};
}

}  // namespace blindtuner::secret
