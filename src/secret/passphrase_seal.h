// Bytes under a passphrase: scrypt makes a key of it, AES-256-GCM encrypts and authenticates. Both are
// OpenSSL's. @[RFC7914], @[SP800-38D]
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/buffer.h"

namespace blindtuner::secret {

/// What trying one passphrase costs: 128 r 2^log_n bytes of memory, p times 2^log_n r mixings.
struct ScryptCost {
  std::uint32_t log_n = 17, r = 8, p = 1;  ///< 128 MiB, about half a second
  bool operator==(const ScryptCost&) const = default;
};
/// What a file may ask for: more would let a hostile one take memory and time at will.
inline constexpr ScryptCost kLeastScryptCost = {10, 1, 1}, kMostScryptCost = {20, 8, 4};

inline constexpr std::size_t kSealTagBytes = 16;

struct SealedBytes {
  ScryptCost cost;
  std::array<std::uint8_t, 16> salt{};   ///< fresh, public
  std::array<std::uint8_t, 12> nonce{};  ///< fresh; no key is used twice
  std::vector<std::uint8_t> bytes;       ///< as many as were sealed, then kSealTagBytes
};

/// `associated` is authenticated with the bytes and kept by the caller. Throws DataError when there
/// is not enough memory for scrypt, here and below.
SealedBytes seal(std::span<const std::uint8_t> plain, const SecretBytes& passphrase,
                 std::span<const std::uint8_t> associated, const ScryptCost& cost = {});

/// Nothing when the passphrase is another one, or `sealed` or `associated` were changed: which of
/// the two cannot be told. The cost is within the bounds above.
std::optional<SecretBytes> open_seal(const SealedBytes& sealed, const SecretBytes& passphrase,
                                     std::span<const std::uint8_t> associated);

}  // namespace blindtuner::secret
