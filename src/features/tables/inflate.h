// What deflate packed: gzip, and the members of archives.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace blindtuner::features {

/// The most that deflate can make of `packed` bytes (1032 to 1, and a little).
std::uint64_t max_inflated(std::uint64_t packed);

/// The first bytes of a gzip stream, at most `count`: to learn from them how many there are to be.
/// Throws DataError that starts with `where`.
std::vector<std::uint8_t> gunzip_start(std::span<const std::uint8_t> packed, std::size_t count,
                                       const std::string& where);

/// Unpacks one gzip stream of exactly `unpacked` bytes with nothing behind it; length and CRC-32 are
/// checked. `unpacked` is not believed beyond max_inflated(packed.size()). Throws DataError that
/// starts with `where`.
std::vector<std::uint8_t> gunzip(std::span<const std::uint8_t> packed, std::size_t unpacked,
                                 const std::string& where);

/// The same of a raw deflate stream, which has no checksum.
std::vector<std::uint8_t> inflate_raw_start(std::span<const std::uint8_t> packed, std::size_t count,
                                            const std::string& where);
std::vector<std::uint8_t> inflate_raw(std::span<const std::uint8_t> packed, std::size_t unpacked,
                                      const std::string& where);

}  // namespace blindtuner::features
