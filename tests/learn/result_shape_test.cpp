// What products leave where nothing is meant to be, in every kind of layout: an owner refuses more.
#include "learn/result_shape.h"

#include "linalg/products_fixture.h"
#include "secret/dataset_encryption.h"
#include "secret/decryption.h"

namespace blindtuner {
using namespace learn;
using namespace secret;
namespace {

using namespace testing_support;

struct Shape {
  std::size_t samples, features, classes, width;
};
std::ostream& operator<<(std::ostream& out, const Shape& s) {
  return out << s.samples << " x " << s.features << ", " << s.classes << " classes, width "
             << s.width;
}

// Samples and features that do and do not fill blocks, pieces in one pack and in many, packs with
// few pieces and with all but one, one and several super-blocks.
const Shape kShapes[] = {
    {1, 1, 2, 4},      {128, 5, 2, 4},     {129, 5, 3, 4},  {64, 100, 3, 4},    {300, 21, 10, 8},
    {1000, 21, 10, 8}, {256, 16, 16, 8},   {77, 21, 7, 16}, {200, 100, 20, 16}, {600, 21, 2, 16},
    {70, 5, 100, 16},  {33, 100, 100, 16}, {300, 9, 3, 8},  {300, 12, 3, 4},    {90, 9, 9, 16},
    {90, 50, 5, 16},   {300, 9, 3, 16},
};

class ResultShape : public ::testing::TestWithParam<Shape> {};

TEST_P(ResultShape, HonestProductsAreOpened) {
  const auto& [samples, columns, classes, width] = GetParam();
  const SmallScheme& scheme = small_scheme();
  const Parameters& p = *scheme.parameters;
  const ProductLayout l = ProductLayout::create(p, samples, columns, classes, width);
  const MatrixProducts products(scheme.parameters, l, product_keys(width));
  const Features features(l, 2);

  // One step with the whole set as its batch: W = -rate / samples sum over samples of e x.
  TrainingConfig config;
  config.classes = static_cast<int>(classes);
  config.batch_size = samples;
  config.steps = 1;
  config.learning_rate = 2;
  const HeadCircuit& circuit = find_circuit({}, config.classes);
  MatrixProducts::GradientSum sum(products);
  for_each_super_block(l, [&](std::size_t first, std::size_t count) {
    const Matrix e = random_matrix(l.blocks_per_super() * l.rows(), l.class_stride, 1,
                                   static_cast<unsigned>(first));
    const auto errors =
        encrypt_errors(l, kErrorScale, [&](std::size_t block, std::size_t i, std::size_t cls) {
          return e[block * l.rows() + i][cls];
        });
    sum.add(features.source(), first, products.expand_errors(errors, first, count));
  });
  EncryptedModel model{l, sum.finish()};
  require_shape(model.weights, p, gradient_shape(l));
  const CiphertextShape shape = model_shape(p, l, circuit);
  const double factor =
      config.learning_rate / static_cast<double>(samples) * shape.scale / gradient_shape(l).scale;
  for (Ciphertext& c : model.weights) {
    mul_integer_inplace(c, -static_cast<std::int64_t>(std::nearbyint(factor)));
    c.scale = shape.scale;
  }
  const PlausibleValues weights = plausible_weights(p, l, config, circuit, 1);
  EXPECT_NO_THROW(decrypt_model(scheme.secrets, model, weights));
  // With room to spare: a chance of one in a million would be too much.
  PlausibleValues tight = weights;
  tight.empty /= 2;
  tight.padding /= 2;
  tight.least *= 4;
  EXPECT_NO_THROW(decrypt_model(scheme.secrets, model, tight));

  EncryptedScores scores{l, {}};
  const auto pieces = products.expand_weights(model.weights);
  for_each_super_block(l, [&](std::size_t first, std::size_t count) {
    for (Ciphertext& c : products.scores(features.source(), first, count, pieces))
      scores.scores.push_back(std::move(c));
  });
  require_shape(scores.scores, p, score_shape(p, l, circuit));
  tight = plausible_scores(p, l, circuit);
  tight.empty /= 2;
  tight.padding /= 64;
  EXPECT_NO_THROW(decrypt_scores(scheme.secrets, scores, tight));
}

INSTANTIATE_TEST_SUITE_P(Shapes, ResultShape, ::testing::ValuesIn(kShapes));

}  // namespace
}  // namespace blindtuner
