// BMP through stb_image. It reads zeros behind the end of a file, so the length is checked here.
#include <cstdlib>
#include <memory>

#include "base/error.h"
#include "features/image/formats.h"

#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#define STBI_ONLY_BMP
#define STBI_NO_STDIO
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wsign-compare"
#include <stb/stb_image.h>
#pragma GCC diagnostic pop

namespace blindtuner::features {
namespace {

/// The pixels' rows, each padded to 32 bits, lie within the file.
void check_length(Bytes file, const std::string& where, std::uint64_t width, std::uint64_t height) {
  const auto number = [&](std::size_t at, std::size_t bytes) {
    std::uint64_t value = 0;
    for (std::size_t j = 0; j < bytes; ++j) value |= std::uint64_t{file[at + j]} << (8 * j);
    return value;
  };
  const std::uint64_t pixels = number(10, 4), header = number(14, 4);
  const std::uint64_t bits = number(header == 12 ? 24 : 28, 2);
  const std::uint64_t row = (width * bits + 31) / 32 * 4;
  // The last row's padding may be missing.
  const std::uint64_t needed = row * (height - 1) + (width * bits + 7) / 8;
  if (pixels > file.size() || needed > file.size() - pixels)
    throw DataError(where + ": truncated BMP: " + std::to_string(file.size()) +
                    " bytes, expected at least " + std::to_string(pixels + needed));
}

}  // namespace

StoredPicture decode_bmp(Bytes file, const std::string& where) {
  if (file.size() < 30 || file.size() > INT32_MAX)
    throw DataError(where + ": BMP of " + std::to_string(file.size()) +
                    " bytes, expected 30 to 2^31");
  const auto fail = [&] { throw DataError(where + ": bad BMP: " + stbi_failure_reason()); };
  const int size = static_cast<int>(file.size());
  int width = 0, height = 0, channels = 0;
  if (stbi_info_from_memory(file.data(), size, &width, &height, &channels) == 0) fail();
  // A negative height means that the rows are stored from the top.
  const auto columns = static_cast<std::uint64_t>(std::abs(std::int64_t{width}));
  const auto rows = static_cast<std::uint64_t>(std::abs(std::int64_t{height}));
  check_dimensions(columns, rows, where);
  check_length(file, where, columns, rows);
  const std::unique_ptr<stbi_uc, decltype(&stbi_image_free)> pixels(
      stbi_load_from_memory(file.data(), size, &width, &height, &channels, 3), &stbi_image_free);
  if (!pixels) fail();
  StoredPicture out;
  out.picture.width = width;
  out.picture.height = height;
  out.picture.rgb.assign(pixels.get(), pixels.get() + std::size_t{3} *
                                                          static_cast<std::size_t>(width) *
                                                          static_cast<std::size_t>(height));
  return out;
}

}  // namespace blindtuner::features
