#include "secret/joint/threshold.h"

#include <algorithm>

namespace blindtuner::secret::joint {

std::vector<Poly> deal(const SecretKey& s, std::size_t q_count, std::size_t threshold,
                       std::size_t owners, Prng& prng) {
  require(threshold >= 2 && threshold <= owners, "a threshold beyond the owners");
  require(q_count >= 1 && q_count <= s.ntt().q_count(), "primes beyond the ring's");
  for (std::size_t i = 0; i < q_count; ++i)
    require(owners < s.ring().q(i).q, "more owners than a field has places");
  std::vector<Poly> coefficients;  // r_1 to r_(t-1)
  for (std::size_t j = 1; j < threshold; ++j)
    coefficients.push_back(sample_secret_uniform(s.ring(), q_count, prng));
  const Poly constant = s.ntt().copy_limbs(q_count, 0);
  std::vector<Poly> parts;
  for (std::size_t owner = 0; owner < owners; ++owner) {
    const auto x = static_cast<std::int64_t>(owner + 1);
    Poly value = coefficients.back().copy();
    for (std::size_t j = coefficients.size() - 1; j-- > 0;) {
      mul_integer_inplace(value, x);
      add_inplace(value, coefficients[j]);
    }
    mul_integer_inplace(value, x);
    add_inplace(value, constant);
    parts.push_back(std::move(value));
  }
  return parts;
}

Poly weighted_part(const Poly& part, std::size_t owner, std::span<const std::size_t> decryptors) {
  require(std::ranges::adjacent_find(decryptors, std::greater_equal<>()) == decryptors.end() &&
              std::ranges::binary_search(decryptors, owner),
          "decryptors are different places in rising order");
  Poly out = part.copy();
  mul_scalars_inplace(out, each_modulus(out, [&](const Modulus& q) {
                        u64 above = 1, below = 1;  // of prod m / (m - own), over the others' m
                        for (const std::size_t other : decryptors) {
                          if (other == owner) continue;
                          above = q.mul(above, (other + 1) % q.q);
                          below = q.mul(below, q.sub((other + 1) % q.q, (owner + 1) % q.q));
                        }
                        return q.mul(above, q.inv(below));
                      }));
  return out;
}

}  // namespace blindtuner::secret::joint
