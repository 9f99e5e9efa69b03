// Tables of features out of a string.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "features/data/feature_table.h"
#include "features/data/test_files.h"

namespace blindtuner::testing_support {
using namespace features;

using Words = std::vector<std::string>;

class FeatureTables : public ::testing::Test {
 protected:
  FeatureTable read(std::string_view text, const ColumnChoice& columns = {},
                    Labelled labelled = Labelled::kYes) {
    put_file(path_, text);
    TableRequest request;
    request.columns = columns;
    request.labelled = labelled;
    reading_ = {};
    return read_feature_table(path_, request, reading_);
  }
  static Words labels(const FeatureTable& table) {
    Words out;
    for (std::size_t i = 0; i < table.labels.size(); ++i)
      out.push_back(table.labels.words()[table.labels.index(i)]);
    return out;
  }
  void refused(std::string_view text, const std::string& part, const ColumnChoice& columns = {}) {
    expect_data_error([&] { read(text, columns); }, part);
  }
  std::string left_out() const {
    std::string out;
    for (const auto& column : reading_.details["left_out"])
      out += column["column"].dump() + " " + column["why"].get<std::string>() + "; ";
    return out;
  }
  /// Rows out of a function of the row's number, under a header unless it is empty.
  template <typename F>
  static std::string table(const std::string& header, int rows, const F& row) {
    std::string out = header.empty() ? "" : header + "\n";
    for (int i = 0; i < rows; ++i) out += row(i) + "\n";
    return out;
  }
  static std::string decimal(int i) { return std::to_string(0.37 * i - 0.0123 * i * i - 0.81); }
  TemporaryFolder folder_;
  std::filesystem::path path_ = folder_ / "x.csv";
  Reading reading_;
};

}  // namespace blindtuner::testing_support
