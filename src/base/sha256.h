// SHA-256.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace blindtuner {

using Sha256Digest = std::array<std::uint8_t, 32>;

/// Adds bytes piece by piece. One thread.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  Sha256& add(const void* data, std::size_t bytes);
  Sha256& add(std::span<const std::uint8_t> bytes) { return add(bytes.data(), bytes.size()); }
  Sha256& add(std::string_view text) { return add(text.data(), text.size()); }
  /// Little-endian.
  Sha256& add_number(std::uint64_t value);
  /// Call once; nothing may be added afterwards.
  Sha256Digest finish();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

/// Two lower-case hexadecimal digits a byte.
std::string to_hex(std::span<const std::uint8_t> bytes);
/// Its inverse; false where the text is not as long or not of such digits.
bool from_hex(std::string_view text, std::span<std::uint8_t> bytes);

}  // namespace blindtuner
