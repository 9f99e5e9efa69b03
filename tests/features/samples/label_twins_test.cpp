#include "features/samples/label_twins.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace blindtuner {
using namespace features;
namespace {

using Columns = std::vector<std::size_t>;

/// Noise in every column, for a test to write over.
class LabelTwins : public ::testing::Test {
 protected:
  void SetUp() override { make(300, 3); }
  void make(int rows, int classes) {
    std::mt19937 random(7);
    classes_ = classes;
    features_.resize(rows, 6);
    labels_.clear();
    for (int i = 0; i < rows; ++i) {
      labels_.push_back(static_cast<int>(random() % static_cast<unsigned>(classes)));
      for (int j = 0; j < 6; ++j)
        features_(i, j) = static_cast<float>(random() % 1000) / 100 + (j == 5 ? 0 : labels_.back());
    }
  }
  template <typename F>
  void set(int column, const F& of_row) {
    for (int i = 0; i < features_.rows(); ++i)
      features_(i, column) = static_cast<float>(of_row(i, labels_[static_cast<std::size_t>(i)]));
  }
  std::vector<Columns> twins(double share = 1) const {
    std::vector<Columns> out;
    for (const LabelTwin& twin : label_twins(features_, labels_, classes_)) {
      EXPECT_NEAR(twin.share, share, 1e-9);
      out.push_back(twin.columns);
    }
    return out;
  }
  FeatureMatrix features_;
  Labels labels_;
  int classes_ = 0;
};

TEST_F(LabelTwins, OneColumn) {
  EXPECT_TRUE(twins().empty());
  set(2, [](int, int k) { return 7 - 2 * k; });
  EXPECT_EQ(twins(), (std::vector<Columns>{{2}}));
  // A class's mean, say.
  set(4, [](int, int k) { return std::sin(1.0 + k); });
  EXPECT_EQ(twins(), (std::vector<Columns>{{2}, {4}}));
  set(4, [](int i, int) { return i; });
  // With a few exceptions.
  set(2, [](int i, int k) { return i == 70 || i == 170 ? 9 : k; });
  EXPECT_EQ(twins(1 - 2.0 / 300), (std::vector<Columns>{{2}}));
  set(2, [](int i, int k) { return i % 20 == 0 ? 9 : k; });
  EXPECT_TRUE(twins().empty());
}

TEST_F(LabelTwins, OneHotColumns) {
  set(1, [](int, int k) { return k == 0; });
  set(3, [](int, int k) { return k == 2; });
  set(0, [](int, int k) { return k == 1 ? -1 : 1; });
  EXPECT_EQ(twins(), (std::vector<Columns>{{0, 1, 3}}));
  set(0, [](int i, int) { return i % 2; });
  EXPECT_EQ(twins(), (std::vector<Columns>{{1, 3}}));  // what is neither is the third
  set(3, [](int i, int) { return i % 3; });
  EXPECT_TRUE(twins().empty());
}

TEST_F(LabelTwins, AreNotWhatTellsTheClassHonestly) {
  // A threshold in a column of few values, or of one value and noise; a column that is constant; one
  // that tells one class of three.
  for (const int values : {3, 4, 10}) {
    make(400, 2);
    set(0, [&](int i, int k) { return k * values + i * 7 % values; });
    set(1, [](int i, int k) { return k == 0 ? 0 : i * 7 % 23; });
    set(2, [](int, int) { return 1; });
    EXPECT_TRUE(twins().empty()) << values;
  }
  make(300, 3);
  set(0, [](int, int k) { return k == 2; });
  EXPECT_TRUE(twins().empty());
  // Of few rows one column among many does so by chance.
  for (const int rows : {8, 12, 18}) {
    make(rows, 2);
    set(0, [](int, int k) { return k; });
    EXPECT_TRUE(twins().empty()) << rows;
  }
  make(60, 2);
  set(0, [](int, int k) { return k; });
  EXPECT_EQ(twins(), (std::vector<Columns>{{0}}));
}

TEST_F(LabelTwins, RowCounters) {
  EXPECT_TRUE(row_counters(features_).empty());
  set(1, [](int i, int) { return 1001 + i; });
  set(2, [](int i, int) { return 50 - 3 * i; });
  set(3, [](int i, int) { return 0.1 * i; });
  set(4, [](int i, int) { return i == 100 ? 101 : i; });
  set(5, [](int, int) { return 1e9; });
  EXPECT_EQ(row_counters(features_), (Columns{1, 2, 3}));
  EXPECT_TRUE(row_counters(features_.topRows(19)).empty());
}

TEST_F(LabelTwins, RowNumbersInAnyOrder) {
  const int rows = static_cast<int>(features_.rows());
  const auto shuffled = [=](int i) { return static_cast<int>(i * 7919L % rows); };
  EXPECT_TRUE(row_numbers(features_).empty());
  set(0, [](int i, int) { return i; });  // row_counters() has it
  set(1, [&](int i, int) { return shuffled(i); });
  set(2, [&](int i, int) { return 1 + shuffled(i); });
  set(3, [&](int i, int) { return 7 + 5 * shuffled(i); });  // of a part
  set(4, [&](int i, int) { return i == 100 ? shuffled(101) : shuffled(i); });
  set(5, [&](int i, int) { return 0.5 + shuffled(i); });
  EXPECT_EQ(row_numbers(features_), (Columns{1, 2, 3}));
  set(3, [&](int i, int) { return 7 + rows * shuffled(i); });
  EXPECT_EQ(row_numbers(features_), (Columns{1, 2}));
  EXPECT_TRUE(row_numbers(features_.topRows(19)).empty());
}

}  // namespace
}  // namespace blindtuner
