#include "base/random.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace blindtuner {
namespace {

Seed counting_seed() {
  Seed seed;
  for (std::size_t i = 0; i < seed.size(); ++i) seed[i] = static_cast<std::uint8_t>(i);
  return seed;
}

std::vector<std::uint8_t> bytes(Prng& prng, std::size_t count) {
  std::vector<std::uint8_t> out(count);
  prng.fill(std::span<std::uint8_t>(out));
  return out;
}

// AES-256 of the counters 0, 1, 2 under the zero key: the first is the known answer of NIST's
// AESAVS, the others are E(K, Y_0) and the ciphertext of zeros in GCM's test cases 13 and 14.
TEST(Prng, IsAes256InCounterMode) {
  const std::vector<std::uint8_t> expected = {
      0xdc, 0x95, 0xc0, 0x78, 0xa2, 0x40, 0x89, 0x89, 0xad, 0x48, 0xa2, 0x14,
      0x92, 0x84, 0x20, 0x87, 0x53, 0x0f, 0x8a, 0xfb, 0xc7, 0x45, 0x36, 0xb9,
      0xa9, 0x63, 0xb4, 0xf1, 0xc4, 0xcb, 0x73, 0x8b, 0xce, 0xa7, 0x40, 0x3d,
      0x4d, 0x60, 0x6b, 0x6e, 0x07, 0x4e, 0xc5, 0xd3, 0xba, 0xf3, 0x9d, 0x18};
  Prng prng(Seed{});
  EXPECT_EQ(bytes(prng, 48), expected);
}

TEST(Prng, StreamIsTheSameHoweverItIsRead) {
  Prng whole(counting_seed(), 7), pieces(counting_seed(), 7);
  const auto expected = bytes(whole, 20000);
  std::vector<std::uint8_t> actual;
  for (std::size_t step : {1, 15, 4096, 4080, 100, 8192, 3, 8, 3505}) {
    const auto part = bytes(pieces, step);
    actual.insert(actual.end(), part.begin(), part.end());
  }
  ASSERT_EQ(actual.size(), 20000u);
  EXPECT_EQ(actual, expected);
}

TEST(Prng, WordsAreTheStreamsBytes) {
  Prng words(counting_seed()), raw(counting_seed());
  for (int i = 0; i < 600; ++i) {
    const auto eight = bytes(raw, 8);
    std::uint64_t expected = 0;
    for (int b = 7; b >= 0; --b) expected = expected << 8 | eight[b];
    ASSERT_EQ(words.next(), expected);
  }
}

TEST(Prng, StreamsAndSeedsDiffer) {
  Seed other = counting_seed();
  other[31] ^= 1;
  Prng a(counting_seed(), 0), b(counting_seed(), 1), c(counting_seed(), std::uint64_t{1} << 63),
      d(other, 0);
  const auto first = bytes(a, 64);
  EXPECT_NE(first, bytes(b, 64));
  EXPECT_NE(first, bytes(c, 64));
  EXPECT_NE(first, bytes(d, 64));
}

TEST(Prng, MovesWithItsPosition) {
  Prng a(counting_seed()), reference(counting_seed());
  bytes(a, 10);
  bytes(reference, 10);
  Prng b(std::move(a));
  EXPECT_EQ(bytes(b, 5000), bytes(reference, 5000));
}

TEST(Prng, BitsAreBalanced) {
  Prng prng(counting_seed(), 3);
  constexpr int kWords = 1 << 14;
  double ones = 0;
  for (int i = 0; i < kWords; ++i) ones += __builtin_popcountll(prng.next());
  const double bits = 64.0 * kWords;
  EXPECT_LT(std::abs(ones - bits / 2), 6 * std::sqrt(bits) / 2);
}

TEST(FreshSeed, IsFresh) { EXPECT_NE(fresh_seed(), fresh_seed()); }

}  // namespace
}  // namespace blindtuner
