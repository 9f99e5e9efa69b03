// Sealed bytes, and secret key files that are sealed.
#include "secret/passphrase_seal.h"

#include <string_view>

#include "base/sha256.h"
#include "io/io_fixture.h"
#include "secret/secret_key_file.h"

namespace blindtuner {
using namespace secret;
namespace {

using testing_support::Bytes;
using testing_support::reseal;

constexpr ScryptCost kCheap = {10, 1, 1};

SecretBytes secret(std::string_view text) {
  SecretBytes out(text.size());
  std::copy(text.begin(), text.end(), out.span().begin());
  return out;
}

TEST(PassphraseSeal, OpensWithTheSamePassphraseAndContextOnly) {
  const Bytes plain = {1, 2, 3, 4, 5}, context = {9, 9};
  const SealedBytes sealed = seal(plain, secret("one"), context, kCheap);
  EXPECT_EQ(sealed.bytes.size(), plain.size() + kSealTagBytes);
  const auto opened = open_seal(sealed, secret("one"), context);
  ASSERT_TRUE(opened);
  EXPECT_TRUE(std::ranges::equal(opened->span(), plain));
  EXPECT_FALSE(open_seal(sealed, secret("two"), context));
  EXPECT_FALSE(open_seal(sealed, secret("one "), context));
  EXPECT_FALSE(open_seal(sealed, secret("one"), Bytes{9, 8}));
  EXPECT_FALSE(open_seal(sealed, secret("one"), Bytes{9}));
  for (std::size_t i = 0; i < sealed.bytes.size(); ++i) {
    SealedBytes changed = sealed;
    changed.bytes[i] ^= 1;
    EXPECT_FALSE(open_seal(changed, secret("one"), context)) << i;
  }
  SealedBytes salted = sealed, nonced = sealed;
  salted.salt[3] ^= 1;
  nonced.nonce[3] ^= 1;
  EXPECT_FALSE(open_seal(salted, secret("one"), context));
  EXPECT_FALSE(open_seal(nonced, secret("one"), context));
  // Nothing is used twice.
  const SealedBytes again = seal(plain, secret("one"), context, kCheap);
  EXPECT_NE(again.salt, sealed.salt);
  EXPECT_NE(again.bytes, sealed.bytes);
}

// By Python: hashlib.scrypt and cryptography's AESGCM.
TEST(PassphraseSeal, IsScryptAndGcm) {
  SealedBytes sealed;
  sealed.cost = {10, 8, 4};
  constexpr std::string_view kSalt = "0123456789abcdef", kContext = "context";
  std::copy(kSalt.begin(), kSalt.end(), sealed.salt.begin());
  sealed.bytes = {0x50, 0xa6, 0xf4, 0x6d, 0x47, 0xe0, 0xa9, 0xec, 0x4a, 0x77, 0xe7, 0x2a, 0x5f,
                  0x22, 0xaa, 0xe0, 0xcf, 0x18, 0x16, 0x99, 0x2b, 0xdc, 0x1e, 0x1e, 0x2a, 0x44};
  const auto opened =
      open_seal(sealed, secret("password"), Bytes(kContext.begin(), kContext.end()));
  ASSERT_TRUE(opened);
  EXPECT_TRUE(std::ranges::equal(opened->span(), std::string_view("BlindTuner")));
}

class SealedKeyFile : public testing_support::IoTest {
 protected:
  SealedKeyFile()
      : parameters_(Parameters::create(find_parameters("InsecureTest10"))),
        keys_{SecretKeys::generate(parameters_), fresh_key_id(),
              ProductLayout::plan(*parameters_, 64, 9, 3, 64)} {
    write_secret_key(path(), keys_, secret("one"));
  }
  OwnerKeys read(const std::filesystem::path& from) {
    return read_secret_key(from, true, [&] {
      ++asked_;
      return secret("one");
    });
  }

  ParametersPtr parameters_;
  OwnerKeys keys_;
  int asked_ = 0;
};

TEST_F(SealedKeyFile, ComesBack) {
  EXPECT_TRUE(secret_key_sealed(path()));
  const OwnerKeys back = read(path());
  EXPECT_EQ(asked_, 1);
  EXPECT_EQ(back.id, keys_.id);
  EXPECT_EQ(back.layout, keys_.layout);
  EXPECT_TRUE(
      std::ranges::equal(back.secrets.big.coefficients(), keys_.secrets.big.coefficients()));
  EXPECT_TRUE(
      std::ranges::equal(back.secrets.small.coefficients(), keys_.secrets.small.coefficients()));
  EXPECT_NE(message_of([&] { read_secret_key(path(), true); }).find("passphrase"),
            std::string::npos);
  EXPECT_NE(message_of([&] {
              read_secret_key(path(), true, [] { return secret("two"); });
            }).find("passphrase is wrong"),
            std::string::npos);
  // Without one nobody is asked, and the layout is optional as it was.
  write_secret_key(path("plain"), {SecretKeys::generate(parameters_), keys_.id});
  EXPECT_FALSE(secret_key_sealed(path("plain")));
  EXPECT_EQ(read(path("plain")).layout, std::nullopt);
  EXPECT_EQ(asked_, 1);
}

// The header and the layout are not encrypted, but they are authenticated.
TEST_F(SealedKeyFile, CannotBeChanged) {
  const Bytes file = load(path());
  const std::size_t layout = kHeaderBytes + 8, sealed = layout + 20 + kDigestBytes + 8;
  for (const std::size_t at : {std::size_t{80}, layout + 8, layout + 12, layout + 16, sealed + 9,
                               sealed + 25, sealed + 41}) {
    Bytes changed = file;
    changed[at] ^= at == layout + 16 ? 12 : 1;  // a width stays a power of two: 8 or 4
    Sha256 header;
    header.add(changed.data(), kHeaderBytes - kDigestBytes);
    const auto digest = header.finish();
    std::copy(digest.begin(), digest.end(), &changed[kHeaderBytes - kDigestBytes]);
    reseal(changed);
    store(path("changed"), changed);
    EXPECT_NE(message_of([&] { read(path("changed")); }).find("passphrase is wrong, or the file"),
              std::string::npos)
        << at << ": " << message_of([&] { read(path("changed")); });
  }
}

TEST_F(SealedKeyFile, DoesNotLetAFileAskForMuch) {
  const Bytes file = load(path());
  const std::size_t seal_at = kHeaderBytes + 8 + 20 + kDigestBytes + 8;
  const auto refused = [&](std::size_t at, Bytes value) {
    Bytes changed = file;
    std::copy(value.begin(), value.end(), &changed[seal_at + at]);
    reseal(changed);
    store(path("hostile"), changed);
    return message_of([&] { read(path("hostile")); });
  };
  EXPECT_NE(refused(0, {21}).find("log2 N, is 21, expected 10 to 20"), std::string::npos);
  EXPECT_NE(refused(0, {63}).find("log2 N"), std::string::npos);
  EXPECT_NE(refused(0, {9}).find("log2 N"), std::string::npos);
  EXPECT_NE(refused(1, {9, 0, 0, 0}).find("r, is 9, expected 1 to 8"), std::string::npos);
  EXPECT_NE(refused(1, {0, 0, 0, 0}).find("r, is 0"), std::string::npos);
  EXPECT_NE(refused(5, {5, 0, 0, 0}).find("p, is 5, expected 1 to 4"), std::string::npos);
  EXPECT_NE(refused(37, {255, 255, 255, 255}).find("length of the sealed"), std::string::npos);
  EXPECT_EQ(asked_, 0);
}

}  // namespace
}  // namespace blindtuner
