#include "secret/joint/threshold.h"

#include <algorithm>

#include "base/error.h"
#include "base/hmac.h"

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

OpeningPart opening_part(const Poly& part, std::size_t owner,
                         std::span<const std::size_t> decryptors, const BoxKey& own,
                         std::span<const PublicBoxKey> keys) {
  require(owner < keys.size() && keys[owner] == own.public_key(), "the owner's own key");
  OpeningPart out{weighted_part(part, owner, decryptors), {}};
  for (const std::size_t other : decryptors) {
    if (other == owner) continue;
    const std::optional<SecretBytes> shared = own.agree(keys[other]);
    if (!shared) throw DataError("an owner's key is none that a secret can be shared with");
    // Both sides put the two in one order.
    std::array<std::uint8_t, 64> salt;
    const PublicBoxKey &first = keys[std::min(owner, other)], &last = keys[std::max(owner, other)];
    std::ranges::copy(last, std::ranges::copy(first, salt.begin()).out);
    Seed key = hkdf_sha256(shared->span(), salt, "blindtuner opening mask 1");
    out.others.emplace_back(key, other < owner);
    wipe(key.data(), key.size());
  }
  return out;
}

Poly OpeningPart::mask(std::size_t q_count, const Sha256Digest& of) const {
  Poly sum;
  for (const Pair& pair : others) {
    Seed seed = hmac_sha256(pair.key, of);
    Prng prng(seed);
    wipe(seed.data(), seed.size());
    Poly one = sample_secret_uniform(secret.ring(), q_count, prng);
    if (!pair.adds) neg_inplace(one);
    if (sum.empty())
      sum = std::move(one);
    else
      add_inplace(sum, one);
  }
  return sum;
}

}  // namespace blindtuner::secret::joint
