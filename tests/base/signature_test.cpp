#include "base/signature.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "base/atomic_file.h"
#include "base/error.h"

namespace blindtuner {
namespace {

SigningKey key_of(const std::string& hex) {
  SecretBytes secret(SigningKey::kBytes);
  EXPECT_TRUE(from_hex(hex, secret.span()));
  return SigningKey(std::move(secret));
}

// RFC 8032, section 7.1, test 2: there the message is the one byte 72, here it stands behind the domain's zero byte,
// so only the key can be held to it; the signature's bytes were computed by python3-cryptography.
TEST(Signature, IsTheStandards) {
  const SigningKey key = key_of("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb");
  EXPECT_EQ(to_hex(key.public_key()),
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
  EXPECT_EQ(to_hex(key.sign("domain", "r")),
            "b889d328829ee66613738d253d4b4762c3f15d1c37c5e8a1496529eb5d94af96"
            "3ff7c0914342b9ad162dc9ad7daf0cb749e2ece95a1f118f0210871c890f700c");
}

TEST(Signature, IsOfItsKeyDomainAndMessageAlone) {
  const SigningKey key = SigningKey::generate(), other = SigningKey::generate();
  const Signature signature = key.sign("study", "yes");
  EXPECT_TRUE(verify_signature(key.public_key(), "study", "yes", signature));
  EXPECT_FALSE(verify_signature(other.public_key(), "study", "yes", signature));
  EXPECT_FALSE(verify_signature(key.public_key(), "trace", "yes", signature));
  EXPECT_FALSE(verify_signature(key.public_key(), "study", "yes ", signature));
  // Where the domain ends is part of what is signed.
  EXPECT_FALSE(verify_signature(key.public_key(), "study", "", key.sign("stud", "y")));
  for (const std::size_t byte : {0, 31, 32, 63}) {
    Signature changed = signature;
    changed[byte] ^= 1;
    EXPECT_FALSE(verify_signature(key.public_key(), "study", "yes", changed)) << byte;
  }
  EXPECT_THROW((void)key.sign(std::string_view("a\0b", 3), ""), ContractError);
}

TEST(Signature, AKeysFileIsItsOwnersAlone) {
  const auto path = std::filesystem::path(::testing::TempDir()) / "signing.key";
  const SigningKey key = SigningKey::generate();
  write_signing_key(path, key);
  struct stat status {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  EXPECT_EQ(read_signing_key(path).public_key(), key.public_key());
  for (const char* text : {"", "blindtuner signing key 1: 00\n", "blindtuner signing key 2: "}) {
    write_file_atomically(path, std::string_view(text));
    EXPECT_THROW((void)read_signing_key(path), DataError) << text;
  }
  write_file_atomically(path, "blindtuner signing key 1: " + std::string(63, '0') + "g\n");
  EXPECT_THROW((void)read_signing_key(path), DataError);
}

TEST(Signature, AFingerprintIsReadOutInGroups) {
  Sha256Digest digest{};
  for (std::size_t i = 0; i < digest.size(); ++i) digest[i] = static_cast<std::uint8_t>(i);
  EXPECT_EQ(fingerprint(digest),
            "0001 0203 0405 0607 0809 0a0b 0c0d 0e0f 1011 1213 1415 1617 1819 1a1b 1c1d 1e1f");
  EXPECT_EQ(fingerprint_digits("00a1-B2C3 d4 e5"), "00a1b2c3d4e5");
  // Of a key the half: whoever would be taken for it has to meet this one.
  EXPECT_EQ(fingerprint_digits(key_fingerprint(PublicSigningKey{})),
            to_hex(Sha256().add(PublicSigningKey{}).finish()).substr(0, 32));
}

}  // namespace
}  // namespace blindtuner
