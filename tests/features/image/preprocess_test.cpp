#include "features/image/preprocess.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "base/error.h"
#include "features/data/npy.h"
#include "features/data/test_files.h"

namespace blindtuner::preprocess_test {
using namespace features;
namespace {

const std::filesystem::path kFixtures = BLINDTUNER_FIXTURES;

Picture to_picture(const FeatureMatrix& rows) {
  Picture picture{static_cast<int>(rows.cols() / 3), static_cast<int>(rows.rows()), {}};
  for (Eigen::Index i = 0; i < rows.size(); ++i)
    picture.rgb.push_back(static_cast<std::uint8_t>(rows.data()[i]));
  return picture;
}

Picture noise(int width, int height, unsigned seed) {
  std::mt19937 generator(seed);
  Picture picture{width, height, {}};
  for (int i = 0; i < 3 * width * height; ++i)
    picture.rgb.push_back(static_cast<std::uint8_t>(generator() >> 24));
  return picture;
}

TEST(Resize, IsPillowsBitForBit) {
  const NpzArchive archive(kFixtures / "resized.npz");
  const Picture source = to_picture(archive.features("picture"));
  int compared = 0;
  for (const std::string& name : archive.names()) {
    if (name == "picture") continue;
    const Picture want = to_picture(archive.features(name));
    const auto interpolation =
        name.starts_with("bicubic") ? Interpolation::kBicubic : Interpolation::kBilinear;
    const Picture got = resize_window(source, want.width, want.height, 0, 0, want.width,
                                      want.height, interpolation);
    EXPECT_EQ(got.width, want.width);
    EXPECT_EQ(got.height, want.height);
    EXPECT_EQ(got.rgb, want.rgb) << name;
    ++compared;
  }
  EXPECT_EQ(compared, 16);
}

TEST(Resize, AWindowIsThatPartOfTheWhole) {
  const Picture source = noise(41, 29, 1);
  for (const auto& [width, height] : {std::pair{41, 29}, {41, 60}, {20, 29}, {17, 11}, {90, 77}}) {
    const Picture whole =
        resize_window(source, width, height, 0, 0, width, height, Interpolation::kBicubic);
    const int left = 3, top = 4, columns = width - 8, rows = height - 6;
    const Picture window =
        resize_window(source, width, height, left, top, columns, rows, Interpolation::kBicubic);
    for (int y = 0; y < rows; ++y)
      for (int j = 0; j < 3 * columns; ++j)
        ASSERT_EQ(window.rgb[static_cast<std::size_t>(3 * columns * y + j)],
                  whole.rgb[static_cast<std::size_t>(3 * (width * (y + top) + left) + j)]);
  }
  EXPECT_THROW(resize_window(source, 20, 20, 1, 0, 20, 20, Interpolation::kBicubic), ContractError);
}

TEST(Preprocess, ShorterSideThenMiddle) {
  Preprocessing settings = Preprocessing::timm(224, 0.9);
  EXPECT_EQ(settings.resize, 248);
  EXPECT_EQ(Preprocessing::timm(224, 0.875).resize, 256);
  EXPECT_EQ(Preprocessing::timm(384, 1.0).resize, 384);
  settings.crop = 8;
  settings.resize = 10;
  // 10 x int(10 * 45 / 30) = 15; the middle begins at round(1) and round(3.5) = 4.
  const Picture tall = noise(30, 45, 2);
  EXPECT_EQ(resize_and_crop(tall, settings).rgb,
            resize_window(tall, 10, 15, 1, 4, 8, 8, settings.interpolation).rgb);
  // round(2.5) = 2: halves go to the even neighbour.
  const Picture wide = noise(26, 20, 3);
  EXPECT_EQ(resize_and_crop(wide, settings).rgb,
            resize_window(wide, 13, 10, 2, 1, 8, 8, settings.interpolation).rgb);
  settings.keep_aspect = false;
  EXPECT_EQ(resize_and_crop(wide, settings).rgb,
            resize_window(wide, 10, 10, 1, 1, 8, 8, settings.interpolation).rgb);
  // One pixel is enough, and so is a line.
  settings.keep_aspect = true;
  Picture line = noise(20000, 1, 4);
  EXPECT_EQ(resize_and_crop(line, settings).rgb.size(), 192u);
  EXPECT_EQ(resize_and_crop(noise(1, 1, 5), settings).width, 8);
}

TEST(Preprocess, Normalise) {
  Preprocessing settings;
  settings.crop = 2;
  settings.mean = {0.5f, 0.25f, 0};
  settings.std = {0.5f, 0.125f, 1};
  const Picture picture{2, 2, {0, 1, 2, 3, 4, 5, 253, 254, 255, 100, 101, 102}};
  std::vector<float> out(settings.values());
  normalise(picture, settings, out);
  for (std::size_t c = 0; c < 3; ++c)
    for (std::size_t i = 0; i < 4; ++i) {
      const float want =
          (static_cast<float>(picture.rgb[3 * i + c]) / 255 - settings.mean[c]) / settings.std[c];
      EXPECT_EQ(out[4 * c + i], want);
    }
}

TEST(Preprocess, TextTellsSettingsApart) {
  Preprocessing a, b;
  EXPECT_EQ(a.text(), b.text());
  b.std[2] = std::nextafter(b.std[2], 1.0f);
  EXPECT_NE(a.text(), b.text());
  b = a;
  b.keep_aspect = false;
  EXPECT_NE(a.text(), b.text());
}

}  // namespace
}  // namespace blindtuner::preprocess_test
