// Secrets of so many bytes, drawn or copied.
#pragma once

#include <span>

#include "base/buffer.h"

namespace blindtuner {

/// From the system's generator for secrets (OpenSSL's RAND_priv_bytes). Throws std::runtime_error when the system cannot deliver.
SecretBytes random_secret(std::size_t count);
SecretBytes secret_copy(std::span<const std::uint8_t> bytes);

}  // namespace blindtuner
