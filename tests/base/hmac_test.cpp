#include "base/hmac.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace blindtuner {
namespace {

std::vector<std::uint8_t> bytes(std::size_t count, std::uint8_t first, std::uint8_t step) {
  std::vector<std::uint8_t> out(count);
  for (std::size_t i = 0; i < count; ++i) out[i] = static_cast<std::uint8_t>(first + i * step);
  return out;
}

// RFC 4231, test case 2.
TEST(Hmac, IsTheStandards) {
  const std::string key = "Jefe", text = "what do ya want for nothing?";
  const auto span = [](const std::string& s) {
    return std::span(reinterpret_cast<const std::uint8_t*>(s.data()), s.size());
  };
  EXPECT_EQ(to_hex(hmac_sha256(span(key), span(text))),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

// RFC 5869, test case 1, the first 32 of its 42 bytes.
TEST(Hkdf, IsTheStandards) {
  const auto info = bytes(10, 0xf0, 1);
  const std::string purpose(info.begin(), info.end());
  EXPECT_EQ(to_hex(hkdf_sha256(bytes(22, 0x0b, 0), bytes(13, 0, 1), purpose)),
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf");
}

}  // namespace
}  // namespace blindtuner
