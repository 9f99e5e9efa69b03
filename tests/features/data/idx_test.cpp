#include "features/data/idx.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <cstdlib>

#include "features/data/deflated.h"
#include "features/data/test_files.h"
#include "features/tables/inflate.h"

namespace blindtuner {
using namespace features;
namespace {

using namespace testing_support;
using Bytes = std::vector<std::uint8_t>;

const Bytes kImages = {0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2,  0,  0,
                       0, 3, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 255};
const Bytes kLabels = {0, 0, 8, 1, 0, 0, 0, 2, 7, 3};

Bytes gzip(const Bytes& bytes) { return deflated(bytes, 16 + MAX_WBITS); }

TEST(Idx, PlainAndPacked) {
  const TemporaryFolder folder;
  for (const bool packed : {false, true}) {
    put_file(folder / "images", packed ? gzip(kImages) : kImages);
    put_file(folder / "labels", packed ? gzip(kLabels) : kLabels);
    const Dataset set = read_idx(folder / "images", folder / "labels");
    EXPECT_EQ(set.features.rows(), 2);
    EXPECT_EQ(set.features.cols(), 6);
    EXPECT_EQ(set.features(1, 5), 255);
    EXPECT_EQ(set.labels, (Labels{1, 0}));
    EXPECT_EQ(set.class_names, (std::vector<std::string>{"3", "7"}));
    EXPECT_EQ(set.classes, 2);
  }
}

TEST(Idx, RefusesBadFiles) {
  const TemporaryFolder folder;
  const auto refused = [&](Bytes bytes, std::size_t at, std::uint8_t value,
                           const std::string& part) {
    bytes[at] = value;
    put_file(folder / "x", bytes);
    expect_data_error([&] { read_idx_images(folder / "x"); }, part);
  };
  refused(kImages, 0, 1, "not an IDX file");
  refused(kImages, 2, 13, "IDX type 13");
  refused(kImages, 3, 0, "without dimensions");
  refused(kImages, 3, 255, "truncated within the IDX header");
  refused(kImages, 7, 0, "dimension 0 is 0");
  refused(kImages, 4, 255, "truncated: 12 elements, expected 25669140492");
  refused(kImages, 15, 2, "12 elements, expected 8");
  refused(kLabels, 8, 7, "one dimension");
  put_file(folder / "images", kImages);
  put_file(folder / "labels", Bytes{0, 0, 8, 1, 0, 0, 0, 1, 7});
  expect_data_error([&] { read_idx(folder / "images", folder / "labels"); },
                    "1 labels for 2 pictures in");
  expect_data_error([&] { read_idx_labels(folder / "images"); }, "3 dimensions");
}

TEST(Idx, DamagedFiles) {
  const TemporaryFolder folder;
  const auto path = folder / "x";
  const auto read = [&] { read_idx_images(path); };
  for (const Bytes& good : {kImages, gzip(kImages)}) {
    expect_truncations_refused(path, good, read);
    EXPECT_GT(flip_every_bit(path, good, read), 0u);
    Bytes longer = good;
    longer.push_back(0);
    put_file(path, longer);
    EXPECT_THROW(read(), DataError);
  }
}

TEST(Idx, PackedZerosUnpackWithinDeflatesRatio) {
  const Bytes zeros(1 << 20, 0);
  const Bytes packed = gzip(zeros);
  EXPECT_LE(zeros.size(), max_inflated(packed.size()));
  EXPECT_EQ(gunzip(packed, zeros.size(), "zeros"), zeros);
  EXPECT_EQ(gunzip_start(packed, 5, "zeros").size(), 5u);
  EXPECT_EQ(gunzip_start(packed, zeros.size() + 5, "zeros").size(), zeros.size());
  expect_data_error([&] { gunzip(packed, zeros.size() + 1, "z"); }, "z: unpacks to 1048576 bytes");
  expect_data_error([&] { gunzip(packed, zeros.size() - 1, "z"); }, "more bytes than it states");
  expect_data_error([&] { gunzip(packed, 1 << 22, "z"); }, "more than deflate can make");
}

// What is unpacked is what the header says: neither a stream that goes on and on, nor a header that
// states much more than is there, takes memory.
TEST(Idx, PackedFilesThatLieAboutTheirSize) {
  const TemporaryFolder folder;
  const auto path = folder / "x.gz";
  const auto read = [&](const Bytes& bytes) {
    put_file(path, bytes);
    return within_memory(std::size_t{24} << 20, [&] { read_idx_array(path); });
  };
  Bytes bomb = kImages;
  bomb.resize(std::size_t{48} << 20);
  EXPECT_NE(read(gzip(bomb)).find("unpacks to more bytes than it states"), std::string::npos);
  Bytes liar = kImages;
  liar[4] = 0xff;
  EXPECT_NE(read(gzip(liar)).find("more than deflate can make"), std::string::npos);
  Bytes most = {0, 0, 8, 2, 0, 16, 0, 0, 0, 16, 0, 0};
  EXPECT_NE(read(gzip(most)).find("claims 1099511627788 bytes"), std::string::npos);
  Bytes beyond = {0, 0, 8, 2, 0, 16, 0, 1, 0, 16, 0, 0};
  EXPECT_NE(read(gzip(beyond)).find("more than 2^40 elements"), std::string::npos);
  Bytes many(4 + 4 * 255, 0xff);
  many[0] = many[1] = 0;
  many[2] = 8;
  EXPECT_NE(read(gzip(many)).find("more than 2^40 elements"), std::string::npos);
  EXPECT_EQ(read(gzip(kImages)), "good");
}

// BLINDTUNER_DATA names a folder with mnist/*.gz (see docs/TRAINING.md); unset by default.
TEST(Idx, Mnist) {
  const char* folder = std::getenv("BLINDTUNER_DATA");
  if (folder == nullptr) GTEST_SKIP() << "BLINDTUNER_DATA is not set";
  const std::filesystem::path mnist = std::filesystem::path(folder) / "mnist";
  if (!std::filesystem::exists(mnist)) GTEST_SKIP() << mnist << " is absent";
  const Dataset train =
      read_idx(mnist / "train-images-idx3-ubyte.gz", mnist / "train-labels-idx1-ubyte.gz");
  EXPECT_EQ(train.features.rows(), 60000);
  EXPECT_EQ(train.features.cols(), 784);
  EXPECT_EQ(train.classes, 10);
  EXPECT_EQ(train.labels.front(), 5);
  EXPECT_EQ(train.features.maxCoeff(), 255);
}

}  // namespace
}  // namespace blindtuner
