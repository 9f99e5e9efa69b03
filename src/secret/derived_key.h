// Keys for the owner's own use, out of the secret key.
#pragma once

#include <string_view>

#include "secret/secret_key_file.h"

namespace blindtuner::secret {

/// 256 bits for one purpose, the same for as long as there is the secret key; independent of those of
/// other purposes. Out of the small ring's secret, which every key file has.
Seed derived_key(const OwnerKeys& keys, std::string_view purpose);

}  // namespace blindtuner::secret
