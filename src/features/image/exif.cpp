// EXIF: a TIFF header ("II" or "MM", 42, offset of the first directory) and directories of 12-byte
// entries (tag, type, count, value). Only the orientation is read.
#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "features/image/formats.h"

namespace blindtuner::features {
namespace {

constexpr std::uint32_t kOrientation = 0x0112, kShort = 3;

}  // namespace

int exif_orientation(Bytes exif) {
  if (exif.size() < 8) return 1;
  const bool little = exif[0] == 'I' && exif[1] == 'I';
  if (!little && !(exif[0] == 'M' && exif[1] == 'M')) return 1;
  // The caller of `number` has checked the bounds.
  const auto number = [&](std::size_t at, std::size_t width) {
    std::uint32_t value = 0;
    for (std::size_t j = 0; j < width; ++j)
      value = value << 8 | exif[at + (little ? width - 1 - j : j)];
    return value;
  };
  if (number(2, 2) != 42) return 1;
  const std::size_t directory = number(4, 4);
  if (directory > exif.size() - 2) return 1;
  const std::size_t entries = number(directory, 2);
  for (std::size_t i = 0; i < entries; ++i) {
    const std::size_t at = directory + 2 + 12 * i;
    if (at + 12 > exif.size()) return 1;
    if (number(at, 2) != kOrientation) continue;
    const std::uint32_t value = number(at + 8, 2);
    return number(at + 2, 2) == kShort && value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
  }
  return 1;
}

Picture oriented(Picture picture, int orientation) {
  require(orientation >= 1 && orientation <= 8, "oriented: an orientation is 1 to 8");
  if (orientation == 1) return picture;
  // From 5 on rows and columns change places.
  const bool transposed = orientation >= 5;
  const bool mirrored =
      orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  const bool flipped = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  const auto width = static_cast<std::size_t>(picture.width);
  const auto height = static_cast<std::size_t>(picture.height);
  Picture out;
  out.width = transposed ? picture.height : picture.width;
  out.height = transposed ? picture.width : picture.height;
  out.rgb.resize(picture.rgb.size());
  std::uint8_t* to = out.rgb.data();
  for (int y = 0; y < out.height; ++y)
    for (int x = 0; x < out.width; ++x) {
      std::size_t column = static_cast<std::size_t>(transposed ? y : x);
      std::size_t row = static_cast<std::size_t>(transposed ? x : y);
      if (mirrored) column = width - 1 - column;
      if (flipped) row = height - 1 - row;
      std::memcpy(to, picture.rgb.data() + 3 * (row * width + column), 3);
      to += 3;
    }
  return out;
}

}  // namespace blindtuner::features
