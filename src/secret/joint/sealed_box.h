// What only some of a study's owners may read, whoever carries it: a fresh key encrypts the bytes, and that key is
// encrypted to each receiver.
//
//   shared secret  X25519 @[RFC7748] of a key drawn for this box and the receiver's
//   wrapping key   HKDF-SHA256 of it, salted with both public keys
//   all AES-256-GCM with a nonce of zeros: no key serves twice
//
// The associated bytes say what the box is for, and are authenticated with the receivers. A box says nothing of who made it:
// whoever sends one signs it.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <vector>

#include "base/buffer.h"

namespace blindtuner::secret::joint {

using PublicBoxKey = std::array<std::uint8_t, 32>;
inline constexpr std::size_t kBoxTagBytes = 16;
inline constexpr std::size_t kWrappedBytes = 32 + kBoxTagBytes;

class BoxKey {
 public:
  static constexpr std::size_t kBytes = 32;
  static BoxKey generate();
  /// Throws ContractError unless they are kBytes.
  explicit BoxKey(SecretBytes secret);

  const PublicBoxKey& public_key() const { return public_; }
  const SecretBytes& secret() const { return secret_; }  ///< wiped with this
  /// Empty: the other key is of small order, and no secret is shared.
  std::optional<SecretBytes> agree(const PublicBoxKey& other) const;

 private:
  SecretBytes secret_;
  PublicBoxKey public_{};
};

struct SealedBox {
  struct Receiver {
    PublicBoxKey key{};
    std::array<std::uint8_t, kWrappedBytes> wrapped{};
  };
  PublicBoxKey ephemeral{};
  std::vector<Receiver> receivers;
  std::vector<std::uint8_t> bytes;  ///< encrypted, the tag at the end
};

/// Throws ContractError without receivers, or with one of them twice; DataError for a receiver's key that is none.
SealedBox seal_box(std::span<const std::uint8_t> plain, std::span<const PublicBoxKey> receivers,
                   std::span<const std::uint8_t> associated);
/// Empty: sealed to others or for something else, or changed.
std::optional<SecretBytes> open_box(const SealedBox& box, const BoxKey& key,
                                    std::span<const std::uint8_t> associated);

}  // namespace blindtuner::secret::joint
