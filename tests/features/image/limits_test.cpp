// Pictures as large as may be, and files that ask for more work than they are worth.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cstdio>
#include <cstdlib>
// After <cstdio>, which it needs.
#include <jpeglib.h>
#include <zlib.h>

#include "features/data/deflated.h"
#include "features/data/test_files.h"
#include "features/image/picture.h"

namespace blindtuner {
using namespace features;
namespace {

using namespace testing_support;
using File = std::vector<std::uint8_t>;

/// A picture of one value.
File plain_jpeg(JDIMENSION width, JDIMENSION height, J_COLOR_SPACE colours, bool progressive) {
  jpeg_compress_struct info{};
  jpeg_error_mgr errors{};
  info.err = jpeg_std_error(&errors);
  jpeg_create_compress(&info);
  unsigned char* bytes = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&info, &bytes, &size);
  info.image_width = width;
  info.image_height = height;
  info.input_components = colours == JCS_GRAYSCALE ? 1 : colours == JCS_RGB ? 3 : 4;
  info.in_color_space = colours;
  jpeg_set_defaults(&info);
  // Every colour at every pixel: the most memory.
  info.comp_info[0].h_samp_factor = info.comp_info[0].v_samp_factor = 1;
  if (progressive) jpeg_simple_progression(&info);
  jpeg_start_compress(&info, TRUE);
  std::vector<JSAMPLE> pixels(std::size_t{width} * static_cast<std::size_t>(info.input_components),
                              100);
  JSAMPROW row = pixels.data();
  while (info.next_scanline < height) jpeg_write_scanlines(&info, &row, 1);
  jpeg_finish_compress(&info);
  jpeg_destroy_compress(&info);
  File out(bytes, bytes + size);
  std::free(bytes);
  return out;
}

File grey_jpeg(JDIMENSION width, JDIMENSION height, bool progressive) {
  return plain_jpeg(width, height, JCS_GRAYSCALE, progressive);
}

/// The file with its last scan repeated until there are `scans`.
File with_scans(const File& file, int scans) {
  std::vector<std::size_t> starts;
  for (std::size_t i = 0; i + 1 < file.size(); ++i)
    if (file[i] == 0xff && file[i + 1] == 0xda) starts.push_back(i);
  File out(file.begin(), file.end() - 2);
  for (int there = static_cast<int>(starts.size()); there < scans; ++there)
    out.insert(out.end(), file.begin() + static_cast<std::ptrdiff_t>(starts.back()),
               file.end() - 2);
  out.insert(out.end(), file.end() - 2, file.end());
  return out;
}

std::string decoded(const File& file, std::size_t memory = std::size_t{640} << 20) {
  return within_memory(memory, [&] { decode_picture(file, "x"); });
}

TEST(PictureLimits, AsManyPixelsAsMayBe) {
  EXPECT_EQ(decoded(grey_jpeg(10'000, 10'000, false), (std::size_t{400} + 20) * 1'000'000), "good");
  // The library's own limit of a side is lower.
  EXPECT_EQ(decoded(grey_jpeg(65'500, 1'526, false)), "good");
  EXPECT_EQ(decoded(grey_jpeg(10'001, 10'000, false), 1 << 20),
            "x: 10001 x 10000 pixels, expected at most 65535 a side and 100000000 in all");
}

TEST(PictureLimits, Scans) {
  const File small = grey_jpeg(64, 64, true);
  EXPECT_EQ(decoded(with_scans(small, 500)), "good");
  EXPECT_EQ(decoded(with_scans(small, 501)), "x: bad JPEG: 501 scans or more, too many");
  // Of ten megapixels fewer.
  const File large = grey_jpeg(4'000, 2'500, true);
  EXPECT_EQ(decoded(with_scans(large, 200)), "good");
  EXPECT_EQ(decoded(with_scans(large, 201)), "x: bad JPEG: 201 scans or more, too many");
}

std::string packed(const std::string& text) {
  const File out = deflated(File(text.begin(), text.end()), 15);
  return {out.begin(), out.end()};
}

/// A PNG of these chunks, each its type and its content.
File png_of(const std::vector<std::string>& chunks) {
  File out = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
  const auto number = [&](unsigned long value) {
    for (int shift = 24; shift >= 0; shift -= 8)
      out.push_back(static_cast<std::uint8_t>(value >> shift));
  };
  for (const std::string& content : chunks) {
    number(content.size() - 4);
    out.insert(out.end(), content.begin(), content.end());
    number(::crc32(0, reinterpret_cast<const Bytef*>(content.data()),
                   static_cast<uInt>(content.size())));
  }
  return out;
}

/// One pixel with `chunk` as often as is said before it.
File png_with(const std::string& type, const std::string& data, int times) {
  std::vector<std::string> chunks = {std::string("IHDR\0\0\0\1\0\0\0\1\x08\0\0\0\0", 17)};
  for (int i = 0; i < times; ++i) chunks.push_back(type + data);
  chunks.push_back("IDAT" + packed(std::string(2, '\0')));
  chunks.emplace_back("IEND");
  return png_of(chunks);
}

/// 10,000 x 10,000 black pixels of colours with 16 bits: what a hundred rows deflate to, a hundred times.
File large_wide_png() {
  constexpr std::size_t kBytes = std::size_t{10'000} * (1 + 6 * 10'000);
  std::string rows(kBytes / 100, '\0'), piece(rows.size() / 100, '\0');
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
  stream.next_in = reinterpret_cast<Bytef*>(rows.data());
  stream.avail_in = static_cast<uInt>(rows.size());
  stream.next_out = reinterpret_cast<Bytef*>(piece.data());
  stream.avail_out = static_cast<uInt>(piece.size());
  deflate(&stream, Z_FULL_FLUSH);
  piece.resize(stream.total_out);
  deflateEnd(&stream);
  std::string data = "IDAT\x78\x01";
  for (int i = 0; i < 100; ++i) data += piece;
  data += std::string("\x03\0", 2);  // an empty last block
  // Adler's sums of so many zeros.
  constexpr std::size_t kSum = kBytes % 65521;
  data += {static_cast<char>(kSum >> 8), static_cast<char>(kSum & 255), '\0', '\1'};
  return png_of({std::string("IHDR\0\0\x27\x10\0\0\x27\x10\x10\2\0\0\0", 17), data, "IEND"});
}

TEST(PictureLimits, SidesAsLongAsMayBe) {
  // A row of black pixels.
  const auto row = [](std::size_t width) {
    std::string header("IHDR\0\0\0\0\0\0\0\1\x08\0\0\0\0", 17);
    for (int i = 0; i < 4; ++i)
      header[static_cast<std::size_t>(7 - i)] = static_cast<char>(width >> 8 * i & 255);
    return decoded(png_of({header, "IDAT" + packed(std::string(width + 1, '\0')), "IEND"}),
                   std::size_t{16} << 20);
  };
  EXPECT_EQ(row(kMaxSide), "good");
  EXPECT_EQ(row(kMaxSide + 1),
            "x: 65536 x 1 pixels, expected at most 65535 a side and 100000000 in all");
}

// What docs/LIMITS.md says that decoding takes, and a little for what else there is.
TEST(PictureLimits, AsMuchMemoryAsIsSaid) {
  const auto gigabytes = [](double count) {
    return static_cast<std::size_t>(1e9 * count) + (20 << 20);
  };
  // Between its passes a progressive JPEG's numbers are kept, two bytes for each of a pixel's colours.
  EXPECT_EQ(decoded(plain_jpeg(10'000, 10'000, JCS_RGB, true), gigabytes(0.9)), "good");
  EXPECT_EQ(decoded(plain_jpeg(10'000, 10'000, JCS_CMYK, true), gigabytes(1.2)), "good");
  EXPECT_EQ(decoded(plain_jpeg(10'000, 10'000, JCS_RGB, false), gigabytes(0.3)), "good");
  const File wide = large_wide_png();
  EXPECT_EQ(within_memory(gigabytes(1.2), [&] { used_bits(wide, "x"); }), "good");
  EXPECT_EQ(within_memory(gigabytes(1.2), [&] { decode_picture(wide, "x", 12); }), "good");
}

/// Megabytes that decoding takes, were they only for a moment.
std::string taken(const File& file) {
  const auto peak = [] {
    rusage use{};
    ::getrusage(RUSAGE_SELF, &use);
    return use.ru_maxrss >> 10;
  };
  return within_memory(std::size_t{1} << 30, [&] {
    const long before = peak();
    decode_picture(file, "x");
    throw DataError(std::to_string(peak() - before));
  });
}

// Without memory libpng goes on without what it wanted to keep, so a limit shows nothing.
TEST(PictureLimits, WordsBesideAPng) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "the sanitizer takes memory of its own";
#endif
  const std::string large = packed(std::string((8 << 20) - 100, 'x')), name("words\0\0", 7);
  for (const auto& [type, start] : {std::pair{"zTXt", name},
                                    {"iCCP", name},
                                    {"tEXt", name},
                                    {"iTXt", std::string("words\0\1\0\0\0", 10)}}) {
    const std::string data = type == std::string("tEXt") ? std::string(1 << 20, 'x') : large;
    EXPECT_LT(std::stoi(taken(png_with(type, start + data, 8))), 4) << type;
  }
  EXPECT_EQ(decoded(png_with("eXIf", std::string(8 << 20, 'x'), 1)), "good");
  EXPECT_EQ(decoded(png_with("eXIf", std::string((8 << 20) + 1, 'x'), 1), 1 << 20), "good");
}

}  // namespace
}  // namespace blindtuner
