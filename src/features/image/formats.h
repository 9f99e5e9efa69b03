// One decoder a format; decode.cpp chooses. All throw DataError that starts with `where`.
#pragma once

#include "features/image/picture.h"

namespace blindtuner::features {

/// A picture as it is stored, and the EXIF block (from its TIFF header on; empty: none) that says
/// how it is to be turned.
struct StoredPicture {
  Picture picture;
  std::vector<std::uint8_t> exif;
};

using Bytes = std::span<const std::uint8_t>;

StoredPicture decode_jpeg(Bytes file, const std::string& where);
/// `bits`: of 16-bit samples, how many there are meant to be.
StoredPicture decode_png(Bytes file, const std::string& where, int bits);
StoredPicture decode_webp(Bytes file, const std::string& where);
StoredPicture decode_bmp(Bytes file, const std::string& where);

/// The orientation, 1 to 8, that an EXIF block states; 1 when it states none or is damaged.
int exif_orientation(Bytes exif);
/// Turns and mirrors as EXIF's orientation 1 to 8 asks.
Picture oriented(Picture picture, int orientation);

}  // namespace blindtuner::features
