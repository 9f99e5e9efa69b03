#include "secret/joint/sealed_box.h"

#include <gtest/gtest.h>

#include <numeric>

#include "base/error.h"
#include "base/sha256.h"

namespace blindtuner {
using namespace secret::joint;
namespace {

SecretBytes secret_of(const char* hex) {
  std::array<std::uint8_t, 32> bytes;
  EXPECT_TRUE(from_hex(hex, bytes));
  SecretBytes out(bytes.size());
  std::copy(bytes.begin(), bytes.end(), out.span().begin());
  return out;
}

std::vector<std::uint8_t> some_bytes(std::size_t count) {
  std::vector<std::uint8_t> out(count);
  std::iota(out.begin(), out.end(), std::uint8_t{7});
  return out;
}

const std::vector<std::uint8_t> kStudy = {'s', 't', 'u', 'd', 'y'};

// RFC 7748, 6.1.
TEST(BoxKey, KnownAnswers) {
  const BoxKey a(secret_of("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a"));
  const BoxKey b(secret_of("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb"));
  EXPECT_EQ(to_hex(a.public_key()),
            "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
  EXPECT_EQ(to_hex(b.public_key()),
            "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
  const SecretBytes shared =
      secret_of("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
  for (const auto& agreed : {a.agree(b.public_key()), b.agree(a.public_key())}) {
    ASSERT_TRUE(agreed);
    EXPECT_TRUE(std::ranges::equal(agreed->span(), shared.span()));
  }
  EXPECT_FALSE(a.agree({}));
}

TEST(SealedBox, EveryReceiverOpensItAndNobodyElse) {
  const BoxKey a = BoxKey::generate(), b = BoxKey::generate(), other = BoxKey::generate();
  const std::vector<PublicBoxKey> receivers = {a.public_key(), b.public_key()};
  for (const std::size_t size : {0, 1, 100000}) {
    const std::vector<std::uint8_t> plain = some_bytes(size);
    const SealedBox box = seal_box(plain, receivers, kStudy);
    for (const BoxKey* key : {&a, &b}) {
      const auto opened = open_box(box, *key, kStudy);
      ASSERT_TRUE(opened);
      EXPECT_TRUE(std::ranges::equal(opened->span(), plain));
    }
    EXPECT_FALSE(open_box(box, other, kStudy));
    EXPECT_FALSE(open_box(box, a, std::vector<std::uint8_t>{'o'}));
    EXPECT_FALSE(open_box(box, a, {}));
    // Nothing of it lies open.
    if (size > 1000) {
      EXPECT_EQ(std::search(box.bytes.begin(), box.bytes.end(), plain.begin(), plain.begin() + 8),
                box.bytes.end());
    }
  }
  // Sealed twice it is two boxes.
  const std::vector<std::uint8_t> plain = some_bytes(50);
  EXPECT_NE(seal_box(plain, receivers, kStudy).bytes, seal_box(plain, receivers, kStudy).bytes);
}

TEST(SealedBox, WhatWasChangedIsNotOpened) {
  const BoxKey a = BoxKey::generate(), b = BoxKey::generate(), other = BoxKey::generate();
  const std::vector<PublicBoxKey> receivers = {a.public_key(), b.public_key()};
  const std::vector<std::uint8_t> plain = some_bytes(40);
  const SealedBox box = seal_box(plain, receivers, kStudy);
  const auto changed = [&](auto change) {
    SealedBox copy = box;
    change(copy);
    return !open_box(copy, a, kStudy);
  };
  for (std::size_t i = 0; i < box.bytes.size(); ++i)
    EXPECT_TRUE(changed([&](SealedBox& x) { x.bytes[i] ^= 1; }));
  for (std::size_t i = 0; i < kWrappedBytes; ++i)
    EXPECT_TRUE(changed([&](SealedBox& x) { x.receivers[0].wrapped[i] ^= 1; }));
  for (std::size_t i = 0; i < box.ephemeral.size(); ++i)
    EXPECT_TRUE(changed([&](SealedBox& x) { x.ephemeral[i] ^= 1; }));
  EXPECT_TRUE(changed([](SealedBox& x) { x.bytes.pop_back(); }));
  EXPECT_TRUE(changed([](SealedBox& x) { x.bytes.clear(); }));
  // Who else reads it is bound to it.
  EXPECT_TRUE(changed([](SealedBox& x) { x.receivers.pop_back(); }));
  EXPECT_TRUE(changed([](SealedBox& x) { std::swap(x.receivers[0], x.receivers[1]); }));
  EXPECT_TRUE(changed([&](SealedBox& x) { x.receivers.push_back({other.public_key(), {}}); }));
  EXPECT_TRUE(changed([](SealedBox& x) { x.ephemeral = {}; }));
}

TEST(SealedBox, ReceiversMustBeSomebody) {
  const BoxKey a = BoxKey::generate();
  const std::vector<PublicBoxKey> none, twice = {a.public_key(), a.public_key()}, zero = {{}};
  EXPECT_THROW(seal_box(kStudy, none, kStudy), ContractError);
  EXPECT_THROW(seal_box(kStudy, twice, kStudy), ContractError);
  EXPECT_THROW(seal_box(kStudy, zero, kStudy), DataError);
  EXPECT_THROW(BoxKey(SecretBytes(31)), ContractError);
}

}  // namespace
}  // namespace blindtuner
