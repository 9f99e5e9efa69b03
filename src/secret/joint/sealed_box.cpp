#include "secret/joint/sealed_box.h"

#include <openssl/evp.h>

#include <algorithm>
#include <memory>
#include <set>

#include "base/cryptography.h"
#include "base/error.h"
#include "base/hmac.h"
#include "base/random.h"
#include "base/secret_bytes.h"

namespace blindtuner::secret::joint {
namespace {

template <auto Free>
struct Freed {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, Freed<EVP_PKEY_CTX_free>>;
using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, Freed<EVP_CIPHER_CTX_free>>;  // wipes

using Bytes = std::span<const std::uint8_t>;

void must(bool good, const char* what) {
  if (!good) throw CryptographyUnavailable(what);
}

Key private_key(const SecretBytes& secret) {
  Key key(
      EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, nullptr, secret.span().data(), secret.size()));
  must(key != nullptr, "X25519");
  return key;
}

// AES-256-GCM under a key that serves once. Encrypts, with the tag at the end, or decrypts; false: the tag is wrong.
bool cipher(Bytes key, Bytes associated, Bytes in, std::span<std::uint8_t> out, bool encrypting) {
  constexpr std::uint8_t nonce[12] = {};
  const CipherContext context(EVP_CIPHER_CTX_new());
  int length = 0, last = 0;
  must(context != nullptr &&
           EVP_CipherInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, key.data(), nonce,
                             encrypting ? 1 : 0) == 1 &&
           EVP_CipherUpdate(context.get(), nullptr, &length, associated.data(),
                            static_cast<int>(associated.size())) == 1,
       "AES-256-GCM");
  const std::size_t size = std::min(in.size(), out.size());
  std::uint8_t tag[kBoxTagBytes];
  if (!encrypting) std::copy(in.end() - kBoxTagBytes, in.end(), tag);
  must(EVP_CipherUpdate(context.get(), out.data(), &length, in.data(), static_cast<int>(size)) ==
               1 &&
           (encrypting ||
            EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, kBoxTagBytes, tag) == 1),
       "AES-256-GCM");
  if (EVP_CipherFinal_ex(context.get(), out.data() + length, &last) != 1) {
    must(!encrypting, "AES-256-GCM");
    return false;
  }
  if (encrypting)
    must(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, kBoxTagBytes,
                             out.data() + size) == 1,
         "AES-256-GCM");
  return true;
}

// What the content is bound to: receivers cannot be added or left out.
std::vector<std::uint8_t> bound(const SealedBox& box, Bytes associated) {
  std::vector<std::uint8_t> out(associated.begin(), associated.end());
  out.insert(out.end(), box.ephemeral.begin(), box.ephemeral.end());
  for (const SealedBox::Receiver& receiver : box.receivers)
    out.insert(out.end(), receiver.key.begin(), receiver.key.end());
  return out;
}

// Both sides': one's own key is the ephemeral one or the receiver's.
std::optional<Seed> wrapping_key(const BoxKey& own, const PublicBoxKey& other,
                                 const PublicBoxKey& ephemeral, const PublicBoxKey& receiver) {
  const std::optional<SecretBytes> shared = own.agree(other);
  if (!shared) return {};
  std::array<std::uint8_t, 64> salt;
  std::copy(receiver.begin(), receiver.end(),
            std::copy(ephemeral.begin(), ephemeral.end(), salt.begin()));
  return hkdf_sha256(shared->span(), salt, "blindtuner sealed box 1");
}

}  // namespace

BoxKey BoxKey::generate() { return BoxKey(random_secret(kBytes)); }

BoxKey::BoxKey(SecretBytes secret) : secret_(std::move(secret)) {
  require(secret_.size() == kBytes, "a box key has 32 bytes");
  std::size_t size = public_.size();
  must(EVP_PKEY_get_raw_public_key(private_key(secret_).get(), public_.data(), &size) == 1 &&
           size == public_.size(),
       "X25519");
}

std::optional<SecretBytes> BoxKey::agree(const PublicBoxKey& other) const {
  const Key own = private_key(secret_);
  const Key theirs(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, nullptr, other.data(), other.size()));
  const KeyContext context(EVP_PKEY_CTX_new(own.get(), nullptr));
  must(theirs != nullptr && context != nullptr && EVP_PKEY_derive_init(context.get()) == 1 &&
           EVP_PKEY_derive_set_peer(context.get(), theirs.get()) == 1,
       "X25519");
  SecretBytes out(32);
  std::size_t size = out.size();
  // Fails where nothing but zeros comes out.
  if (EVP_PKEY_derive(context.get(), out.span().data(), &size) != 1 || size != out.size())
    return {};
  return out;
}

SealedBox seal_box(Bytes plain, std::span<const PublicBoxKey> receivers, Bytes associated) {
  require(!receivers.empty() &&
              std::set<PublicBoxKey>(receivers.begin(), receivers.end()).size() == receivers.size(),
          "a box has different receivers");
  SealedBox box;
  const BoxKey ephemeral = BoxKey::generate();
  box.ephemeral = ephemeral.public_key();
  for (const PublicBoxKey& key : receivers) box.receivers.push_back({key, {}});
  const std::vector<std::uint8_t> context = bound(box, associated);
  Seed content = fresh_seed();
  for (SealedBox::Receiver& receiver : box.receivers) {
    std::optional<Seed> key = wrapping_key(ephemeral, receiver.key, box.ephemeral, receiver.key);
    if (!key) {
      wipe(content.data(), content.size());
      throw DataError("a receiver's key is none that a secret can be shared with");
    }
    cipher(*key, context, content, receiver.wrapped, true);
    wipe(key->data(), key->size());
  }
  box.bytes.resize(plain.size() + kBoxTagBytes);
  cipher(content, context, plain, box.bytes, true);
  wipe(content.data(), content.size());
  return box;
}

std::optional<SecretBytes> open_box(const SealedBox& box, const BoxKey& key, Bytes associated) {
  const auto own =
      std::find_if(box.receivers.begin(), box.receivers.end(),
                   [&](const auto& receiver) { return receiver.key == key.public_key(); });
  if (own == box.receivers.end() || box.bytes.size() < kBoxTagBytes) return {};
  std::optional<Seed> wrapping = wrapping_key(key, box.ephemeral, box.ephemeral, key.public_key());
  if (!wrapping) return {};
  const std::vector<std::uint8_t> context = bound(box, associated);
  SecretBytes content(32), plain(box.bytes.size() - kBoxTagBytes);
  const bool opened = cipher(*wrapping, context, own->wrapped, content.span(), false) &&
                      cipher(content.span(), context, box.bytes, plain.span(), false);
  wipe(wrapping->data(), wrapping->size());
  if (!opened) return {};
  return plain;
}

}  // namespace blindtuner::secret::joint
