#include "linalg/products.h"

#include "base/parallel.h"
#include "linalg/products_fixture.h"

namespace blindtuner {
using namespace secret;
namespace {

using namespace testing_support;

constexpr double kWeightScale = 0x1p68;  // about EncryptedTrainer::weight_scale

struct Shape {
  std::size_t samples, features, classes, width;
  ProductLayout layout() const {
    return ProductLayout::create(*small_scheme().parameters, samples, features, classes, width);
  }
};

std::ostream& operator<<(std::ostream& out, const Shape& s) {
  return out << s.samples << " x " << s.features << ", " << s.classes << " classes, width "
             << s.width;
}

// Samples and features that do and do not fill blocks, pieces in one pack and in many, one and
// several super-blocks.
const Shape kShapes[] = {
    {1, 1, 2, 4},       {128, 5, 2, 4},    {129, 5, 3, 4},   {64, 100, 3, 4},
    {300, 21, 10, 8},   {1000, 21, 10, 8}, {256, 16, 16, 8}, {77, 21, 7, 16},
    {200, 100, 20, 16}, {600, 21, 2, 16},  {70, 5, 100, 16}, {33, 100, 100, 16},
};

class Products : public ::testing::TestWithParam<Shape> {
 protected:
  Products()
      : layout_(GetParam().layout()),
        keys_(product_keys(layout_.width)),
        products_(small_scheme().parameters, layout_, keys_) {}

  const SmallScheme& scheme_ = small_scheme();
  ProductLayout layout_;
  const ProductKeys& keys_;
  MatrixProducts products_;
  const ProductNoise& noise_ = product_noise();
};

TEST_P(Products, ExpandedWeightsAreThePieces) {
  const ProductLayout& l = layout_;
  const Matrix w = random_matrix(l.classes, l.features, 1, 1);
  const auto pieces = products_.expand_weights(encrypt_weights(l, w, kWeightScale));
  ASSERT_EQ(pieces.size(), l.pieces());
  const double size = static_cast<double>(l.rows()), input = noise_.expanded_input();
  NoiseCheck elsewhere;
  for (std::size_t piece = 0; piece < pieces.size(); ++piece) {
    ASSERT_EQ(pieces[piece].q_count(), 2u);
    ASSERT_DOUBLE_EQ(pieces[piece].scale, kWeightScale);
    // sum_j w_j X^-j, and X^-j = -X^(n - j)
    std::vector<double> error = decrypt_coefficients(pieces[piece]);
    const std::size_t cls = piece / l.feature_groups(), group = piece % l.feature_groups();
    for (std::size_t j = 0; j < l.width; ++j) {
      const std::size_t feature = group * l.width + j;
      double& at = j == 0 ? error[0] : error[l.n - j];
      if (feature < l.features) at -= j == 0 ? w[cls][feature] : -w[cls][feature];
      EXPECT_LT(std::abs(at), 0x1p-40);  // encrypt_coefficients rounds w there
    }
    for (std::size_t i = 1; i <= l.n - l.width; ++i)
      elsewhere.add(error[i] * kWeightScale, noise_.tree_mean(size, input));
  }
  // The places of the message hold a third of the variance. A few pieces come from few key switches,
  // whose errors they share: too small a sample for the tighter bound.
  EXPECT_NEAR(elsewhere.rms(), std::sqrt(2.0 / 3), pieces.size() >= 16 ? 0.15 : 0.4);
}

TEST_P(Products, ScoresAreThoseInTheClear) {
  const ProductLayout& l = layout_;
  const Features features(l, 2);
  const Matrix w = random_matrix(l.classes, l.features, 1, 3);
  const auto pieces = products_.expand_weights(encrypt_weights(l, w, kWeightScale));
  const double q1 = static_cast<double>(scheme_.ring().q(1).q);
  NoiseCheck check;
  const double rms_x = 2 / std::sqrt(3.0);
  for_each_super_block(l, [&](std::size_t first, std::size_t count) {
    const auto scores = products_.scores(features.source(), first, count, pieces);
    ASSERT_EQ(scores.size(), l.ratio);
    Matrix values;
    for (const Ciphertext& c : scores) {
      ASSERT_EQ(c.q_count(), 1u);
      EXPECT_DOUBLE_EQ(c.scale, kFeatureScale * kWeightScale / q1);
      values.push_back(decrypt_coefficients(c));
    }
    for (std::size_t block = 0; block < l.blocks_per_super(); ++block)
      for (std::size_t cls = 0; cls < l.class_stride; ++cls) {
        const auto place = l.place(block, cls);
        for (std::size_t i = 0; i < l.rows(); ++i) {
          double error = values[place.small][l.width * i + place.residue];
          const std::size_t sample = (first + block) * l.rows() + i;
          if (cls < l.classes && sample < l.samples) {
            for (std::size_t j = 0; j < l.features; ++j) error -= features.x[sample][j] * w[cls][j];
          }
          if (cls < l.classes && block < count)
            check.add(error, noise_.score(l, norm(w[cls]), kWeightScale, rms_x));
          else  // no block or no class: nothing but key switches
            EXPECT_LT(std::abs(error), 0x1p-30);
        }
      }
  });
  check.expect();
}

TEST_P(Products, ScoresOfPartOfASuperBlock) {
  const ProductLayout& l = layout_;
  const Features features(l, 4);
  const Matrix w = random_matrix(l.classes, l.features, 1, 5);
  const auto pieces = products_.expand_weights(encrypt_weights(l, w, kWeightScale));
  const std::size_t first = l.blocks() - 1, super = first / l.blocks_per_super();
  const auto scores = products_.scores(features.source(), first, 1, pieces);
  for (std::size_t block = 0; block < l.blocks_per_super(); ++block)
    for (std::size_t cls = 0; cls < l.class_stride; ++cls) {
      const auto place = l.place(block, cls);
      const auto values = decrypt_coefficients(scores[place.small]);
      for (std::size_t i = 0; i < l.rows(); ++i) {
        double expected = 0;
        const std::size_t global = super * l.blocks_per_super() + block;
        const std::size_t sample = global * l.rows() + i;
        if (global == first && cls < l.classes && sample < l.samples)
          for (std::size_t j = 0; j < l.features; ++j)
            expected += features.x[sample][j] * w[cls][j];
        EXPECT_NEAR(values[l.width * i + place.residue], expected, 1e-3);
      }
    }
}

TEST_P(Products, ExpandedErrorsAreThePieces) {
  const ProductLayout& l = layout_;
  const std::size_t count = std::min(l.blocks(), l.blocks_per_super());
  const Matrix e = random_matrix(l.blocks_per_super() * l.rows(), l.class_stride, 1, 6);
  const auto errors =
      encrypt_errors(l, kErrorScale, [&](std::size_t block, std::size_t i, std::size_t cls) {
        return e[block * l.rows() + i][cls];
      });
  const auto pieces = products_.expand_errors(errors, 0, count);
  ASSERT_EQ(pieces.size(), count);
  const double size = static_cast<double>(l.width), input = noise_.expanded_input();
  NoiseCheck at_message, everywhere;
  for (std::size_t block = 0; block < count; ++block) {
    ASSERT_EQ(pieces[block].size(), l.classes);
    for (std::size_t cls = 0; cls < l.classes; ++cls) {
      const Ciphertext& piece = pieces[block][cls];
      ASSERT_DOUBLE_EQ(piece.scale, kErrorScale);
      ASSERT_EQ(piece.q_count(), 2u);
      // sum_i e_i Y^-i, and Y^-i = -X^(n - width i)
      std::vector<double> error = decrypt_coefficients(piece);
      for (std::size_t i = 0; i < l.rows(); ++i) {
        double& at = i == 0 ? error[0] : error[l.n - l.width * i];
        at -= (i == 0 ? 1 : -1) * e[block * l.rows() + i][cls];
        at_message.add(at * kErrorScale, noise_.tree_at_message(size, input));
      }
      for (double x : error) everywhere.add(x * kErrorScale, noise_.tree_mean(size, input));
    }
  }
  at_message.expect();
  everywhere.expect_mean();
}

TEST_P(Products, AreDeterministic) {
  const ProductLayout& l = layout_;
  const Features features(l, 7);
  const auto packed = encrypt_weights(l, random_matrix(l.classes, l.features, 1, 8), kWeightScale);
  const std::size_t count = std::min(l.blocks(), l.blocks_per_super());
  const auto run = [&](int threads) {
    const int before = max_threads();
    set_max_threads(threads);
    auto scores = products_.scores(features.source(), 0, count, products_.expand_weights(packed));
    set_max_threads(before);
    return scores;
  };
  const auto one = run(1), three = run(3);
  for (std::size_t r = 0; r < l.ratio; ++r)
    for (auto part : {&Ciphertext::c0, &Ciphertext::c1})
      EXPECT_TRUE(std::ranges::equal(Residues(one[r].*part)[0], Residues(three[r].*part)[0]));
}

INSTANTIATE_TEST_SUITE_P(Shapes, Products, ::testing::ValuesIn(kShapes));

TEST(ProductsContract, KeysOfAnotherWidthAreRefused) {
  const SmallScheme& s = small_scheme();
  const ProductLayout l = ProductLayout::create(*s.parameters, 10, 5, 3, 8);
  EXPECT_NO_THROW(MatrixProducts(s.parameters, l, product_keys(8)));
  EXPECT_THROW(MatrixProducts(s.parameters, l, product_keys(4)), ContractError);
  EXPECT_THROW(MatrixProducts(s.parameters, l, product_keys(16)), ContractError);
  EXPECT_THROW(MatrixProducts(s.parameters, l, ProductKeys{}), ContractError);

  ProductKeys keys = make_product_keys(s.secrets, l);
  std::swap(keys.pack, keys.unpack);
  EXPECT_THROW(MatrixProducts(s.parameters, l, keys), ContractError);
  std::swap(keys.pack, keys.unpack);
  std::swap(keys.pack[0], keys.pack[1]);
  EXPECT_THROW(MatrixProducts(s.parameters, l, keys), ContractError);
  std::swap(keys.pack[0], keys.pack[1]);
  EXPECT_NO_THROW(MatrixProducts(s.parameters, l, keys));
  keys.galois.erase(2 * l.n - 1);
  EXPECT_THROW(MatrixProducts(s.parameters, l, keys), ContractError);
}

TEST(ProductsContract, ArgumentsOfAnotherShapeAreRefused) {
  const SmallScheme& s = small_scheme();
  const ProductLayout l = ProductLayout::create(*s.parameters, 1000, 21, 10, 8);
  const MatrixProducts products(s.parameters, l, product_keys(8));
  const Features features(l, 9);
  const Matrix w = random_matrix(l.classes, l.features, 1, 10);
  auto packed = encrypt_weights(l, w, kWeightScale);
  const auto pieces = products.expand_weights(packed);
  const FeatureSource x = features.source();

  EXPECT_THROW(products.scores(x, 0, 0, pieces), ContractError);
  EXPECT_THROW(products.scores(x, 0, 5, pieces), ContractError);   // two super-blocks of 4
  EXPECT_THROW(products.scores(x, 3, 2, pieces), ContractError);   // across two
  EXPECT_THROW(products.scores(x, 16, 1, pieces), ContractError);  // 16 blocks in all
  EXPECT_THROW(products.scores(x, 0, 1, std::span(pieces).first(29)), ContractError);
  EXPECT_THROW(products.expand_errors(pieces, 0, 1), ContractError);
  EXPECT_THROW(products.expand_errors(std::span(pieces).first(8), 0, 0), ContractError);
  EXPECT_THROW(products.expand_errors(std::span(pieces).first(8), 2, 3), ContractError);
  EXPECT_NO_THROW(products.expand_errors(std::span(pieces).first(8), 2, 2));
  packed[0].drop_to(1);
  EXPECT_THROW(products.expand_weights(packed), ContractError);
  packed.push_back(packed[0].copy());
  EXPECT_THROW(products.expand_weights(packed), ContractError);
}

// Scores beyond q_0 / 2 wrap around: garbage in, garbage out, and nothing breaks.
TEST(ProductsContract, ScoresBeyondTheModulusWrapAround) {
  const SmallScheme& s = small_scheme();
  const ProductLayout l = ProductLayout::create(*s.parameters, 10, 5, 3, 4);
  const MatrixProducts products(s.parameters, l, product_keys(4));
  const Features features(l, 11);
  const Matrix w = random_matrix(l.classes, l.features, 1000, 12);
  const auto scores = products.scores(features.source(), 0, 1,
                                      products.expand_weights(encrypt_weights(l, w, kWeightScale)));
  const double q0 = static_cast<double>(s.ring().q(0).q);
  double largest = 0;
  for (std::size_t i = 0; i < l.samples; ++i)
    for (std::size_t cls = 0; cls < l.classes; ++cls) {
      const auto place = l.place(0, cls);
      const double score = decrypt_coefficients(scores[place.small])[l.width * i + place.residue];
      double expected = 0;
      for (std::size_t j = 0; j < l.features; ++j) expected += features.x[i][j] * w[cls][j];
      const double period = q0 / scores[place.small].scale;
      EXPECT_NEAR(std::remainder(score - expected, period), 0, 0.02);
      largest = std::max(largest, std::abs(expected) / period);
    }
  EXPECT_GT(largest, 1);
}

}  // namespace
}  // namespace blindtuner
