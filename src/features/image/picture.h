// Pictures in memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace blindtuner::features {

/// Red, green, blue, row by row from the top: 3 * width * height bytes.
struct Picture {
  int width = 0, height = 0;
  std::vector<std::uint8_t> rgb;
};

/// No picture of more pixels (300 MB), or with a longer side, is decoded.
inline constexpr std::uint64_t kMaxPixels = 100'000'000, kMaxSide = 65'535;

/// Dimensions are 1 to kMaxSide, and their product at most kMaxPixels. To be called before memory
/// is asked for. `where` opens the message. Throws DataError.
void check_dimensions(std::uint64_t width, std::uint64_t height, const std::string& where);

/// Decodes a whole file: JPEG, PNG, BMP or WebP, told by its first bytes. The pixels are those of
/// Pillow's Image.open(file).convert("RGB") after ImageOps.exif_transpose: grey and palettes become
/// colours, alpha is dropped, of 16 bits the upper 8 are kept (of `bits` that they use, when these are
/// fewer: 12-bit values in a 16-bit file are otherwise black), CMYK is converted plainly, colour
/// profiles and gamma are ignored. The first picture of an APNG; animated WebP is refused. `where`
/// opens every message. Throws DataError on what is damaged, truncated or too large.
Picture decode_picture(std::span<const std::uint8_t> file, const std::string& where, int bits = 16);

/// Of a file that begins like this (kSixteenBitStart bytes): it is a PNG with samples of 16 bits.
inline constexpr std::size_t kSixteenBitStart = 25;
bool has_sixteen_bits(std::span<const std::uint8_t> start);
/// How many bits hold the largest sample of such a file. Throws as decode_picture() does.
int used_bits(std::span<const std::uint8_t> file, const std::string& where);

/// The first bytes are those of a kind of file that decode_picture knows.
bool is_picture(std::span<const std::uint8_t> file);

}  // namespace blindtuner::features
