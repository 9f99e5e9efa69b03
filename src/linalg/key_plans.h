// Which keys the matrix products have, one by one.
#pragma once

#include "linalg/products.h"
#include "rlwe/key_share.h"

namespace blindtuner::linalg {

/// The key-switching keys, in the order in which they are made: relinearisation, then rotations as
/// ProductKeys::galois_elements has them. Component maps are pack_maps() and unpack_maps().
std::vector<KeyPlan> key_plans(const Parameters& parameters, const ProductLayout& layout);

KeySwitchKey& key_in(ProductKeys& keys, const KeyPlan& plan);

/// By which the data that owner i encrypted under its own secret, alone and before all others are there,
/// come under the secret of all: one key for each owner.
std::vector<KeyPlan> way_in_plans(const Parameters& parameters, std::size_t owners);

/// What tells a component map's key from all others of a set.
std::string key_name(const ComponentMap& map);

}  // namespace blindtuner::linalg
