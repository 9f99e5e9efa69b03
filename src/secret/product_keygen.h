// Keys for the encrypted matrix products.
#pragma once

#include "linalg/products.h"
#include "secret/keygen.h"

namespace blindtuner::secret {
using namespace linalg;

/// Keys under the small secret, each checked against it.
ProductKeys make_product_keys(const SecretKeys& secrets, const ProductLayout& layout);

ComponentMapKey make_component_map_key(const ComponentMap& map, const SecretKey& s,
                                       std::size_t q_count, std::size_t p_count,
                                       bool insecure_allowed);

}  // namespace blindtuner::secret
