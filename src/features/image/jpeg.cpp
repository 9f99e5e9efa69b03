// JPEG through libjpeg-turbo with its defaults, which are Pillow's.
#include <csetjmp>
#include <cstddef>
#include <cstdio>
// After <cstdio>, which it needs.
#include <jpeglib.h>
// After <jpeglib.h>.
#include <jerror.h>

#include <algorithm>
#include <cstring>
#include <string_view>

#include "base/error.h"
#include "features/image/formats.h"

namespace blindtuner::features {
namespace {

// A progressive file of a few bytes can ask for any number of passes over its pixels. Programs write
// about ten.
constexpr int kMaxScans = 500;
constexpr double kMaxScannedPixels = 2e9;

/// libjpeg reports errors by a jump. What must outlive it is here; the functions that are jumped
/// out of hold nothing that needs a destructor.
struct JpegReader {
  jpeg_decompress_struct info{};
  jpeg_error_mgr errors{};
  jpeg_progress_mgr progress{};
  std::jmp_buf jump{};
  char message[JMSG_LENGTH_MAX] = "";

  JpegReader() {
    info.err = jpeg_std_error(&errors);
    info.client_data = this;
    errors.error_exit = [](j_common_ptr common) {
      auto* self = static_cast<JpegReader*>(common->client_data);
      common->err->format_message(common, self->message);
      std::longjmp(self->jump, 1);
    };
    // Libjpeg would fill what is missing with grey.
    errors.emit_message = [](j_common_ptr common, int level) {
      if (level < 0 && common->err->msg_code == JWRN_JPEG_EOF) common->err->error_exit(common);
    };
    progress.progress_monitor = [](j_common_ptr common) {
      auto* self = static_cast<JpegReader*>(common->client_data);
      const int scans = self->info.input_scan_number;
      const double pixels = static_cast<double>(self->info.image_width) * self->info.image_height;
      if (scans > kMaxScans || scans * pixels > kMaxScannedPixels) {
        std::snprintf(self->message, sizeof self->message, "%d scans or more, too many", scans);
        std::longjmp(self->jump, 1);
      }
    };
  }
  ~JpegReader() { jpeg_destroy_decompress(&info); }
  JpegReader(const JpegReader&) = delete;
  JpegReader& operator=(const JpegReader&) = delete;
};

bool start(JpegReader& reader, const std::uint8_t* data, std::size_t size) {
  if (setjmp(reader.jump) != 0) return false;
  jpeg_decompress_struct& info = reader.info;
  jpeg_create_decompress(&info);
  info.progress = &reader.progress;
  jpeg_mem_src(&info, data, size);
  jpeg_save_markers(&info, JPEG_APP0 + 1, 0xffff);
  jpeg_read_header(&info, TRUE);
  if (info.num_components == 4) {
    info.out_color_space = JCS_CMYK;
  } else {
    info.out_color_space = info.num_components == 1 ? JCS_GRAYSCALE : JCS_RGB;
  }
  return true;
}

/// `pixels`: width * height * components bytes.
bool read_rows(JpegReader& reader, std::uint8_t* pixels) {
  if (setjmp(reader.jump) != 0) return false;
  jpeg_decompress_struct& info = reader.info;
  jpeg_start_decompress(&info);
  const std::size_t stride =
      std::size_t{info.output_width} * static_cast<std::size_t>(info.output_components);
  while (info.output_scanline < info.output_height) {
    JSAMPROW row = pixels + info.output_scanline * stride;
    jpeg_read_scanlines(&info, &row, 1);
  }
  return true;
}

// Pillow's ImagingConvert: a product over 255, rounded.
int product(int a, int b) {
  const int t = a * b + 128;
  return ((t >> 8) + t) >> 8;
}

/// In place: components of a pixel to three. Four are CMYK, which Adobe's programs store inverted.
void to_rgb(std::vector<std::uint8_t>& pixels, std::size_t count, int components, bool inverted) {
  if (components == 1) {
    pixels.resize(3 * count);
    for (std::size_t i = count; i-- > 0;)
      pixels[3 * i] = pixels[3 * i + 1] = pixels[3 * i + 2] = pixels[i];
  } else if (components == 4) {
    const int flip = inverted ? 255 : 0;
    for (std::size_t i = 0; i < count; ++i) {
      const int rest = 255 - (pixels[4 * i + 3] ^ flip);
      for (std::size_t j = 0; j < 3; ++j)
        pixels[3 * i + j] =
            static_cast<std::uint8_t>(std::max(0, rest - product(pixels[4 * i + j] ^ flip, rest)));
    }
    pixels.resize(3 * count);
  }
}

}  // namespace

StoredPicture decode_jpeg(Bytes file, const std::string& where) {
  JpegReader reader;
  StoredPicture out;
  const auto fail = [&] { throw DataError(where + ": bad JPEG: " + reader.message); };
  if (!start(reader, file.data(), file.size())) fail();
  const jpeg_decompress_struct& info = reader.info;
  check_dimensions(info.image_width, info.image_height, where);
  const int components = info.num_components;
  if (components != 1 && components != 3 && components != 4)
    throw DataError(where + ": JPEG of " + std::to_string(components) +
                    " components, expected 1, 3 or 4");
  const std::size_t count = std::size_t{info.image_width} * info.image_height;
  out.picture.width = static_cast<int>(info.image_width);
  out.picture.height = static_cast<int>(info.image_height);
  out.picture.rgb.resize(count * static_cast<std::size_t>(components));
  if (!read_rows(reader, out.picture.rgb.data())) fail();
  to_rgb(out.picture.rgb, count, components, info.saw_Adobe_marker);
  constexpr std::string_view kExif("Exif\0\0", 6);
  for (auto* marker = info.marker_list; marker != nullptr; marker = marker->next) {
    const std::string_view data(reinterpret_cast<const char*>(marker->data), marker->data_length);
    if (!data.starts_with(kExif)) continue;
    out.exif.assign(marker->data + kExif.size(), marker->data + data.size());
    break;
  }
  return out;
}

}  // namespace blindtuner::features
