// Arrays of bytes as IDX and NumPy's files hold them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace blindtuner::features {

/// Unsigned bytes, row-major, behind a header of `offset` bytes; as many as the shape says.
struct ByteArray {
  std::vector<std::uint8_t> bytes;
  std::vector<std::size_t> shape;
  std::size_t offset = 0;

  std::span<const std::uint8_t> elements() const { return std::span(bytes).subspan(offset); }
};

}  // namespace blindtuner::features
