#include "linalg/layout.h"

#include <gtest/gtest.h>

#include <bit>
#include <set>

#include "base/error.h"

namespace blindtuner {
using namespace linalg;
namespace {

const Parameters& parameters() {
  static const ParametersPtr p = Parameters::create(find_parameters("InsecureTest12"));
  return *p;
}

TEST(ProductLayout, SizesFollowFromTheShape) {
  // n = 512, ratio = 8
  const ProductLayout l = ProductLayout::create(parameters(), 1000, 21, 10, 8);
  EXPECT_EQ(l.n, 512u);
  EXPECT_EQ(l.ratio, 8u);
  EXPECT_EQ(l.rows(), 64u);
  EXPECT_EQ(l.class_stride, 16u);
  EXPECT_EQ(l.blocks(), 16u);
  EXPECT_EQ(l.feature_groups(), 3u);
  EXPECT_EQ(l.blocks_per_super(), 4u);
  EXPECT_EQ(l.samples_per_super(), 256u);
  EXPECT_EQ(l.supers(), 4u);
  EXPECT_EQ(l.pieces(), 30u);
  EXPECT_EQ(l.pack_log(), 5);
  EXPECT_EQ(l.packs(), 1u);
  const ProductLayout many = ProductLayout::create(parameters(), 33, 100, 100, 16);
  EXPECT_EQ(many.pieces(), 700u);
  EXPECT_EQ(many.pack_log(), 5);  // as many as there are rows
  EXPECT_EQ(many.packs(), 22u);
  EXPECT_EQ(many.blocks_per_super(), 1u);
  EXPECT_EQ(many.blocks(), 2u);
}

TEST(ProductLayout, PlacesAreABijectionThatPutsTheClassLowest) {
  for (std::size_t width : {4, 8, 16, 32})
    for (std::size_t classes : {2, 3, 7, 10, 16, 20, 100, 128}) {
      if (std::bit_ceil(classes) > 8 * width) continue;
      const ProductLayout l = ProductLayout::create(parameters(), 1, 1, classes, width);
      std::set<std::pair<std::size_t, std::size_t>> seen;
      for (std::size_t block = 0; block < l.blocks_per_super(); ++block)
        for (std::size_t cls = 0; cls < l.class_stride; ++cls) {
          const auto place = l.place(block, cls);
          ASSERT_LT(place.small, l.ratio);
          ASSERT_LT(place.residue, l.width);
          EXPECT_TRUE(seen.emplace(place.small, place.residue).second);
          for (std::size_t row : {std::size_t{0}, std::size_t{5}, l.rows() - 1})
            EXPECT_EQ(l.ratio * (l.width * row + place.residue) + place.small,
                      l.class_stride * (l.blocks_per_super() * row + block) + cls);
        }
      EXPECT_EQ(seen.size(), l.ratio * l.width);
    }
}

TEST(ProductLayout, WeightsHavePlacesOfTheirOwn) {
  for (std::size_t width : {4, 8, 16})
    for (std::size_t features : {1, 5, 16, 21, 100, 769})
      for (std::size_t classes : {2, 3, 10, 20, 100}) {
        if (std::bit_ceil(classes) > 8 * width) continue;
        const ProductLayout l = ProductLayout::create(parameters(), 1, features, classes, width);
        std::set<std::pair<std::size_t, std::size_t>> seen;
        for (std::size_t cls = 0; cls < classes; ++cls)
          for (std::size_t feature = 0; feature < features; ++feature) {
            const auto place = l.weight_place(cls, feature);
            ASSERT_LT(place.pack, l.packs());
            ASSERT_LT(place.coefficient, l.n);
            ASSERT_TRUE(seen.emplace(place.pack, place.coefficient).second);
          }
      }
}

TEST(ProductLayout, SamplesPerSuperBlockFillTheBigRing) {
  for (std::size_t classes = 2; classes <= 128; ++classes) {
    const ProductLayout l = ProductLayout::create(parameters(), 5000, 10, classes, 16);
    EXPECT_EQ(l.samples_per_super() * l.class_stride, parameters().ring().n());
    EXPECT_GE(l.supers() * l.samples_per_super(), l.samples);
    EXPECT_LT((l.supers() - 1) * l.samples_per_super(), l.samples);
  }
}

TEST(ProductLayout, PlannerPicksTheCheapestWidth) {
  for (std::size_t classes : {2, 3, 10, 33, 100, 128})
    for (std::size_t features : {1, 20, 100, 769, 5000})
      for (std::size_t batch : {1, 100, 4096, 60000}) {
        const ProductLayout l = ProductLayout::plan(parameters(), 60000, features, classes, batch);
        EXPECT_TRUE(
            same_shape(l, ProductLayout::create(parameters(), 60000, features, classes, l.width)));
        EXPECT_EQ(l.samples, 60000u);
      }
  const auto width = [](std::size_t features, std::size_t batch) {
    return ProductLayout::plan(parameters(), 60000, features, 10, batch).width;
  };
  EXPECT_LE(width(769, 60000), width(769, 512));  // blocks cost more, pieces as much
  EXPECT_LT(width(5, 4096), width(2000, 4096));   // pieces cost more, blocks as much
  EXPECT_EQ(width(1, 60000), 4u);
  EXPECT_EQ(width(5000, 1), 32u);
}

TEST(ProductLayout, RefusesWhatCannotBeLaidOut) {
  const auto create = [](std::size_t samples, std::size_t features, std::size_t classes,
                         std::size_t width) {
    return ProductLayout::create(parameters(), samples, features, classes, width);
  };
  EXPECT_NO_THROW(create(1, 1, 2, 4));
  EXPECT_NO_THROW(create(1, 1, 128, 16));
  EXPECT_THROW(create(0, 1, 2, 4), ContractError);
  EXPECT_THROW(create(1, 0, 2, 4), ContractError);
  EXPECT_THROW(create(1, 1, 1, 4), ContractError);
  EXPECT_THROW(create(1, 1, 129, 32), ContractError);
  EXPECT_THROW(create(1, 1, 2, 2), ContractError);
  EXPECT_THROW(create(1, 1, 2, 12), ContractError);
  EXPECT_THROW(create(1, 1, 2, 64), ContractError);   // 8 rows
  EXPECT_THROW(create(1, 1, 33, 4), ContractError);   // stride 64 > 8 * 4
  EXPECT_THROW(create(1, 1, 128, 8), ContractError);  // stride 128 > 8 * 8
  EXPECT_THROW(ProductLayout::plan(parameters(), 1, 1, 129, 1), ContractError);
}

// Whoever names sizes gets a layout, or is told what is too large; no program and no library calls this
// a fault of its own.
TEST(ProductLayout, EveryNumberOfClassesAndFeaturesIsLaidOutOrRefused) {
  std::vector<std::size_t> columns;
  for (std::size_t power = 1; power <= kMaxColumns; power *= 2)
    for (const std::size_t count : {power - 1, power, power + 1})
      if (count >= 1 && count <= kMaxColumns) columns.push_back(count);
  std::size_t refused = 0;
  for (const char* name : {"Standard", "InsecureTest10", "InsecureTest12", "InsecureTest13"}) {
    const ParametersPtr p = Parameters::create(find_parameters(name));
    for (std::size_t classes = 2; classes <= kMaxClasses; ++classes)
      for (const std::size_t features : columns)
        for (const std::size_t batch : {std::size_t{1}, std::size_t{4096}, kMaxSamples}) {
          try {
            const ProductLayout l = ProductLayout::plan(*p, batch, features, classes, batch);
            ASSERT_GE(l.ratio * l.width, l.class_stride);
          } catch (const DataError& error) {
            ++refused;
            ASSERT_EQ(error.what(),
                      "parameters 'InsecureTest10': a ring of dimension 128 has no room for " +
                          std::to_string(classes) + " classes");
            ASSERT_GT(classes, 64u);
          }
        }
  }
  EXPECT_EQ(refused, 64 * columns.size() * 3);
}

TEST(ProductLayout, SameShapeLooksAtEverythingButTheSamples) {
  const auto create = [](std::size_t samples, std::size_t features, std::size_t classes,
                         std::size_t width) {
    return ProductLayout::create(parameters(), samples, features, classes, width);
  };
  const ProductLayout l = create(100, 20, 10, 8);
  EXPECT_TRUE(same_shape(l, create(1, 20, 10, 8)));
  EXPECT_FALSE(l == create(1, 20, 10, 8));
  EXPECT_FALSE(same_shape(l, create(100, 21, 10, 8)));
  EXPECT_FALSE(same_shape(l, create(100, 20, 11, 8)));
  EXPECT_FALSE(same_shape(l, create(100, 20, 10, 16)));
}

TEST(ProductLayout, ClassSumsAreClosedRotations) {
  // Adding rotations by slots/2, slots/4, .. sums the slots that differ in the top bits.
  const std::size_t slots = parameters().ring().n() / 2;
  for (std::size_t stride : {2, 16, 128}) {
    std::vector<std::size_t> v(slots);
    for (std::size_t j = 0; j < slots; ++j) v[j] = j * j % 1009;
    std::vector<std::size_t> sum = v;
    for (std::size_t step : class_sum_rotations(parameters(), stride)) {
      const std::vector<std::size_t> before = sum;
      for (std::size_t j = 0; j < slots; ++j) sum[j] += before[(j + step) % slots];
    }
    for (std::size_t j = 0; j < slots; ++j) {
      std::size_t expected = 0;
      for (std::size_t k = 0; k < stride; ++k) expected += v[(j + k * (slots / stride)) % slots];
      ASSERT_EQ(sum[j], expected);
    }
  }
}

}  // namespace
}  // namespace blindtuner
