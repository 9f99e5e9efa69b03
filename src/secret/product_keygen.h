// Keys for the encrypted matrix products.
#pragma once

#include "linalg/products.h"
#include "secret/keygen.h"

namespace blindtuner::secret {
using namespace linalg;

/// Keys under the small secret, each checked against it.
ProductKeys make_product_keys(const SecretKeys& secrets, const ProductLayout& layout);

/// -a_j s + e_j + P L(X^j s) for every j below the map's width: an owner's share of the map's key with the
/// uniform halves a, e_j drawn for the purpose "<the key's name>, <j>". Throws SecurityError as make_share does for key-switching keys.
KeyShare make_share(std::span<const Poly> a, const ComponentMap& map, const SecretKey& s,
                    bool insecure_allowed, const Randomness& randomness = {});

/// The key of an owner who is alone.
ComponentMapKey make_component_map_key(const ComponentMap& map, const SecretKey& s,
                                       std::size_t q_count, std::size_t p_count, const Seed& seed,
                                       bool insecure_allowed);

}  // namespace blindtuner::secret
