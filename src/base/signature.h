// Signatures: Ed25519 @[RFC8032], OpenSSL's. They tell who said something; no secret of encryption is near them, so
// both programs sign.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/buffer.h"
#include "base/sha256.h"

namespace blindtuner {

using PublicSigningKey = std::array<std::uint8_t, 32>;
using Signature = std::array<std::uint8_t, 64>;

/// What is signed is the domain, a zero byte and the message: a signature of one domain is none of another. A domain
/// has no zero byte.
class SigningKey {
 public:
  static constexpr std::size_t kBytes = 32;

  static SigningKey generate();
  /// Throws ContractError unless they are kBytes.
  explicit SigningKey(SecretBytes secret);

  const PublicSigningKey& public_key() const { return public_; }
  const SecretBytes& secret() const { return secret_; }  ///< wiped with this
  /// The same message has the same signature.
  Signature sign(std::string_view domain, std::string_view message) const;

 private:
  SecretBytes secret_;
  PublicSigningKey public_{};
};

bool verify_signature(const PublicSigningKey& key, std::string_view domain,
                      std::string_view message, const Signature& signature);

/// In a file for its owner alone: a line that says what it is, and the secret in hexadecimal. Throws DataError.
void write_signing_key(const std::filesystem::path& path, const SigningKey& key);
SigningKey read_signing_key(const std::filesystem::path& path);

/// The first 128 bits, in 8 groups of 4 hexadecimal digits: what people compare by voice.
std::string fingerprint(const Sha256Digest& digest);
/// Of a key's SHA-256.
std::string key_fingerprint(const PublicSigningKey& key);

}  // namespace blindtuner
