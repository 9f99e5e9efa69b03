// Keyed hashes and keys out of secrets.
#pragma once

#include <span>
#include <string_view>

#include "base/random.h"
#include "base/sha256.h"

namespace blindtuner {

/// HMAC-SHA256 (RFC 2104).
Sha256Digest hmac_sha256(std::span<const std::uint8_t> key, std::span<const std::uint8_t> message);
Sha256Digest hmac_sha256(std::span<const std::uint8_t> key, std::string_view message);

/// 256 bits by HKDF-SHA256 (RFC 5869). Keys for different purposes are independent.
Seed hkdf_sha256(std::span<const std::uint8_t> secret, std::span<const std::uint8_t> salt,
                 std::string_view purpose);

}  // namespace blindtuner
