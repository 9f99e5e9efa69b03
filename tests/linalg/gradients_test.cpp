#include "linalg/products_fixture.h"

namespace blindtuner {
using namespace secret;
namespace {

using namespace testing_support;

struct Case {
  std::size_t samples, features, classes, width;
  std::size_t first, count;  // blocks of the batch; count 0: all
};

std::ostream& operator<<(std::ostream& out, const Case& c) {
  return out << c.samples << " x " << c.features << ", " << c.classes << " classes, width "
             << c.width << ", blocks from " << c.first << ", " << c.count;
}

const Case kCases[] = {
    {1, 1, 2, 4, 0, 0},      {128, 5, 2, 4, 0, 0},     {129, 5, 3, 4, 0, 0},
    {64, 100, 3, 4, 0, 0},   {300, 21, 10, 8, 0, 0},   {1000, 21, 10, 8, 0, 0},
    {1000, 21, 10, 8, 5, 2}, {1000, 21, 10, 8, 2, 9},  {256, 16, 16, 8, 1, 3},
    {77, 21, 7, 16, 0, 0},   {200, 100, 20, 16, 3, 4}, {600, 21, 2, 16, 0, 0},
    {70, 5, 100, 16, 1, 2},  {33, 100, 100, 16, 0, 0}, {5000, 3, 2, 16, 60, 70},
};

class Gradients : public ::testing::TestWithParam<Case> {
 protected:
  Gradients()
      : layout_(ProductLayout::create(*small_scheme().parameters, GetParam().samples,
                                      GetParam().features, GetParam().classes, GetParam().width)),
        products_(small_scheme().parameters, layout_, product_keys(layout_.width)),
        features_(layout_, 21),
        first_(GetParam().first),
        count_(GetParam().count == 0 ? layout_.blocks() - first_ : GetParam().count) {}

  /// The batch's gradient, errors encrypted super-block by super-block; e by (sample, class),
  /// for every place of every super-block.
  template <typename F>
  Matrix gradient(F&& e) const {
    const ProductLayout& l = layout_;
    MatrixProducts::GradientSum sum(products_);
    for_each_super_block(l, [&](std::size_t super_first, std::size_t super_count) {
      const std::size_t begin = std::max(first_, super_first);
      const std::size_t end = std::min(first_ + count_, super_first + super_count);
      if (begin >= end) return;
      const auto errors =
          encrypt_errors(l, kErrorScale, [&](std::size_t block, std::size_t i, std::size_t cls) {
            return e((super_first + block) * l.rows() + i, cls);
          });
      sum.add(features_.source(), begin, products_.expand_errors(errors, begin, end - begin));
    });
    const std::vector<Ciphertext> packs = sum.finish();
    EXPECT_EQ(packs.size(), l.packs());
    Matrix values;
    for (const Ciphertext& c : packs) {
      EXPECT_EQ(c.q_count(), 2u);
      EXPECT_DOUBLE_EQ(c.scale, kFeatureScale * kErrorScale);
      values.push_back(decrypt_coefficients(c));
    }
    Matrix out(l.classes, std::vector<double>(l.features));
    for (std::size_t cls = 0; cls < l.classes; ++cls)
      for (std::size_t feature = 0; feature < l.features; ++feature) {
        const auto place = l.weight_place(cls, feature);
        out[cls][feature] = values[place.pack][place.coefficient];
      }
    return out;
  }

  ProductLayout layout_;
  MatrixProducts products_;
  Features features_;
  std::size_t first_, count_;
  const ProductNoise& noise_ = product_noise();
};

// Rows beyond the samples, classes beyond the classes and blocks beyond the batch hold errors too:
// they must not matter.
TEST_P(Gradients, AreThoseInTheClearWhateverThePaddingHolds) {
  const ProductLayout& l = layout_;
  const std::size_t places = l.supers() * l.samples_per_super();
  const Matrix e = random_matrix(places, l.class_stride, 1, 22);
  const std::size_t begin = first_ * l.rows();
  const std::size_t rows_end = (first_ + count_) * l.rows(), end = std::min(rows_end, l.samples);

  for (double padding : {0.0, 50.0}) {
    const Matrix g = gradient([&](std::size_t sample, std::size_t cls) {
      const bool padded = sample < begin || sample >= end || cls >= l.classes;
      return padded ? padding * e[sample][cls] : e[sample][cls];
    });
    NoiseCheck check;
    for (std::size_t cls = 0; cls < l.classes; ++cls) {
      double norm_e = 0;
      for (std::size_t sample = begin; sample < rows_end; ++sample)
        norm_e = std::hypot(norm_e, e[sample][cls] * (sample < end ? 1 : padding));
      for (std::size_t group = 0; group < l.feature_groups(); ++group) {
        std::vector<double> norms_x(l.width, 0.0);
        const std::size_t base = group * l.width, last = std::min(l.features, base + l.width);
        for (std::size_t sample = begin; sample < end; ++sample)
          for (std::size_t j = base; j < last; ++j)
            norms_x[j - base] = std::hypot(norms_x[j - base], features_.x[sample][j]);
        for (std::size_t j = base; j < last; ++j) {
          double expected = 0;
          for (std::size_t sample = begin; sample < end; ++sample)
            expected += e[sample][cls] * features_.x[sample][j];
          check.add(g[cls][j] - expected, noise_.gradient(l, norm_e, norms_x, j - base, count_));
        }
      }
    }
    check.expect(0.15);
  }
}

INSTANTIATE_TEST_SUITE_P(Cases, Gradients, ::testing::ValuesIn(kCases));

TEST(GradientSum, RefusesWhatDoesNotFit) {
  const SmallScheme& s = small_scheme();
  const ProductLayout l = ProductLayout::create(*s.parameters, 300, 5, 3, 8);
  const MatrixProducts products(s.parameters, l, product_keys(8));
  const Features features(l, 23);
  const auto zero = [](std::size_t, std::size_t, std::size_t) { return 0.0; };
  const auto pieces = products.expand_errors(encrypt_errors(l, kErrorScale, zero), 0, 2);
  const auto other = products.expand_errors(encrypt_errors(l, 2 * kErrorScale, zero), 0, 1);
  MatrixProducts::GradientSum sum(products);
  EXPECT_THROW(sum.finish(), ContractError);
  EXPECT_THROW(sum.add(features.source(), 0, {}), ContractError);
  EXPECT_THROW(sum.add(features.source(), 4, pieces), ContractError);  // blocks 4 and 5 of 5
  sum.add(features.source(), 3, pieces);
  EXPECT_THROW(sum.add(features.source(), 0, other), ContractError);
  EXPECT_NO_THROW(sum.finish());
  EXPECT_THROW(sum.finish(), ContractError);  // nothing since
}

}  // namespace
}  // namespace blindtuner
