// What the tests of joined files share.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "features/data/load.h"
#include "features/data/test_files.h"

namespace blindtuner {
using namespace features;
namespace {

using namespace testing_support;

class Joining : public ::testing::Test {
 protected:
  Dataset load(const std::string& features, const std::string& labels,
               const ColumnChoice& columns = {}) {
    put_file(folder_ / "x.csv", features);
    put_file(folder_ / "y.csv", labels);
    DataSource source;
    source.features = folder_ / "x.csv";
    source.labels = folder_ / "y.csv";
    source.columns = columns;
    reading_ = {};
    return load_dataset(source, &reading_);
  }
  bool said(const std::string& part) const {
    for (const std::string& note : reading_.notes)
      if (note.find(part) != std::string::npos) return true;
    return false;
  }
  const TemporaryFolder folder_;
  Reading reading_;
};

}  // namespace
}  // namespace blindtuner
