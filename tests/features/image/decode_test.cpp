// Decoding against Pillow's, by the fixtures that make_fixtures.py wrote.
#include <gtest/gtest.h>

#include <cstdlib>

#include "base/error.h"
#include "base/input_file.h"
#include "features/data/npy.h"
#include "features/data/test_files.h"
#include "features/image/formats.h"

namespace blindtuner {
using namespace features;
namespace {

using namespace testing_support;
using File = std::vector<std::uint8_t>;

const std::filesystem::path kFixtures = BLINDTUNER_FIXTURES;

File fixture(const std::string& name) { return read_file(kFixtures / name); }

/// The largest difference; -1 when the sizes differ.
int difference(const Picture& picture, const FeatureMatrix& want) {
  if (picture.height != want.rows() || 3 * picture.width != want.cols()) return -1;
  if (picture.rgb.size() != static_cast<std::size_t>(want.size())) return -1;
  int most = 0;
  for (std::size_t i = 0; i < picture.rgb.size(); ++i)
    most = std::max(most, std::abs(picture.rgb[i] - static_cast<int>(want.data()[i])));
  return most;
}

class EveryFixture : public ::testing::TestWithParam<std::string> {};

TEST_P(EveryFixture, IsAsPillowDecodesIt) {
  const NpzArchive want(kFixtures / "decoded.npz");
  EXPECT_TRUE(is_picture(fixture(GetParam())));
  const Picture picture = decode_picture(fixture(GetParam()), GetParam());
  EXPECT_EQ(difference(picture, want.features(GetParam())), 0);
}

// Damage is refused with one line, or decodes to something; it never reads or writes out of bounds
// (the asan preset looks), and a beginning is not taken for the whole.
TEST_P(EveryFixture, Damaged) {
  const File good = fixture(GetParam());
  const bool jpeg = GetParam().ends_with("jpg");
  for (std::size_t length = 0; length<good.size(); length += good.size()> 1000 ? 7 : 1) {
    const Bytes part = std::span(good).first(length);
    // Without its end marker alone a JPEG is still complete, as is a file less its padding.
    if (length + 8 > good.size()) {
      try {
        decode_picture(part, "part");
      } catch (const DataError&) {
      }
      continue;
    }
    EXPECT_THROW(decode_picture(part, "part"), DataError) << "of " << good.size() << ", " << length;
  }
  std::size_t refused = 0;
  File bytes = good;
  for (std::size_t bit = 0; bit < 8 * bytes.size(); bit += bit < 800 ? 1 : 13) {
    bytes[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
    // What claims to be large may be zeros: it costs time, not safety.
    try {
      decode_picture(bytes, "flipped");
    } catch (const DataError& error) {
      ++refused;
      EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
    }
    bytes[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
  }
  EXPECT_GT(refused, jpeg ? 10u : 30u);
}

std::vector<std::string> fixtures() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(kFixtures))
    if (entry.path().extension() != ".npz") names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

INSTANTIATE_TEST_SUITE_P(Pictures, EveryFixture, ::testing::ValuesIn(fixtures()),
                         [](const auto& test) {
                           std::string name = test.param;
                           std::replace(name.begin(), name.end(), '.', '_');
                           return name;
                         });

TEST(Decode, FixturesAreThere) { EXPECT_GE(fixtures().size(), 30u); }

TEST(Decode, DimensionsAreCheckedBeforeMemoryIsAskedFor) {
  // 100,000 x 100,000 pixels, and none.
  File png = fixture("rgb.png");
  const auto refused = [](const File& file, const std::string& part) {
    expect_data_error([&] { decode_picture(file, "'x'"); }, part);
  };
  // The header's CRC-32 is libpng's to check, so it is made anew.
  const auto with_size = [&](std::uint32_t width, std::uint32_t height) {
    File file = png;
    for (std::size_t j = 0; j < 4; ++j) {
      file[16 + j] = static_cast<std::uint8_t>(width >> (24 - 8 * j));
      file[20 + j] = static_cast<std::uint8_t>(height >> (24 - 8 * j));
    }
    std::uint32_t crc = 0xffffffff;
    for (std::size_t i = 12; i < 29; ++i) {
      crc ^= file[i];
      for (int k = 0; k < 8; ++k) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0u);
    }
    for (std::size_t j = 0; j < 4; ++j)
      file[29 + j] = static_cast<std::uint8_t>(~crc >> (24 - 8 * j));
    return file;
  };
  EXPECT_NO_THROW(decode_picture(with_size(23, 17), "x"));
  refused(with_size(100000, 100000), "'x': 100000 x 100000 pixels, expected at most 65535 a side");
  refused(with_size(65535, 65535), "100000000 in all");
  refused(with_size(0, 17), "bad PNG");
  File jpeg = fixture("rgb_444.jpg");
  const File marker = {0xff, 0xc0};
  const auto frame = std::search(jpeg.begin(), jpeg.end(), marker.begin(), marker.end());
  ASSERT_NE(frame, jpeg.end());
  frame[5] = frame[6] = frame[7] = frame[8] = 0xfe;
  refused(jpeg, "expected at most");
  frame[5] = frame[6] = 0;
  refused(jpeg, "'x'");
  File bmp = fixture("rgb.bmp");
  bmp[18] = bmp[19] = bmp[20] = bmp[22] = bmp[23] = bmp[24] = 0xff;
  refused(bmp, "expected at most");
  bmp = fixture("rgb.bmp");
  bmp[18] = 0;
  refused(bmp, "0 x 17 pixels");
}

TEST(Decode, NotAPicture) {
  EXPECT_FALSE(is_picture({}));
  expect_data_error([] { decode_picture({}, "'x'"); }, "'x': empty file");
  const File text = {'h', 'e', 'l', 'l', 'o'};
  EXPECT_FALSE(is_picture(text));
  expect_data_error([&] { decode_picture(text, "'x'"); }, "expected JPEG, PNG, BMP or WebP");
}

TEST(Exif, OrientationOrNone) {
  File exif = {'M', 'M', 0, 42, 0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0};
  EXPECT_EQ(exif_orientation(exif), 6);
  for (std::size_t length = 0; length < exif.size(); ++length)
    EXPECT_EQ(exif_orientation(std::span(exif).first(length)), 1) << length;
  exif[19] = 9;
  EXPECT_EQ(exif_orientation(exif), 1);
  exif[4] = 0xff;  // a directory far away
  EXPECT_EQ(exif_orientation(exif), 1);
  EXPECT_EQ(exif_orientation({}), 1);
}

}  // namespace
}  // namespace blindtuner
