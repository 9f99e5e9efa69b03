#include "secret/derived_key.h"

#include "base/hmac.h"

namespace blindtuner::secret {

Seed derived_key(const OwnerKeys& keys, std::string_view purpose) {
  const auto coefficients = keys.secrets.small.coefficients();
  return hkdf_sha256(
      {reinterpret_cast<const std::uint8_t*>(coefficients.data()), coefficients.size_bytes()},
      keys.id, purpose);
}

}  // namespace blindtuner::secret
