#include "secret/product_keygen.h"

#include "base/parallel.h"
#include "linalg/key_plans.h"

namespace blindtuner::secret {

KeyShare make_share(std::span<const Poly> a, const ComponentMap& map, const SecretKey& s,
                    bool insecure_allowed, const Randomness& randomness) {
  require(a.size() == map.width && map.width >= 1, "a component map's key has `width` halves");
  const Ring& ring = s.ring();
  const std::size_t n = ring.n(), q_count = a.front().q_count(), p_count = a.front().p_count();
  if (!insecure_allowed)
    require_secure(s.hardness(), ring.log2_modulus(q_count, p_count), key_name(map));
  KeyShare share(map.width);
  const Poly secret = s.ntt().copy_limbs(q_count, p_count);
  std::vector<u64> factors(q_count + p_count);  // P
  for (std::size_t i = 0; i < q_count; ++i) factors[i] = ring.special_product(i, p_count);
  parallel_for(map.width, [&](std::size_t j) {
    SecretCoefficients shifted(n);  // X^j s
    for (std::size_t i = 0; i < n; ++i)
      shifted.span()[(i + j) & (n - 1)] = i + j < n ? s.coefficients()[i] : -s.coefficients()[i];
    std::vector<std::int64_t> mapped = apply_component_map(map, shifted.span());
    const Poly payload = from_signed(ring, mapped, q_count, p_count, true);
    wipe(mapped.data(), mapped.size() * sizeof(std::int64_t));
    Prng prng = randomness.prng(key_name(map) + ", " + std::to_string(j));
    const SecretCoefficients error = sample_gaussian(n, prng);
    Poly b = from_signed(ring, error.span(), q_count, p_count, true);
    sub_inplace(b, mul(a[j], secret));
    mul_scalars_add_inplace(b, payload, factors);
    share[j] = b.copy_public();
  });
  return share;
}

ComponentMapKey make_component_map_key(const ComponentMap& map, const SecretKey& s,
                                       std::size_t q_count, std::size_t p_count, const Seed& seed,
                                       bool insecure_allowed) {
  ComponentMapKey key{map, q_count, p_count, seed, {}, {}};
  key.a = uniform_halves(s.ring(), q_count, p_count, map.width, seed);
  add_share(key.b, make_share(key.a, map, s, insecure_allowed));
  return key;
}

ProductKeys make_product_keys(const SecretKeys& secrets, const ProductLayout& layout) {
  const Parameters& p = *secrets.parameters;
  const SecretKey& s = secrets.small;
  CommonReference reference;
  ShareMaker shares(secrets);
  ProductKeys keys;
  for (const KeyPlan& plan : key_plans(p, layout))
    key_in(keys, plan) = make_key(s.ring(), plan.shape, reference.seed(plan.name()),
                                  [&](std::span<const Poly> a) { return shares.make(plan, a); });
  const auto map_key = [&](const ComponentMap& map) {
    return make_component_map_key(map, s, 2, p.small_special(), reference.seed(key_name(map)),
                                  p.insecure());
  };
  for (const ComponentMap& map : ProductKeys::pack_maps(layout)) keys.pack.push_back(map_key(map));
  for (const ComponentMap& map : ProductKeys::unpack_maps(layout))
    keys.unpack.push_back(map_key(map));
  return keys;
}

}  // namespace blindtuner::secret
