// Secrets of so many bytes, drawn or copied.
#pragma once

#include <span>

#include "base/buffer.h"

namespace blindtuner {

/// From the system's generator for secrets (OpenSSL's RAND_priv_bytes). Throws CryptographyUnavailable (base/cryptography.h).
SecretBytes random_secret(std::size_t count);
SecretBytes secret_copy(std::span<const std::uint8_t> bytes);

}  // namespace blindtuner
