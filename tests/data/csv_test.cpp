#include "data/csv.h"

#include <gtest/gtest.h>

#include "data/test_files.h"

namespace blindtuner {
namespace {

using namespace testing;

class Csv : public ::testing::Test {
 protected:
  void put(std::string_view text) { put_file(path_, text); }
  FeatureMatrix features(const CsvOptions& options = {}) {
    return read_csv_features(path_, options);
  }
  void refused(std::string_view text, const std::string& part) {
    put(text);
    expect_data_error([&] { features(); }, part);
  }
  TemporaryFolder folder_;
  std::filesystem::path path_ = folder_ / "x.csv";
};

TEST_F(Csv, AsManyColumnsAsMayBe) {
  const auto read = [&](std::size_t columns) {
    std::string text(2 * columns - 1, ',');
    for (std::size_t i = 0; i < text.size(); i += 2) text[i] = '1';
    put(text);
    return within_memory(std::size_t{256} << 20, [&] { features(); });
  };
  EXPECT_EQ(read(kMaxTableColumns), "good");
  EXPECT_NE(read(kMaxTableColumns + 1).find("line 1 has more than 1048576 fields"),
            std::string::npos);
  put(std::string(std::size_t{64} << 20, ','));
  EXPECT_NE(within_memory(std::size_t{256} << 20, [&] { features(); }).find("1048576 fields"),
            std::string::npos);
}

TEST_F(Csv, ReadsNumbers) {
  put("1,2.5,-3e2\n +4 ,\"5\",\t6\r\n\n\n");
  FeatureMatrix want(2, 3);
  want << 1, 2.5f, -300, 4, 5, 6;
  EXPECT_EQ(features(), want);
  CsvOptions semicolon;
  semicolon.separator = ';';
  put("1;2");
  EXPECT_EQ(features(semicolon).cols(), 2);
}

TEST_F(Csv, Header) {
  put("a,b\n1,2\n");
  EXPECT_EQ(features().rows(), 1);
  CsvOptions options;
  options.header = CsvHeader::kAbsent;
  expect_data_error([&] { features(options); }, "line 1, column 1: 'a', expected a number");
  put("\xef\xbb\xbf"
      "1,2\n3,4\n");
  EXPECT_EQ(features().rows(), 2);
  options.header = CsvHeader::kPresent;
  EXPECT_EQ(features(options).rows(), 1);
}

TEST_F(Csv, LabelColumn) {
  put("size,kind,weight\n1,2,3\n4,0,6\n");
  const CsvTable named = read_csv_labelled(path_, "kind");
  EXPECT_EQ(named.labels, (Labels{2, 0}));
  FeatureMatrix want(2, 2);
  want << 1, 3, 4, 6;
  EXPECT_EQ(named.features, want);
  EXPECT_EQ(read_csv_labelled(path_).labels, (Labels{3, 6}));
  EXPECT_EQ(read_csv_labelled(path_, "1").labels, (Labels{1, 4}));
  expect_data_error([&] { read_csv_labelled(path_, "colour"); }, "no column 'colour'");
  expect_data_error([&] { read_csv_labelled(path_, "4"); }, "no column '4'");
  expect_data_error([&] { read_csv_labelled(path_, "0"); }, "no column '0'");
  put("1,2\n3,0.5\n");
  expect_data_error([&] { read_csv_labelled(path_); }, "line 2, column 2: label 0.5");
  put("1\n2\n");
  expect_data_error([&] { read_csv_labelled(path_); }, "one column");
}

TEST_F(Csv, LabelFile) {
  put("label\n0\n2\n1\n");
  EXPECT_EQ(read_csv_labels(path_), (Labels{0, 2, 1}));
  put("0\n-1\n");
  expect_data_error([&] { read_csv_labels(path_); }, "line 2, column 1");
  put("0,1\n");
  expect_data_error([&] { read_csv_labels(path_); }, "2 columns");
}

TEST_F(Csv, RefusesBadRows) {
  refused("", "empty");
  refused("\n\n \n", "empty");
  refused("a,b\n", "no rows");
  refused("1,2\n3\n", "line 2 has 1 fields, expected 2");
  refused("1,2\n3,4,5\n", "line 2 has 3 fields, expected 2");
  refused("1,2\n\n3,4\n", "line 2 is empty");
  refused("1,2\n3,\n", "line 2, column 2: ''");
  refused("1,2\n3,nan\n", "line 2, column 2: 'nan', expected a finite");
  refused("1,2\n-inf,1\n", "line 2, column 1");
  refused("1,2\n1e999,1\n", "finite");
  refused("1,2\n1e39,1\n", "finite");
  refused("1,2\n+-1,1\n", "line 2, column 1");
  refused("1,2\n0x10,1\n", "line 2, column 1");
  refused("1,2\n1 2,1\n", "line 2, column 1");
  refused(std::string_view("1,2\n1\0,2\n", 10), "line 2, column 1: '1?'");
  refused("1,2\n" + std::string(10000, 'x') + ",1\n", "..'");
  put("1,1e-999\n");
  EXPECT_EQ(features()(0, 1), 0);
}

TEST_F(Csv, DamagedFiles) {
  const std::string text = "a,b,label\n1.5,2,0\n3,-4e1,1\n";
  const std::span<const std::uint8_t> good(reinterpret_cast<const std::uint8_t*>(text.data()),
                                           text.size());
  // A beginning of a table may be a table; only DataError may come of one that is not.
  for (std::size_t length = 0; length < good.size(); ++length) {
    put_file(path_, good.first(length));
    try {
      read_csv_labelled(path_, "label");
      EXPECT_GT(length, 10u);
    } catch (const DataError&) {
    }
  }
  EXPECT_GT(flip_every_bit(path_, good, [&] { read_csv_labelled(path_, "label"); }), 0u);
}

}  // namespace
}  // namespace blindtuner
