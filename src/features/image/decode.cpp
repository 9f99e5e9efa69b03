#include <algorithm>
#include <string_view>

#include "base/error.h"
#include "features/image/formats.h"

namespace blindtuner::features {
namespace {

enum class Format { kJpeg, kPng, kWebp, kBmp, kUnknown };

Format format_of(Bytes file) {
  const std::string_view start(reinterpret_cast<const char*>(file.data()),
                               std::min<std::size_t>(file.size(), 16));
  if (start.starts_with("\xff\xd8\xff")) return Format::kJpeg;
  if (start.starts_with("\x89PNG\r\n\x1a\n")) return Format::kPng;
  if (start.starts_with("RIFF") && start.find("WEBP") == 8) return Format::kWebp;
  if (start.starts_with("BM")) return Format::kBmp;
  return Format::kUnknown;
}

StoredPicture decode_stored(Bytes file, const std::string& where, int bits) {
  if (file.empty()) throw DataError(where + ": empty file, expected a picture");
  switch (format_of(file)) {
    case Format::kJpeg:
      return decode_jpeg(file, where);
    case Format::kPng:
      return decode_png(file, where, bits);
    case Format::kWebp:
      return decode_webp(file, where);
    case Format::kBmp:
      return decode_bmp(file, where);
    default:
      throw DataError(where + ": not a picture of a known kind, expected JPEG, PNG, BMP or WebP");
  }
}

}  // namespace

void check_dimensions(std::uint64_t width, std::uint64_t height, const std::string& where) {
  const std::string size = std::to_string(width) + " x " + std::to_string(height) + " pixels";
  if (width == 0 || height == 0) throw DataError(where + ": " + size + ", expected at least 1 x 1");
  if (width > kMaxSide || height > kMaxSide || width * height > kMaxPixels)
    throw DataError(where + ": " + size + ", expected at most " + std::to_string(kMaxSide) +
                    " a side and " + std::to_string(kMaxPixels) + " in all");
}

bool is_picture(Bytes file) { return format_of(file) != Format::kUnknown; }

Picture decode_picture(Bytes file, const std::string& where, int bits) {
  require(bits >= 8 && bits <= 16, "decode_picture: 8 to 16 bits");
  StoredPicture stored = decode_stored(file, where, bits);
  return oriented(std::move(stored.picture), exif_orientation(stored.exif));
}

}  // namespace blindtuner::features
