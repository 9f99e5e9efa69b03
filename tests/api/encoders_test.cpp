// Encoders of the public interface: what is in memory and what lies in files, and how calls end.
#include <blindtuner/encoders.h>
#include <gtest/gtest.h>

#include <fstream>

#include "fixture.h"

namespace blindtuner::testing_support {
namespace {

const fs::path kModel = fs::path(BLINDTUNER_BACKBONE) / "model.safetensors";
constexpr std::size_t kSide = 28, kPixels = kSide * kSide;

/// Grey ones, each of its own brightness.
std::vector<std::uint8_t> pixels(std::size_t pictures) {
  std::vector<std::uint8_t> out;
  for (std::size_t i = 0; i < pictures * kPixels; ++i)
    out.push_back(static_cast<std::uint8_t>(7 * (i % kSide) + 40 * (i / kPixels)));
  return out;
}

std::vector<PictureView> views(const std::vector<std::uint8_t>& of) {
  std::vector<PictureView> out;
  for (std::size_t i = 0; i < of.size(); i += kPixels)
    out.push_back({std::span(of).subspan(i, kPixels), kSide, kSide, 1});
  return out;
}

/// The same as IDX, with labels beside.
void write_idx(const fs::path& images, const fs::path& labels,
               const std::vector<std::uint8_t>& of) {
  const auto count = static_cast<char>(of.size() / kPixels);
  std::ofstream(images, std::ios::binary)
      << std::string({0, 0, 8, 3, 0, 0, 0, count, 0, 0, 0, kSide, 0, 0, 0, kSide})
      << std::string(of.begin(), of.end());
  std::ofstream(labels, std::ios::binary)
      << std::string({0, 0, 8, 1, 0, 0, 0, count}) << std::string({1, 0, 1});
}

TEST(Encoders, FilesGiveWhatPicturesInMemoryDo) {
  const PictureEncoder encoder = PictureEncoder::load(lenient(), kModel);
  const std::vector<std::uint8_t> bytes = pixels(3);
  const std::vector<float> features = encoder.encode(views(bytes));
  ASSERT_EQ(features.size(), 3 * encoder.width());
  TemporaryFolder folder;
  const fs::path images = folder / "images.idx", labels = folder / "labels.idx";
  write_idx(images, labels, bytes);
  const EncodedSet set = encoder.encode(PictureFiles{.images = images, .labels = labels});
  EXPECT_EQ(set.features, features);
  EXPECT_EQ(set.width, encoder.width());
  EXPECT_EQ(set.labels, (std::vector<int>{1, 0, 1}));
  EXPECT_EQ(set.classes, (std::vector<std::string>{"0", "1"}));
}

TEST(Encoders, WhatIsWrongIsRefusedAndACallIsCalledOff) {
  const Context context = lenient();
  EXPECT_THROW((void)PictureEncoder::load(context, "no/such"), DataError);
  EXPECT_THROW((void)PictureEncoder::load(context, kModel, {.pooling = "auto"}), DataError);
  EXPECT_THROW((void)PictureEncoder::load(context, kModel, {.image_size = 4097}), ContractError);
  EXPECT_THROW((void)TextEncoder::load(context, kModel, {.image_size = 32}), ContractError);
  EXPECT_THROW((void)TextEncoder::load(context, kModel), DataError);
  PictureEncoder encoder = PictureEncoder::load(context, kModel);
  const std::vector<std::uint8_t> bytes = pixels(2);
  std::vector<PictureView> wrong = views(bytes);
  wrong[1].height = 27;
  EXPECT_THROW((void)encoder.encode(wrong), ContractError);
  wrong[1] = {.bytes = std::span(bytes).first(20)};
  EXPECT_THROW((void)encoder.encode(wrong), DataError);
  struct Enough {};
  EXPECT_THROW((void)encoder.encode(views(bytes), {.progress = [](double) { throw Enough(); }}),
               Enough);
  EXPECT_TRUE(encoder.encode(std::vector<PictureView>()).empty());
  const PictureEncoder taken = std::move(encoder);
  EXPECT_THROW((void)encoder.width(), ContractError);  // NOLINT: what it does then is the point
}

}  // namespace
}  // namespace blindtuner::testing_support
