#include "features/data/npy.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <bit>
#include <cstring>
#include <limits>
#include <random>

#include "base/input_file.h"
#include "features/data/deflated.h"
#include "features/data/test_files.h"

namespace blindtuner {
using namespace features;
namespace {

using namespace testing_support;
using Bytes = std::vector<std::uint8_t>;

/// An .npy file from its dictionary and its elements.
Bytes npy(const std::string& dictionary, const Bytes& elements, int major = 1) {
  Bytes out = {0x93, 'N', 'U', 'M', 'P', 'Y', static_cast<std::uint8_t>(major), 0};
  for (int j = 0; j < (major == 1 ? 2 : 4); ++j)
    out.push_back(static_cast<std::uint8_t>(dictionary.size() >> (8 * j)));
  out.insert(out.end(), dictionary.begin(), dictionary.end());
  out.insert(out.end(), elements.begin(), elements.end());
  return out;
}

std::string dictionary(const std::string& descr, const std::string& shape, bool fortran = false) {
  return "{'descr': '" + descr + "', 'fortran_order': " + (fortran ? "True" : "False") +
         ", 'shape': (" + shape + "), }\n";
}

template <typename T>
Bytes raw(const std::vector<T>& values, bool swapped = false) {
  Bytes out;
  for (const T value : values) {
    Bytes item(sizeof(T));
    std::memcpy(item.data(), &value, sizeof(T));
    if (swapped) std::reverse(item.begin(), item.end());
    out.insert(out.end(), item.begin(), item.end());
  }
  return out;
}

FeatureMatrix counted() {
  FeatureMatrix m(2, 3);
  m << 1, 2, 3, 4, 5, 6;
  return m;
}

TEST(Npy, ReadsEveryTypeAndOrder) {
  const FeatureMatrix want = counted();
  const std::vector<int> rows = {1, 2, 3, 4, 5, 6}, columns = {1, 4, 2, 5, 3, 6};
  const auto check = [&](const std::string& descr, auto zero, bool swapped) {
    using T = decltype(zero);
    for (const bool fortran : {false, true})
      for (const int major : {1, 2, 3}) {
        const auto& order = fortran ? columns : rows;
        const Bytes bytes = npy(dictionary(descr, "2, 3", fortran),
                                raw(std::vector<T>(order.begin(), order.end()), swapped), major);
        EXPECT_EQ(npy_to_features(bytes, "test"), want) << descr << fortran << major;
        EXPECT_EQ(npy_to_matrix(bytes, "test"), want.cast<double>()) << descr;
      }
  };
  check("<f4", float{}, false);
  check(">f4", float{}, true);
  check("<f8", double{}, false);
  check(">f8", double{}, true);
  check("|i1", std::int8_t{}, false);
  check("|u1", std::uint8_t{}, false);
  check("<i2", std::int16_t{}, false);
  check(">u2", std::uint16_t{}, true);
  check("<i4", std::int32_t{}, false);
  check(">i8", std::int64_t{}, true);
  check("<u8", std::uint64_t{}, false);
}

TEST(Npy, SignedAndFlattened) {
  const Bytes bytes = npy(dictionary("<i2", "3,"), raw<std::int16_t>({-5, 0, 32767}));
  const FeatureMatrix column = npy_to_features(bytes, "test");
  ASSERT_EQ(column.cols(), 1);
  EXPECT_EQ(column(0, 0), -5);
  EXPECT_EQ(column(2, 0), 32767);
  // Pooled maps of a network; what is not pooled is no table of features.
  const Bytes pooled = npy(dictionary("|u1", "2, 4, 1, 1"), {1, 2, 3, 4, 5, 6, 7, 8});
  const FeatureMatrix flat = npy_to_samples(pooled, "test");
  EXPECT_EQ(flat.rows(), 2);
  EXPECT_EQ(flat(1, 3), 8);
  const Bytes cube = npy(dictionary("|u1", "2, 2, 2"), {1, 2, 3, 4, 5, 6, 7, 8});
  EXPECT_EQ(npy_to_features(cube, "test").cols(), 4);
  expect_data_error([&] { npy_to_samples(cube, "test"); },
                    "3 dimensions (2 x 2 x 2), expected samples x features: pool");
  for (const char* shape : {"2, 4", "2, 1, 4", "2, 4, 1, 1", "2, 1, 4, 1"}) {
    const FeatureMatrix x =
        npy_to_samples(npy(dictionary("<f4", shape), raw<float>({1, 2, 3, 4, 5, 6, 7, 8})), "f");
    ASSERT_EQ(x.rows(), 2) << shape;
    EXPECT_EQ(x(1, 0), 5) << shape;
  }
}

TEST(Npy, HalfPrecision) {
  // Zero, one, -2, the largest, the smallest, a subnormal, a third.
  const Bytes halves = npy(dictionary("<f2", "7,"),
                           raw<std::uint16_t>({0, 0x3c00, 0xc000, 0x7bff, 0x0400, 0x0001, 0x3555}));
  const Eigen::MatrixXd values = npy_to_matrix(halves, "test");
  const std::vector<double> want = {0, 1, -2, 65504, 0x1p-14, 0x1p-24, 0x1.554p-2};
  for (std::size_t i = 0; i < want.size(); ++i)
    EXPECT_EQ(values(static_cast<Eigen::Index>(i), 0), want[i]);
  const Bytes big = npy(dictionary(">f2", "1,"), raw<std::uint16_t>({0xc000}, true));
  EXPECT_EQ(npy_to_matrix(big, "test")(0, 0), -2);
  expect_data_error(
      [&] { npy_to_features(npy(dictionary("<f2", "1,"), raw<std::uint16_t>({0x7c00})), "f"); },
      "infinite");
  expect_data_error(
      [&] { npy_to_features(npy(dictionary("<f2", "1,"), raw<std::uint16_t>({0x7e00})), "f"); },
      "NaN");
}

TEST(Npy, LabelsOfEveryKind) {
  using Words = std::vector<std::string>;
  const auto labels = [](const Bytes& bytes) {
    const LabelWords words = npy_to_label_words(bytes, "test");
    Words out;
    for (std::size_t i = 0; i < words.size(); ++i) out.push_back(words.words()[words.index(i)]);
    return out;
  };
  EXPECT_EQ(labels(npy(dictionary("<i8", "3,"), raw<std::int64_t>({2, 0, 1}))),
            (Words{"2", "0", "1"}));
  EXPECT_EQ(labels(npy(dictionary("<f4", "2, 1"), raw<float>({2, 0}))), (Words{"2", "0"}));
  EXPECT_EQ(labels(npy(dictionary("<i8", "2,"), raw<std::int64_t>({1, -1}))), (Words{"1", "-1"}));
  EXPECT_EQ(labels(npy(dictionary("|b1", "2,"), {1, 0})), (Words{"True", "False"}));
  EXPECT_EQ(labels(npy(dictionary("|S3", "2,"), {'c', 'a', 't', ' ', 'b', 0})),
            (Words{"cat", "b"}));
  EXPECT_EQ(labels(npy_bytes(Words{" mel ", "nv"})), (Words{"mel", "nv"}));
  // One-hot, in either order of storage.
  EXPECT_EQ(labels(npy(dictionary("|u1", "2, 3"), {0, 0, 1, 1, 0, 0})), (Words{"2", "0"}));
  EXPECT_EQ(labels(npy(dictionary("|u1", "2, 3", true), {0, 1, 0, 0, 1, 0})), (Words{"2", "0"}));
  for (const Bytes& none : {Bytes{0, 0, 1, 0}, Bytes{1, 1, 1, 0}, Bytes{2, 0, 0, 1}})
    expect_data_error([&] { labels(npy(dictionary("|u1", "2, 2"), none)); },
                      "row 0 of 2 columns, expected one column for labels");
  expect_data_error([&] { labels(npy_bytes(Words{"a", " "})); }, "row 1: label of 0 bytes");
  // As in tables, this is no name.
  expect_data_error([&] { labels(npy_bytes(Words{"a", "nan"})); }, "row 1: no label ('nan')");
  EXPECT_EQ(labels(npy_bytes(Words{"a", "none"})), (Words{"a", "none"}));
  expect_data_error([&] { labels(npy(dictionary("|S1", "1,"), {0xff})); }, "not UTF-8");
  expect_data_error([&] { labels(npy(dictionary("<f4", "2,"), raw<float>({0.5f, 1}))); }, "row 0");
  expect_data_error([&] { labels(npy(dictionary("<u8", "1,"), raw<std::uint64_t>({1ull << 63}))); },
                    "row 0 is 9223372036854775808, expected a class: a whole number below 2^31");
}

TEST(Npy, WritersAndReadersAgree) {
  const TemporaryFolder folder;
  const FeatureMatrix m = counted() / 3.0f;
  write_npy(folder / "m.npy", m);
  EXPECT_EQ(read_npy_samples(folder / "m.npy"), m);
  const Eigen::MatrixXd d = m.cast<double>() / 7.0;
  write_npy(folder / "d.npy", d);
  EXPECT_EQ(read_npy_matrix(folder / "d.npy"), d);
  const Labels labels = {3, 0, 2};
  write_npy(folder / "l.npy", labels);
  EXPECT_EQ(number_labels(read_npy_label_words(folder / "l.npy"), {{}, 4}).labels, labels);
  // Elements begin at a multiple of 64 bytes.
  EXPECT_EQ(parse_npy_header(npy_bytes(m), "test").data_offset % 64, 0u);
}

TEST(Npy, RefusesBadHeaders) {
  const Bytes good = raw<float>({1, 2});
  const auto refused = [&](const std::string& dict, const std::string& part) {
    expect_data_error([&] { npy_to_features(npy(dict, good), "file"); }, part);
  };
  refused(dictionary("<c8", "1,"), "type '<c8' (complex numbers)");
  refused(dictionary("<f16", "1,"), "type '<f16' (long double)");
  refused(dictionary("<M8[ns]", "1,"), "type '<M8[ns]' (dates");
  refused(dictionary("|O", "1,"), "type '|O' (Python objects");
  refused(dictionary("|f4", "2,"), "type '|f4'");
  refused(dictionary("<f4", "3,"), "shape promises more");
  refused(dictionary("<f4", "1,"), "8 bytes of data, expected 1 elements of 4");
  refused(dictionary("<f4", "0, 3"), "expected 0 elements");
  refused(dictionary("<f4", ""), "expected 1 elements");
  refused(dictionary("<f4", "4611686018427387904, 4"), "promises more");
  refused(dictionary("<f4", "99999999999999999999999"), "dimension too large");
  refused(dictionary("<f4", "-2,"), "whole number");
  refused("{'descr': '<f4', 'fortran_order': False}", "expected the keys");
  refused("{'descr': '<f4', 'descr': '<f4'}", "repeated key");
  refused("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,)}", "a structured array");
  refused("{'descr': '<f4', 'fortran_order': 0, 'shape': (2,)}", "True or False");
  refused(dictionary("<f4", "2,") + "x", "behind the dictionary");
  expect_data_error([&] { npy_to_features(npy(dictionary("|u1", "0,"), {}), "file"); },
                    "empty array");
  expect_data_error([&] { npy_to_features(Bytes{'P', 'K'}, "file"); }, "file: 2 bytes");
  Bytes version = npy(dictionary("<f4", "2,"), good);
  version[6] = 9;
  expect_data_error([&] { npy_to_features(version, "file"); }, "version 9.0");
}

TEST(Npy, HeadersAsLargeAsMayBeAndBeyond) {
  const auto header = [](const std::string& dict, const Bytes& elements) {
    return parse_npy_header(npy(dict, elements, 2), "file");
  };
  const Bytes one = raw<float>({1});
  const auto refused = [&](const std::string& dict, const std::string& part) {
    expect_data_error([&] { header(dict, one); }, part);
  };
  std::string ones;
  for (int i = 0; i < 32; ++i) ones += "1, ";
  EXPECT_EQ(header(dictionary("<f4", ones), one).shape.size(), 32u);
  refused(dictionary("<f4", ones + "1"), "too many dimensions");
  EXPECT_EQ(header(dictionary("<U16384", "1,"), Bytes(65536)).item_bytes, 65536u);
  refused(dictionary("<U16385", "1,"), "type '<U16385'");
  std::string longest = dictionary("<f4", "1,");
  longest.append(65536 - longest.size(), ' ');
  EXPECT_EQ(header(longest, one).count, 1u);
  refused(longest + " ", "header of 65537 bytes, expected at most 65536");
}

TEST(Npy, RefusesValuesThatAreNotFinite) {
  const float inf = std::numeric_limits<float>::infinity();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  expect_data_error(
      [&] {
        npy_to_features(npy(dictionary("<f4", "2, 2"), raw<float>({0, 0, nan, 0})), "f");
      },
      "row 1, column 0 is NaN");
  expect_data_error(
      [&] {
        npy_to_features(npy(dictionary("<f4", "1, 2"), raw<float>({0, -inf})), "f");
      },
      "row 0, column 1 is infinite");
  // A double beyond the range of single precision is refused where it would become infinite.
  const Bytes big = npy(dictionary("<f8", "1,"), raw<double>({1e300}));
  expect_data_error([&] { npy_to_features(big, "f"); }, "infinite");
  EXPECT_EQ(npy_to_matrix(big, "f")(0, 0), 1e300);
}

TEST(Npy, DamagedFiles) {
  const TemporaryFolder folder;
  const auto path = folder / "x.npy";
  for (const Bytes& good :
       {npy_bytes(counted()), npy(dictionary("<i8", "2,"), raw<std::int64_t>({1, 0}), 2)}) {
    const auto read = [&] { read_npy_samples(path); };
    expect_truncations_refused(path, good, read);
    EXPECT_GT(flip_every_bit(path, good, read), 0u);
    Bytes longer = good;
    longer.push_back(0);
    put_file(path, longer);
    EXPECT_THROW(read(), DataError);
  }
}

// ---- .npz

void put(Bytes& out, std::uint64_t value, int width) {
  for (int j = 0; j < width; ++j) out.push_back(static_cast<std::uint8_t>(value >> (8 * j)));
}

/// A deflated archive of one member, made the way NumPy's savez_compressed does.
Bytes deflated_npz(const std::string& name, const Bytes& content, std::uint32_t claimed) {
  const Bytes packed = deflated(content, -MAX_WBITS);
  const auto crc = crc32(0, content.data(), static_cast<uInt>(content.size()));
  const auto common = [&](Bytes& out) {
    put(out, 20, 2);
    put(out, 0, 2);
    put(out, 8, 2);
    put(out, 0, 4);
    put(out, crc, 4);
    put(out, packed.size(), 4);
    put(out, claimed, 4);
    put(out, name.size(), 2);
  };
  Bytes out;
  put(out, 0x04034b50, 4);
  common(out);
  put(out, 4, 2);  // an extra field, as NumPy has
  out.insert(out.end(), name.begin(), name.end());
  put(out, 0, 4);
  out.insert(out.end(), packed.begin(), packed.end());
  const std::size_t directory = out.size();
  put(out, 0x02014b50, 4);
  put(out, 20, 2);
  common(out);
  put(out, 0, 2);
  put(out, 0, 2 + 2 + 2);  // comment, disk, attributes
  put(out, 0, 4 + 4);      // more attributes, where the local header is
  out.insert(out.end(), name.begin(), name.end());
  const std::size_t end = out.size();
  put(out, 0x06054b50, 4);
  put(out, 0, 4);
  put(out, 1, 2);
  put(out, 1, 2);
  put(out, end - directory, 4);
  put(out, directory, 4);
  put(out, 0, 2);
  return out;
}

TEST(Npz, WrittenAndRead) {
  const TemporaryFolder folder;
  const auto path = folder / "set.npz";
  write_npz(path, {{"features", npy_bytes(counted())}, {"labels", npy_bytes(Labels{1, 0})}});
  const NpzArchive archive(path);
  EXPECT_EQ(archive.names(), (std::vector<std::string>{"features", "labels"}));
  EXPECT_EQ(archive.features("features"), counted());
  EXPECT_EQ(archive.label_words("labels").words(), (std::vector<std::string>{"1", "0"}));
  expect_data_error([&] { archive.label_words("classes"); }, "only: features, labels");
}

TEST(Npz, Deflated) {
  const TemporaryFolder folder;
  const auto path = folder / "set.npz";
  const Bytes member = npy_bytes(counted());
  const auto size = static_cast<std::uint32_t>(member.size());
  put_file(path, deflated_npz("x.npy", member, size));
  EXPECT_EQ(NpzArchive(path).features("x"), counted());
  // Wrong lengths: too short, too long, and far more than deflate could make.
  for (const std::uint32_t claimed : {size - 1, size + 1, 0x7fffffffu}) {
    put_file(path, deflated_npz("x.npy", member, claimed));
    EXPECT_THROW(NpzArchive(path).features("x"), DataError) << claimed;
  }
  // What the archive claims is held against the array's header before it is unpacked.
  expect_data_error([&] { NpzArchive(path).features("x"); }, "2147483519 bytes of data, expected");
}

// Files with nothing in them but their size: one as large as may be is read, for which there is no memory here.
TEST(Npz, AsManyBytesAsMayBe) {
  const TemporaryFolder folder;
  const auto path = folder / "set.npz";
  write_npz(path, {{"a", npy_bytes(counted())}});
  const auto outcome = [&](std::uint64_t bytes) {
    std::filesystem::resize_file(path, bytes);
    return within_memory(1 << 20, [&] { NpzArchive{path}; });
  };
#ifndef __SANITIZE_ADDRESS__
  EXPECT_EQ(outcome(0xffffffff), "not enough memory");
#endif
  EXPECT_NE(outcome(0x100000000).find("archive of 4 GiB or more"), std::string::npos);
}

// A member that is as large as may be by all that is said of it is unpacked, for which there is no memory here. One more
// byte is what ZIP64 has in that place.
TEST(Npz, MembersAsLargeAsMayBe) {
  const TemporaryFolder folder;
  const auto path = folder / "set.npz";
  const auto outcome = [&](std::uint32_t size) {
    const auto head = [&](std::uint32_t items) {
      return "{'descr': '|u1', 'fortran_order': False, 'shape': (" + std::to_string(items) +
             ",), }\n";
    };
    const auto before = static_cast<std::uint32_t>(10 + head(size).size());
    const std::string header = head(size - before);
    Bytes member = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, static_cast<std::uint8_t>(header.size()),
                    0};
    member.insert(member.end(), header.begin(), header.end());
    // Packed, so large a member takes a thousandth at least.
    std::mt19937 random(1);
    for (std::uint32_t i = 0; i < size / 1000; ++i)
      member.push_back(static_cast<std::uint8_t>(random()));
    put_file(path, deflated_npz("x.npy", member, size));
    return within_memory(std::size_t{64} << 20, [&] { NpzArchive(path).byte_array("x"); });
  };
#ifndef __SANITIZE_ADDRESS__
  EXPECT_EQ(outcome(0xfffffffe), "not enough memory");
#endif
  EXPECT_NE(outcome(0xffffffff).find("4 GiB or more, expected less"), std::string::npos);
}

TEST(Npz, DamagedFiles) {
  const TemporaryFolder folder;
  const auto path = folder / "x.npz";
  const Bytes member = npy_bytes(counted());
  write_npz(path, {{"a", member}, {"b", npy_bytes(Labels{1, 0})}});
  const Bytes stored = get_file(path);
  const Bytes packed = deflated_npz("a.npy", member, static_cast<std::uint32_t>(member.size()));
  for (const Bytes& good : {stored, packed}) {
    const auto read = [&] { NpzArchive(path).features("a"); };
    put_file(path, good);
    EXPECT_NO_THROW(read());
    expect_truncations_refused(path, good, read);
    EXPECT_GT(flip_every_bit(path, good, read), 0u);
  }
  // With its CRC-32, no damage to a member's content goes unseen.
  Bytes bytes = stored;
  const auto at = std::search(bytes.begin(), bytes.end(), member.begin(), member.end());
  ASSERT_NE(at, bytes.end());
  at[static_cast<std::ptrdiff_t>(member.size()) - 3] ^= 1;
  put_file(path, bytes);
  expect_data_error([&] { NpzArchive(path).features("a"); }, "CRC-32");
}

TEST(FileBytes, RefusesWhatIsNoFile) {
  const TemporaryFolder folder;
  expect_data_error([&] { read_file(folder / "none"); }, "no such file");
  expect_data_error([&] { read_file(folder / "."); }, "not a regular file");
  put_file(folder / "five", "12345");
  expect_data_error([&] { read_file(folder / "five", 4); }, "5 bytes, expected at most 4");
}

TEST(NpyLabels, MinusIsAClassBesidePlus) {
  const auto words = [](const std::vector<std::string>& of) {
    return npy_to_label_words(npy_bytes(of), "y").words();
  };
  EXPECT_EQ(words({"+", "-", "+"}), (std::vector<std::string>{"+", "-"}));
  expect_data_error([&] { words({"x", "-", "+"}); }, "y: row 1: no label ('-')");
}

}  // namespace
}  // namespace blindtuner
