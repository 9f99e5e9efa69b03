// Residues packed to as many bits as their prime has.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace blindtuner::io {

/// Bytes of `count` packed residues of `bits` bits. count must be a multiple of 8.
constexpr std::size_t packed_bytes(std::size_t count, int bits) {
  return count / 8 * static_cast<std::size_t>(bits);
}

/// Residue i goes to bits [i * bits, (i + 1) * bits) of the output, lowest bits first. values below
/// 2^bits, 1 <= bits <= 57; out.size() = packed_bytes(values.size(), bits).
void pack_bits(std::span<const std::uint64_t> values, int bits, std::span<std::uint8_t> out);

/// The inverse. Returns whether every value is below `bound`.
[[nodiscard]] bool unpack_bits(std::span<const std::uint8_t> packed, int bits, std::uint64_t bound,
                               std::span<std::uint64_t> values);

}  // namespace blindtuner::io
