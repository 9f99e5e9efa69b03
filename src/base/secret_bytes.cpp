#include "base/secret_bytes.h"

#include <openssl/rand.h>

#include <algorithm>

#include "base/cryptography.h"

namespace blindtuner {

SecretBytes random_secret(std::size_t count) {
  SecretBytes out(count);
  if (RAND_priv_bytes(out.span().data(), static_cast<int>(count)) != 1)
    throw CryptographyUnavailable("random numbers");
  return out;
}

SecretBytes secret_copy(std::span<const std::uint8_t> bytes) {
  SecretBytes out(bytes.size());
  std::ranges::copy(bytes, out.span().begin());
  return out;
}

}  // namespace blindtuner
