#include "io/bit_packing.h"

#include <cstring>

#include "base/error.h"

namespace blindtuner::io {

void pack_bits(std::span<const std::uint64_t> values, int bits, std::span<std::uint8_t> out) {
  require(values.size() % 8 == 0 && bits >= 1 && bits <= 57 &&
              out.size() == packed_bytes(values.size(), bits),
          "pack_bits: sizes");
  std::uint8_t* next = out.data();
  std::uint64_t pending = 0;
  int pending_bits = 0;
  for (const std::uint64_t value : values) {
    pending |= value << pending_bits;
    pending_bits += bits;
    if (pending_bits >= 64) {
      std::memcpy(next, &pending, 8);
      next += 8;
      pending_bits -= 64;
      pending = pending_bits == 0 ? 0 : value >> (bits - pending_bits);
    }
  }
  std::memcpy(next, &pending, static_cast<std::size_t>(pending_bits) / 8);
}

bool unpack_bits(std::span<const std::uint8_t> packed, int bits, std::uint64_t bound,
                 std::span<std::uint64_t> values) {
  require(values.size() % 8 == 0 && bits >= 1 && bits <= 57 &&
              packed.size() == packed_bytes(values.size(), bits),
          "unpack_bits: sizes");
  const std::uint64_t mask = (std::uint64_t{1} << bits) - 1;
  const std::size_t width = static_cast<std::size_t>(bits);
  std::uint64_t out_of_range = 0;
  auto group = [&](const std::uint8_t* from, std::uint64_t* to) {
    for (std::size_t i = 0; i < 8; ++i) {
      const std::size_t bit = i * width;
      std::uint64_t word;
      std::memcpy(&word, from + bit / 8, 8);
      const std::uint64_t value = (word >> (bit % 8)) & mask;
      out_of_range |= static_cast<std::uint64_t>(value >= bound);
      to[i] = value;
    }
  };
  // The last groups' words would reach beyond the input: they are read from a copy.
  const std::size_t groups = values.size() / 8;
  std::size_t g = 0;
  for (; g < groups && (g + 1) * width + 8 <= packed.size(); ++g)
    group(packed.data() + g * width, values.data() + 8 * g);
  for (; g < groups; ++g) {
    std::uint8_t copy[72] = {};
    std::memcpy(copy, packed.data() + g * width, width);
    group(copy, values.data() + 8 * g);
  }
  return out_of_range == 0;
}

}  // namespace blindtuner::io
