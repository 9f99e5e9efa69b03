#include "secret/randomness.h"

#include "base/buffer.h"
#include "base/hmac.h"

namespace blindtuner::secret {

Randomness::~Randomness() {
  if (seed_) wipe(seed_->data(), seed_->size());
}

Prng Randomness::prng(std::string_view purpose) const {
  if (!seed_) return Prng::for_secrets();
  constexpr std::string_view kSalt = "blindtuner randomness 1";
  Seed derived = hkdf_sha256(
      *seed_, {reinterpret_cast<const std::uint8_t*>(kSalt.data()), kSalt.size()}, purpose);
  Prng out(derived);
  wipe(derived.data(), derived.size());
  return out;
}

}  // namespace blindtuner::secret
