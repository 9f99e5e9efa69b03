#include "features/transformer/safetensors.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "features/data/test_files.h"
#include "features/transformer/checkpoint_files.h"

namespace blindtuner {
using namespace features;
namespace {

using namespace testing_support;

const LiteralTensors kTensors = {
    {"a", {{2, 3}, {1, -2, 0.5f, 0, 65504, 0.25f}}}, {"b.weight", {{}, {3}}}, {"c", {{0, 4}, {}}}};

TEST(Safetensors, ReadsEveryFloatingType) {
  const TemporaryFolder folder;
  for (const std::string type : {"F32", "F16", "BF16"}) {
    put_file(folder / "x", safetensors(kTensors, type));
    const SafetensorsFile file(folder / "x");
    ASSERT_EQ(file.tensors().size(), 3u);
    EXPECT_EQ(file.tensor("a").type, type);
    auto want = kTensors.at("a").values;
    if (type == "BF16") want[4] = 65536;  // seven bits behind the point
    EXPECT_EQ(file.read("a", {2, 3}), want) << type;
    EXPECT_EQ(file.read("b.weight", {}), std::vector<float>{3});
    EXPECT_TRUE(file.read("c", {0, 4}).empty());
  }
}

TEST(Safetensors, HalfPrecisionIsExact) {
  EXPECT_EQ(half_to_float(0x0000), 0.0f);
  EXPECT_TRUE(std::signbit(half_to_float(0x8000)));
  EXPECT_EQ(half_to_float(0x0001), 0x1p-24f);
  EXPECT_EQ(half_to_float(0x83ff), -1023 * 0x1p-24f);
  EXPECT_EQ(half_to_float(0x0400), 0x1p-14f);
  EXPECT_EQ(half_to_float(0x3555), 1365 * 0x1p-12f);
  EXPECT_EQ(half_to_float(0xfbff), -65504.0f);
  EXPECT_TRUE(std::isinf(half_to_float(0x7c00)));
  EXPECT_TRUE(std::isnan(half_to_float(0x7e00)));
  EXPECT_EQ(bfloat16_to_float(0xc049), -3.140625f);
}

TEST(Safetensors, SaysWhatIsMissingOrMisshapen) {
  const TemporaryFolder folder;
  auto tensors = kTensors;
  tensors["nan"] = {{2}, {0, std::numeric_limits<float>::quiet_NaN()}};
  put_file(folder / "x", safetensors(tensors));
  const SafetensorsFile file(folder / "x");
  expect_data_error([&] { file.read("d", {1}); }, "tensor 'd' is missing");
  expect_data_error(
      [&] {
        file.read("a", {3, 2});
      },
      "tensor 'a' has shape [2, 3], expected [3, 2]");
  expect_data_error([&] { file.read("nan", {2}); }, "tensor 'nan': element 1 is not finite");
  put_file(folder / "y",
           safetensors(R"({"i":{"dtype":"I32","shape":[1],"data_offsets":[0,4]}})", {1, 0, 0, 0}));
  const SafetensorsFile integers(folder / "y");
  expect_data_error([&] { integers.read("i", {1}); }, "has type I32, expected F32, F16 or BF16");
}

TEST(Safetensors, RefusesBadHeaders) {
  const TemporaryFolder folder;
  const auto path = folder / "x";
  const std::vector<std::uint8_t> eight(8);
  const auto refused = [&](const std::string& header, const std::string& part) {
    put_file(path, safetensors(header, eight));
    expect_data_error([&] { SafetensorsFile{path}; }, part);
  };
  const auto entry = [](const std::string& shape, const std::string& offsets) {
    return R"("a":{"dtype":"F32","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}";
  };
  put_file(path, "../cased/model.safetensors");
  expect_data_error([&] { SafetensorsFile{path}; },
                    "it holds the path '../cased/model.safetensors' alone");
  put_file(path, safetensors("{" + entry("[2]", "[0,8]") + "}", eight));
  EXPECT_NO_THROW(SafetensorsFile{path});

  refused("{", "not JSON");
  refused("[]", "not a JSON object");
  refused("{\"a\": 3}", "its JSON is 3, expected an object");
  refused(R"({"a":{"dtype":"F3","shape":[2],"data_offsets":[0,8]}})", "unknown dtype 'F3'");
  refused(R"({"a":{"dtype":4,"shape":[2],"data_offsets":[0,8]}})", "'dtype' is 4, expected a text");
  refused(R"({"a":{"dtype":"F32","shape":[2]}})", "tensor 'a': 'data_offsets' is missing");
  refused("{" + entry("[3]", "[0,8]") + "}", "shape [3] of F32 does not fit its 8 bytes");
  refused("{" + entry("[1]", "[0,8]") + "}", "does not fit");
  refused("{" + entry("[4611686018427387904,4]", "[0,8]") + "}", "does not fit");
  refused("{" + entry("[0,2]", "[0,8]") + "}", "does not fit");
  refused("{" + entry("[-2]", "[0,8]") + "}", "a whole number");
  refused("{" + entry("[2.0]", "[0,8]") + "}", "a whole number");
  refused("{" + entry("[1,1,1,1,1,1,1,1,2]", "[0,8]") + "}", "up to 8");
  refused("{" + entry("[2]", "[8,0]") + "}", "a beginning and an end");
  refused("{" + entry("[2]", "[0,8,9]") + "}", "a beginning and an end");
  refused("{" + entry("[1]", "[0,4]") + "}", "too long: 8 bytes of data, expected 4");
  refused("{" + entry("[3]", "[0,12]") + "}", "truncated: 8 bytes of data, expected 12");
  refused("{" + entry("[1]", "[4,8]") + "}", "starts at byte 4, expected at 0");
  refused("{" + entry("[2]", "[0,8]") + R"(,"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})",
          "tensor 'b' starts at byte 4, expected at 8");
  refused("{" + entry("[2]", "[0,8]") + "," + entry("[2]", "[0,8]") + "}", "'a' is there twice");
  refused("{\"a\":" + std::string(3'000'000, '['), "nested deeper");
  // No byte, and yet elements.
  const auto empty = [&](const std::string& shape) {
    return "{" + entry(shape, "[0,0]") +
           R"(,"b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})";
  };
  for (const char* shape : {"[1]", "[5]", "[1000000,1000000]", "[4294967296,4294967296]", "[]"})
    refused(empty(shape), "does not fit its 0 bytes");
  put_file(path, safetensors(empty("[0,7]"), eight));
  EXPECT_EQ(SafetensorsFile(path).read("a", {0, 7}).size(), 0u);
  put_file(path, std::vector<std::uint8_t>(8, 0xff));
  expect_data_error([&] { SafetensorsFile{path}; }, "header of 18446744073709551615 bytes");
  put_file(path, "PK");
  expect_data_error([&] { SafetensorsFile{path}; }, "2 bytes, expected a .safetensors file");
  expect_data_error([&] { SafetensorsFile(folder / "none"); }, "no such file");
  expect_data_error([&] { SafetensorsFile(folder / "."); }, "not a regular file");
}

TEST(Safetensors, AHeaderAsLongAsItMayBe) {
  const TemporaryFolder folder;
  const auto path = folder / "x";
  constexpr std::size_t kLongest = std::size_t{16} << 20;
  const auto read = [&](std::size_t length) {
    std::string header = "{\"__metadata__\":{}";
    const std::string one = R"(":{"dtype":"F32","shape":[0],"data_offsets":[0,0]})";
    for (int i = 0; header.size() + one.size() + 20 < length; ++i)
      header += ",\"" + std::to_string(i) + one;
    header += std::string(length - header.size() - 1, ' ') + "}";
    put_file(path, safetensors(header, {}));
    return within_memory(500'000'000, [&] { SafetensorsFile{path}; });
  };
  EXPECT_EQ(read(kLongest), "good");
  EXPECT_NE(read(kLongest + 1).find("a header of 16777217 bytes, expected at most 16777216"),
            std::string::npos);
}

TEST(Safetensors, AFileThatShrinksMeanwhile) {
  const TemporaryFolder folder;
  const auto path = folder / "x";
  put_file(path, safetensors(kTensors, "F16"));
  const SafetensorsFile file(path);
  EXPECT_NO_THROW(file.read("a", {2, 3}));
  std::filesystem::resize_file(path, std::filesystem::file_size(path) - 20);
  expect_data_error([&] { file.read("b.weight", {}), file.read("a", {2, 3}); }, "shrank");
}

TEST(Safetensors, DamagedFiles) {
  const TemporaryFolder folder;
  const auto path = folder / "x";
  const auto read = [&] {
    const SafetensorsFile file(path);
    file.read("a", {2, 3});
    file.read("b.weight", {});
  };
  const auto good = safetensors(kTensors, "F16");
  expect_truncations_refused(path, good, read);
  EXPECT_GT(flip_every_bit(path, good, read, 5), good.size());
  auto longer = good;
  longer.push_back(0);
  put_file(path, longer);
  EXPECT_THROW(read(), DataError);
}

}  // namespace
}  // namespace blindtuner
