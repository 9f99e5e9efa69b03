#include "secret/joint/opening.h"

#include <cmath>

namespace blindtuner::secret::joint {

Poly sample_wide_gaussian(const Ring& ring, std::size_t q_count, int levels, Prng& prng) {
  require(levels >= 1 && levels <= kMostLevels, "a Gaussian's levels");
  // Two sums that words carry: 30 is the most that a term is.
  constexpr int kLow = kMostLevels / 2;
  SecretCoefficients low(ring.n()), high(ring.n());
  for (int j = 0; j < levels; ++j) {
    const SecretCoefficients term = sample_gaussian(ring.n(), prng);
    const std::span<std::int64_t> sum = (j < kLow ? low : high).span();
    const std::int64_t weight = std::int64_t{1} << (j % kLow);
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += weight * term.span()[i];
  }
  Poly out = from_signed(ring, low.span(), q_count, 0, true);
  if (levels > kLow)
    mul_integer_add_inplace(out, from_signed(ring, high.span(), q_count, 0, true),
                            std::int64_t{1} << kLow);
  return out;
}

double wide_sigma(int levels) { return kErrorSigma * std::sqrt((std::pow(4.0, levels) - 1) / 3); }

int wide_levels(double sigma) {
  for (int levels = 1; levels <= kMostLevels; ++levels)
    if (wide_sigma(levels) >= sigma) return levels;
  throw ContractError("noise beyond what is drawn");
}

Poly decryption_share(const Ciphertext& c, const SecretKey& s, int levels, Prng& prng) {
  return decryption_share(c, s.ntt().copy_limbs(c.q_count(), 0), levels, prng);
}

Poly decryption_share(const Ciphertext& c, const Poly& secret, int levels, Prng& prng) {
  require(&c.ring() == &secret.ring() && c.c1.domain() == Domain::kNtt &&
              secret.domain() == Domain::kNtt && secret.q_count() >= c.q_count() && secret.wiped(),
          "ciphertext and key of different rings");
  Poly share = mul(c.c1, secret);
  add_inplace(share, sample_wide_gaussian(secret.ring(), c.q_count(), levels, prng));
  return share.copy_public();
}

}  // namespace blindtuner::secret::joint
