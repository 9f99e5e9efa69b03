#include "secret/passphrase_seal.h"

#include <openssl/evp.h>
#include <openssl/rand.h>

#include <memory>

#include "base/cryptography.h"
#include "base/error.h"

namespace blindtuner::secret {
namespace {

constexpr std::size_t kKeyBytes = 32;

struct FreeContext {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }  // wipes
};
using Context = std::unique_ptr<EVP_CIPHER_CTX, FreeContext>;

void must(bool good, const char* what) {
  if (!good) throw CryptographyUnavailable(what);
}

SecretBytes derive_key(const SealedBytes& sealed, const SecretBytes& passphrase) {
  const ScryptCost& c = sealed.cost;
  const std::uint64_t n = std::uint64_t{1} << c.log_n;
  // OpenSSL counts a little more than the 128 n r bytes.
  const std::uint64_t memory = 128 * c.r * (n + c.p + 2);
  SecretBytes key(kKeyBytes);
  if (EVP_PBE_scrypt(reinterpret_cast<const char*>(passphrase.span().data()), passphrase.size(),
                     sealed.salt.data(), sealed.salt.size(), n, c.r, c.p, memory, key.span().data(),
                     key.size()) != 1)
    throw DataError("cannot try the passphrase: scrypt needs " + std::to_string(memory >> 20) +
                    " MiB of memory");
  return key;
}

// Key, nonce and associated bytes, for either direction.
Context start(const SealedBytes& sealed, const SecretBytes& passphrase,
              std::span<const std::uint8_t> associated, bool encrypting) {
  const SecretBytes key = derive_key(sealed, passphrase);
  Context context(EVP_CIPHER_CTX_new());
  int length = 0;
  must(context != nullptr &&
           EVP_CipherInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, key.span().data(),
                             sealed.nonce.data(), encrypting ? 1 : 0) == 1 &&
           EVP_CipherUpdate(context.get(), nullptr, &length, associated.data(),
                            static_cast<int>(associated.size())) == 1,
       "AES-256-GCM");
  return context;
}

}  // namespace

SealedBytes seal(std::span<const std::uint8_t> plain, const SecretBytes& passphrase,
                 std::span<const std::uint8_t> associated, const ScryptCost& cost) {
  SealedBytes out;
  out.cost = cost;
  must(RAND_bytes(out.salt.data(), static_cast<int>(out.salt.size())) == 1 &&
           RAND_bytes(out.nonce.data(), static_cast<int>(out.nonce.size())) == 1,
       "random numbers");
  const Context context = start(out, passphrase, associated, true);
  out.bytes.resize(plain.size() + kSealTagBytes);
  int length = 0, last = 0;
  must(EVP_CipherUpdate(context.get(), out.bytes.data(), &length, plain.data(),
                        static_cast<int>(plain.size())) == 1 &&
           static_cast<std::size_t>(length) == plain.size() &&
           EVP_CipherFinal_ex(context.get(), out.bytes.data() + length, &last) == 1 && last == 0 &&
           EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, kSealTagBytes,
                               out.bytes.data() + length) == 1,
       "AES-256-GCM");
  return out;
}

std::optional<SecretBytes> open_seal(const SealedBytes& sealed, const SecretBytes& passphrase,
                                     std::span<const std::uint8_t> associated) {
  require(sealed.bytes.size() >= kSealTagBytes, "sealed bytes end with their tag");
  const Context context = start(sealed, passphrase, associated, false);
  SecretBytes plain(sealed.bytes.size() - kSealTagBytes);
  std::array<std::uint8_t, kSealTagBytes> tag{};
  std::copy(sealed.bytes.end() - kSealTagBytes, sealed.bytes.end(), tag.begin());
  int length = 0, last = 0;
  must(
      EVP_CipherUpdate(context.get(), plain.span().data(), &length, sealed.bytes.data(),
                       static_cast<int>(plain.size())) == 1 &&
          EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, kSealTagBytes, tag.data()) == 1,
      "AES-256-GCM");
  if (EVP_CipherFinal_ex(context.get(), plain.span().data() + length, &last) != 1)
    return std::nullopt;
  return plain;
}

}  // namespace blindtuner::secret
