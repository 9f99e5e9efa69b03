#include "secret/product_keygen.h"

#include "base/parallel.h"

namespace blindtuner::secret {

ComponentMapKey make_component_map_key(const ComponentMap& map, const SecretKey& s,
                                       std::size_t q_count, std::size_t p_count,
                                       bool insecure_allowed) {
  const Ring& ring = s.ring();
  if (!insecure_allowed)
    require_secure(s.hardness(), ring.log2_modulus(q_count, p_count), "component map key");
  ComponentMapKey key;
  key.map = map;
  key.q_count = q_count;
  key.p_count = p_count;
  key.seed = fresh_seed();
  key.b.resize(map.width);
  const Poly secret = s.ntt().copy_limbs(q_count, p_count);
  const std::size_t n = ring.n();
  std::vector<u64> factors(q_count + p_count);  // P
  for (std::size_t i = 0; i < q_count; ++i) factors[i] = ring.special_product(i, p_count);
  parallel_for(map.width, [&](std::size_t j) {
    // P L(X^j s) - a_j s + e_j
    SecretCoefficients shifted(n);
    for (std::size_t i = 0; i < n; ++i)
      shifted.span()[(i + j) & (n - 1)] = i + j < n ? s.coefficients()[i] : -s.coefficients()[i];
    std::vector<std::int64_t> mapped = apply_component_map(map, shifted.span());
    Poly payload = from_signed(ring, mapped, q_count, p_count, true);
    wipe(mapped.data(), mapped.size() * sizeof(std::int64_t));
    Prng prng = Prng::for_secrets();
    const SecretCoefficients error = sample_gaussian(n, prng);
    Poly b = from_signed(ring, error.span(), q_count, p_count, true);
    Poly masked = mul(sample_uniform(ring, q_count, p_count, key.seed, j), secret);
    sub_inplace(b, masked);
    mul_scalars_add_inplace(b, payload, factors);
    key.b[j] = b.copy_public();
  });
  key.expand();
  return key;
}

ProductKeys make_product_keys(const SecretKeys& secrets, const ProductLayout& layout) {
  const Parameters& p = *secrets.parameters;
  const bool insecure = p.insecure();
  const KeyShape shape{2, p.small_special(), {2}};
  ProductKeys keys;
  keys.relinearisation = make_relinearisation_key(secrets.small, shape, insecure);
  for (u64 g : ProductKeys::galois_elements(layout))
    keys.galois.emplace(g, make_galois_key(g, secrets.small, shape, insecure));
  for (const ComponentMap& map : ProductKeys::pack_maps(layout))
    keys.pack.push_back(make_component_map_key(map, secrets.small, 2, p.small_special(), insecure));
  for (const ComponentMap& map : ProductKeys::unpack_maps(layout))
    keys.unpack.push_back(
        make_component_map_key(map, secrets.small, 2, p.small_special(), insecure));
  return keys;
}

}  // namespace blindtuner::secret
