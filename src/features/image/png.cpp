// PNG through libpng, without its gamma or background: Pillow has neither.
#include <png.h>

#include <algorithm>
#include <bit>
#include <csetjmp>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "base/error.h"
#include "features/image/formats.h"

namespace blindtuner::features {
namespace {

constexpr png_alloc_size_t kMaxChunk = 8 << 20;
// Of these there may be many, each of which libpng would unpack and keep.
constexpr png_byte kPassedOver[] = "tEXt\0zTXt\0iTXt\0sPLT";

/// As in jpeg.cpp: errors jump, so what needs a destructor is outside the functions that are left.
struct PngReader {
  png_structp png = nullptr;
  png_infop info = nullptr;
  const std::uint8_t* next = nullptr;
  std::size_t left = 0;
  char message[128] = "";

  ~PngReader() { png_destroy_read_struct(&png, &info, nullptr); }
  PngReader(const std::uint8_t* data, std::size_t size) : next(data), left(size) {
    png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, this, note_error, ignore_warning, nullptr,
                                   allocate, release);
    if (png != nullptr) info = png_create_info_struct(png);
    if (info == nullptr) {
      png_destroy_read_struct(&png, &info, nullptr);
      throw std::bad_alloc();
    }
    png_set_read_fn(png, this, give);
    // A larger side is refused with our own message.
    png_set_user_limits(png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
    png_set_chunk_malloc_max(png, kMaxChunk);
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, kPassedOver, sizeof kPassedOver / 5);
  }
  PngReader(const PngReader&) = delete;
  PngReader& operator=(const PngReader&) = delete;

  static void note_error(png_structp png, png_const_charp text) {
    auto* self = static_cast<PngReader*>(png_get_error_ptr(png));
    std::snprintf(self->message, sizeof self->message, "%s", text);
    png_longjmp(png, 1);
  }
  static void ignore_warning(png_structp, png_const_charp) {}
  // libpng only warns of a chunk beyond the limit, and allocates what its length says. A row and its
  // filters take less than a chunk may.
  static png_voidp allocate(png_structp, png_alloc_size_t size) {
    return size > kMaxChunk ? nullptr : std::malloc(size);
  }
  static void release(png_structp, png_voidp pointer) { std::free(pointer); }
  static void give(png_structp png, png_bytep out, std::size_t size) {
    auto* self = static_cast<PngReader*>(png_get_io_ptr(png));
    if (size > self->left) png_error(png, "truncated");
    std::memcpy(out, self->next, size);
    self->next += size;
    self->left -= size;
  }
};

bool read_header(PngReader& reader) {
  if (setjmp(png_jmpbuf(reader.png)) != 0) return false;
  png_read_info(reader.png, reader.info);
  return true;
}

/// Red, green, blue, `bytes` a pixel; `rows`: one pointer a row. Errors jump.
void read_colours(const PngReader& reader, png_bytepp rows, std::size_t bytes) {
  png_set_strip_alpha(reader.png);
  png_set_gray_to_rgb(reader.png);
  png_set_interlace_handling(reader.png);
  png_read_update_info(reader.png, reader.info);
  if (png_get_rowbytes(reader.png, reader.info) !=
      bytes * png_get_image_width(reader.png, reader.info))
    png_error(reader.png, "unexpected layout");
  png_read_image(reader.png, rows);
  png_read_end(reader.png, reader.info);
}

/// `rows`: one pointer a row, each to three bytes a pixel.
bool read_rows(PngReader& reader, png_bytepp rows) {
  if (setjmp(png_jmpbuf(reader.png)) != 0) return false;
  png_set_palette_to_rgb(reader.png);
  png_set_expand_gray_1_2_4_to_8(reader.png);
  png_set_strip_16(reader.png);
  read_colours(reader, rows, 3);
  return true;
}

/// The same with two bytes a sample, the upper one first.
bool read_wide_rows(PngReader& reader, png_bytepp rows) {
  if (setjmp(png_jmpbuf(reader.png)) != 0) return false;
  read_colours(reader, rows, 6);
  return true;
}

/// Samples of 16 bits, red, green, blue; the reader has read its header.
std::vector<std::uint16_t> wide_samples(PngReader& reader, std::size_t width, std::size_t height,
                                        const std::string& where) {
  std::vector<std::uint8_t> bytes(6 * width * height);
  std::vector<png_bytep> rows(height);
  for (std::size_t y = 0; y < height; ++y) rows[y] = bytes.data() + 6 * width * y;
  if (!read_wide_rows(reader, rows.data())) throw DataError(where + ": bad PNG: " + reader.message);
  std::vector<std::uint16_t> out(3 * width * height);
  for (std::size_t i = 0; i < out.size(); ++i)
    out[i] = static_cast<std::uint16_t>(bytes[2 * i] << 8 | bytes[2 * i + 1]);
  return out;
}

}  // namespace

bool has_sixteen_bits(Bytes start) {
  constexpr std::uint8_t kSignature[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
  return start.size() >= kSixteenBitStart &&
         std::equal(std::begin(kSignature), std::end(kSignature), start.begin()) && start[24] == 16;
}

int used_bits(Bytes file, const std::string& where) {
  PngReader reader(file.data(), file.size());
  if (!read_header(reader)) throw DataError(where + ": bad PNG: " + reader.message);
  const std::size_t width = png_get_image_width(reader.png, reader.info);
  const std::size_t height = png_get_image_height(reader.png, reader.info);
  check_dimensions(width, height, where);
  if (png_get_bit_depth(reader.png, reader.info) != 16)
    throw DataError(where + ": bad PNG: its header changed while it was read");
  const std::vector<std::uint16_t> samples = wide_samples(reader, width, height, where);
  return std::bit_width(*std::max_element(samples.begin(), samples.end()));
}

StoredPicture decode_png(Bytes file, const std::string& where, int bits) {
  PngReader reader(file.data(), file.size());
  std::vector<png_bytep> rows;
  StoredPicture out;
  const auto fail = [&] { throw DataError(where + ": bad PNG: " + reader.message); };
  if (!read_header(reader)) fail();
  const std::size_t width = png_get_image_width(reader.png, reader.info);
  const std::size_t height = png_get_image_height(reader.png, reader.info);
  check_dimensions(width, height, where);
  out.picture.width = static_cast<int>(width);
  out.picture.height = static_cast<int>(height);
  if (bits < 16 && png_get_bit_depth(reader.png, reader.info) == 16) {
    const std::vector<std::uint16_t> samples = wide_samples(reader, width, height, where);
    out.picture.rgb.reserve(samples.size());
    for (const std::uint16_t sample : samples)
      out.picture.rgb.push_back(static_cast<std::uint8_t>(std::min(sample >> (bits - 8), 255)));
  } else {
    out.picture.rgb.resize(3 * width * height);
    rows.resize(height);
    for (std::size_t y = 0; y < height; ++y) rows[y] = out.picture.rgb.data() + 3 * width * y;
    if (!read_rows(reader, rows.data())) fail();
  }
  png_uint_32 exif_bytes = 0;
  png_bytep exif = nullptr;
  if (png_get_eXIf_1(reader.png, reader.info, &exif_bytes, &exif) != 0 && exif != nullptr)
    out.exif.assign(exif, exif + exif_bytes);
  return out;
}

}  // namespace blindtuner::features
