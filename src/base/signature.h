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

/// All 256 bits, in 16 groups of 4 hexadecimal digits: what people compare by voice. Who stands between two of them chooses a part of what
/// each is shown, and of n bits finds two digests that agree in 2^(n / 2) tries.
std::string fingerprint(const Sha256Digest& digest);
/// The first 128 bits of a key's SHA-256, in 8 such groups: another key that has the fingerprint of one takes 2^128 tries.
std::string key_fingerprint(const PublicSigningKey& key);
/// What people give back of either: digits in lower case, without blanks and '-' between groups.
std::string fingerprint_digits(std::string_view heard);

}  // namespace blindtuner
