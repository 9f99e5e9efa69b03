#include "base/signature.h"

#include <openssl/evp.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "base/atomic_file.h"
#include "base/cryptography.h"
#include "base/error.h"
#include "base/input_file.h"
#include "base/path.h"
#include "base/secret_bytes.h"

namespace blindtuner {
namespace {

constexpr std::string_view kFileBegin = "blindtuner signing key 1: ";

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Context = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;

[[noreturn]] void unavailable() { throw CryptographyUnavailable("Ed25519"); }

Key private_key(const SecretBytes& secret) {
  Key key(
      EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, secret.span().data(), secret.size()),
      EVP_PKEY_free);  // wipes
  if (!key) unavailable();
  return key;
}

Context context() {
  Context out(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  if (!out) unavailable();
  return out;
}

std::vector<std::uint8_t> signed_bytes(std::string_view domain, std::string_view message) {
  require(domain.find('\0') == std::string_view::npos, "a domain has no zero byte");
  std::vector<std::uint8_t> out(domain.begin(), domain.end());
  out.push_back(0);
  out.insert(out.end(), message.begin(), message.end());
  return out;
}

std::string in_groups(std::span<const std::uint8_t> bytes) {
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += 2)
    out += (i == 0 ? "" : " ") + to_hex(bytes.subspan(i, 2));
  return out;
}

}  // namespace

SigningKey SigningKey::generate() { return SigningKey(random_secret(kBytes)); }

SigningKey::SigningKey(SecretBytes secret) : secret_(std::move(secret)) {
  require(secret_.size() == kBytes, "a signing key has 32 bytes");
  std::size_t size = public_.size();
  if (EVP_PKEY_get_raw_public_key(private_key(secret_).get(), public_.data(), &size) != 1 ||
      size != public_.size())
    unavailable();
}

Signature SigningKey::sign(std::string_view domain, std::string_view message) const {
  const Key key = private_key(secret_);
  const Context signing = context();
  const std::vector<std::uint8_t> bytes = signed_bytes(domain, message);
  Signature out{};
  std::size_t size = out.size();
  if (EVP_DigestSignInit(signing.get(), nullptr, nullptr, nullptr, key.get()) != 1 ||
      EVP_DigestSign(signing.get(), out.data(), &size, bytes.data(), bytes.size()) != 1 ||
      size != out.size())
    unavailable();
  return out;
}

bool verify_signature(const PublicSigningKey& key, std::string_view domain,
                      std::string_view message, const Signature& signature) {
  const Key public_key(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, key.data(), key.size()),
      EVP_PKEY_free);
  if (!public_key) unavailable();
  const Context verifying = context();
  const std::vector<std::uint8_t> bytes = signed_bytes(domain, message);
  if (EVP_DigestVerifyInit(verifying.get(), nullptr, nullptr, nullptr, public_key.get()) != 1)
    unavailable();
  return EVP_DigestVerify(verifying.get(), signature.data(), signature.size(), bytes.data(),
                          bytes.size()) == 1;
}

void write_signing_key(const std::filesystem::path& path, const SigningKey& key) {
  std::string text(kFileBegin);
  text += to_hex(key.secret().span());
  text += '\n';
  AtomicFile file(path, kForTheOwner);
  file.write(std::string_view(text));
  wipe(text.data(), text.size());
  file.commit();
}

SigningKey read_signing_key(const std::filesystem::path& path) {
  constexpr std::size_t kSize = kFileBegin.size() + 2 * SigningKey::kBytes + 1;
  std::vector<std::uint8_t> bytes = read_file(path, 4 * kSize);
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  SecretBytes secret(SigningKey::kBytes);
  const bool good = text.size() == kSize && text.starts_with(kFileBegin) && text.back() == '\n' &&
                    from_hex(text.substr(kFileBegin.size(), 2 * SigningKey::kBytes), secret.span());
  wipe(bytes.data(), bytes.size());
  if (!good) throw DataError(quoted_path(path) + ": is no signing key");
  return SigningKey(std::move(secret));
}

std::string key_fingerprint(const PublicSigningKey& key) {
  const Sha256Digest digest = Sha256().add(key).finish();
  return in_groups(std::span(digest).first(16));
}

std::string fingerprint(const Sha256Digest& digest) { return in_groups(digest); }

std::string fingerprint_digits(std::string_view heard) {
  std::string out;
  for (const char c : heard)
    if (c != ' ' && c != '-') out += c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

}  // namespace blindtuner
