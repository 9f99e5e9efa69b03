#include "features/samples/other_scales.h"

#include <gtest/gtest.h>

#include <cmath>

namespace blindtuner {
using namespace features;
namespace {

using Columns = std::vector<std::size_t>;

/// Columns that cover (-1, 1), (50, 51), some powers of e, and mostly zeros.
FeatureMatrix measured(int rows, double shift = 0) {
  FeatureMatrix out(rows, 4);
  for (int i = 0; i < rows; ++i) {
    const double u = std::fmod(0.5 + shift + 0.61803398875 * i, 1.0);
    out.row(i) << static_cast<float>(2 * u - 1), static_cast<float>(50 + u),
        static_cast<float>(std::exp(8 * u)), static_cast<float>(i % 7 == 0 ? u : 0);
  }
  return out;
}

TEST(OtherScales, UnitsAreNoticed) {
  const FeatureMatrix known = measured(200);
  FeatureMatrix other = measured(60, 0.3);
  EXPECT_EQ(columns_of_other_scale(known, other), Columns{});
  // Centimetres for metres and back, degrees from another zero.
  other.col(0) *= 100;
  EXPECT_EQ(columns_of_other_scale(known, other), Columns{0});
  other.col(0) /= 10000;
  EXPECT_EQ(columns_of_other_scale(known, other), Columns{0});
  other.col(1).array() += 273;
  other.col(3) *= 1000;
  EXPECT_EQ(columns_of_other_scale(known, other), (Columns{0, 1}));
  // Standardised by itself.
  other = measured(60, 0.3);
  other.col(1).array() -= 50.5F;
  EXPECT_EQ(columns_of_other_scale(known, other), Columns{1});
  // A few far away are no other scale, nor can a few tell one.
  other = measured(60, 0.3);
  other.topRows(20).col(0).array() = 1e6F;
  EXPECT_EQ(columns_of_other_scale(known, other), Columns{});
  EXPECT_EQ(columns_of_other_scale(known, 1000 * measured(9)), Columns{});
}

TEST(OtherScales, AreNamed) {
  EXPECT_EQ(other_scale_warning({}, 5, {}, "those for test", "the training set"), "");
  EXPECT_EQ(
      other_scale_warning({1, 3}, 5, {}, "those for test", "the training set"),
      "2 of 5 features of those for test lie elsewhere than in the training set or are of another "
      "scale, the first is column 2: in other units, or scaled apart?");
  EXPECT_NE(other_scale_warning({1}, 2, {"a", "b"}, "x", "y").find("the first is 'b'"),
            std::string::npos);
}

}  // namespace
}  // namespace blindtuner
