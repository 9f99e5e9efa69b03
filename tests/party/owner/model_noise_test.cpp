// Decrypted models and scores against the same runs in the clear: their errors are what
// learn/model_noise.h says, for every preset.
#include "learn/model_noise.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "features/data/whitening.h"
#include "learn/encrypted_trainer.h"
#include "learn/reference/plain_reference.h"
#include "party/owner/comparison.h"
#include "party/owner/finetuning_settings.h"
#include "secret/dataset_encryption.h"
#include "secret/decryption.h"
#include "secret/disclosure.h"

namespace blindtuner {
using namespace party;
namespace {

constexpr PlausibleValues kAny{1e30, 1e30, 1e30};
constexpr std::size_t kSamples = 600, kFeatures = 23;

/// Overlapping clouds: all positive and of unequal sizes, as a transformer leaves its features.
Dataset clouds(int classes, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  Dataset set;
  set.classes = classes;
  set.features.resize(kSamples, kFeatures);
  std::vector<float> centre(static_cast<std::size_t>(classes) * kFeatures);
  for (float& x : centre) x = normal(random);
  for (Eigen::Index i = 0; i < set.features.rows(); ++i) {
    const int label = static_cast<int>(random() % static_cast<unsigned>(classes));
    set.labels.push_back(label);
    for (Eigen::Index j = 0; j < set.features.cols(); ++j) {
      const std::size_t at =
          static_cast<std::size_t>(label) * kFeatures + static_cast<std::size_t>(j);
      const float x = 0.7f * centre[at] + normal(random) + 1;
      set.features(i, j) = std::max(0.f, x) * (0.2f + 0.1f * static_cast<float>(j % 7));
    }
  }
  return set;
}

struct Scheme {
  ParametersPtr parameters = Parameters::create(find_parameters("InsecureTest10"));
  SecretKeys secrets = SecretKeys::generate(parameters);
  Bootstrapper bootstrapper{parameters};
};

const Scheme& scheme() {
  static const Scheme scheme;
  return scheme;
}

struct Case {
  const char* preset;
  int classes;
};

class ModelNoise : public ::testing::TestWithParam<Case> {};

double rms(const Eigen::MatrixXd& x) { return x.norm() / std::sqrt(static_cast<double>(x.size())); }

/// One run's errors beside the standard deviation that is predicted. Where the softmax is steep, later
/// steps turn most of the error into one direction, so that a run's root mean square over its standard
/// deviation is that of a single normal number: 5 is exceeded once in 1.7 million.
void expect_bound(double measured, double predicted, double most, const std::string& where) {
  ::testing::Test::RecordProperty(where, std::to_string(std::log2(predicted / measured)));
  EXPECT_LT(measured, 5 * predicted) << where;
  EXPECT_LT(predicted, most * measured) << where;
  const double noise = publication_noise(predicted);
  EXPECT_GE(noise, 0x1p8 * predicted) << where;
}

TEST_P(ModelNoise, IsWhatIsPredicted) {
  const Parameters& parameters = *scheme().parameters;
  const int classes = GetParam().classes;
  Dataset set = clouds(classes, 1);
  FinetuningSettings settings = preset_settings(GetParam().preset, set);
  if (settings.epsilon > 0) set.features = Whitening::fit(set.features).apply(set.features);
  TrainingConfig& config = settings.config;
  if (config.steps == 0) set_epochs(config, 6);
  const ProductLayout shape =
      ProductLayout::plan(parameters, 1024, kFeatures + 1, static_cast<std::size_t>(classes), 1024);
  const ProductLayout layout = ProductLayout::create(
      parameters, kSamples, kFeatures + 1, static_cast<std::size_t>(classes), shape.width);
  // Less than all samples, so that there are steps of several sizes.
  config.batch_size = 300 / layout.rows() * layout.rows();
  const HeadCircuit& circuit =
      find_circuit({.family = settings.softmax, .range = settings.range}, classes);

  const std::span<const float> features(set.features.data(),
                                        static_cast<std::size_t>(set.features.size()));
  const FeatureSizes sizes = feature_sizes(parameters, layout, features);
  const TrainingKeys keys = make_training_keys(scheme().secrets, scheme().bootstrapper, layout);
  const EncryptedDataset data = encrypt_dataset(scheme().secrets, layout, features, set.labels);
  EncryptedTrainer trainer(scheme().parameters, scheme().bootstrapper, data, keys, config, circuit);

  // What encryption replaces, and nothing else, is the same in the clear.
  const double scale = EncryptedTrainer::coefficient_scale(parameters, circuit);
  const auto rounded = [scale](std::span<const double> c) {
    return EncryptedTrainer::round_coefficients(c, scale);
  };
  PlainOptions options;
  options.measure_models = false;
  options.rounding = rounded;
  options.predictions = [&](std::span<const double> z, std::span<double> p) {
    circuit.evaluate(z, p);
  };
  const PlainResult clear = train_plain(set, nullptr, config, options);
  const UpdatePlan plan(config, kSamples);

  // Curvature pulls errors back in all directions but one a feature, the sum over classes; the bound
  // leaves that out.
  const double most = 2 * std::sqrt(static_cast<double>(classes));
  while (trainer.done() < trainer.steps()) {
    trainer.step();
    const int t = trainer.done();
    if (t != 1 && t != trainer.steps() / 2 && t != trainer.steps()) continue;
    Eigen::MatrixXd expected = Eigen::MatrixXd::Zero(classes, kFeatures + 1);
    const std::vector<double> c = rounded(plan.model(t));
    for (std::size_t s = 0; s < c.size(); ++s) expected += c[s] * clear.gradients[s];
    const EncryptedModel model = trainer.model();
    const std::vector<double> values = decrypt_model(scheme().secrets, model, kAny);
    const Eigen::MatrixXd weights =
        Eigen::Map<const Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>(
            values.data(), classes, kFeatures + 1);
    const double predicted = model_noise(parameters, layout, config, t, circuit, sizes);
    // What `finetune` holds a server to, single precision aside.
    EXPECT_TRUE(
        WeightDifference::between({weights.leftCols(kFeatures), weights.col(kFeatures)}, expected)
            .explained(predicted, 0));
    expect_bound(rms(weights - expected), predicted, most, "after_" + std::to_string(t));
    if (t != trainer.steps()) continue;

    const EncryptedScores encrypted = predict(scheme().parameters, model, data, keys);
    const std::vector<double> scored = decrypt_scores(scheme().secrets, encrypted, kAny);
    Eigen::MatrixXd errors(kSamples, classes);
    for (Eigen::Index i = 0; i < errors.rows(); ++i)
      for (Eigen::Index k = 0; k < classes; ++k) {
        double score = expected(k, kFeatures);
        for (Eigen::Index j = 0; j < static_cast<Eigen::Index>(kFeatures); ++j)
          score += expected(k, j) * static_cast<double>(set.features(i, j));
        errors(i, k) = scored[static_cast<std::size_t>(i * classes + k)] - score;
      }
    // Published scores are given noise for models of this norm, and those beyond it are refused.
    const double norm_w = weights.rowwise().norm().maxCoeff();
    const double limit = weight_norm_limit(config, kSamples, t, circuit, sizes);
    EXPECT_LT(4 * norm_w, limit);
    RecordProperty("norm_of_limit", std::to_string(norm_w / limit));
    expect_bound(rms(errors), score_noise(parameters, layout, predicted, norm_w, circuit, sizes),
                 2 * most, "scores");
  }
}

INSTANTIATE_TEST_SUITE_P(Presets, ModelNoise,
                         ::testing::Values(Case{"fast", 3}, Case{"thorough", 3}, Case{"paper", 3},
                                           Case{"fast", 2}, Case{"thorough", 10}),
                         [](const auto& test) {
                           return std::string(test.param.preset) +
                                  std::to_string(test.param.classes);
                         });

TEST(FeatureSizes, AreRootMeanSquares) {
  const Parameters& parameters = *scheme().parameters;
  const ProductLayout l = ProductLayout::create(parameters, 4, 3, 2, 4);
  const std::vector<float> ones(8, 1.f), mixed = {3, 0, -3, 0, 3, 0, -3, 0};
  const FeatureSizes of_ones = feature_sizes(parameters, l, ones);
  EXPECT_DOUBLE_EQ(of_ones.largest, 1);
  EXPECT_DOUBLE_EQ(of_ones.norm, std::sqrt(3));
  EXPECT_LT(of_ones.local, 1);  // one of four places is empty
  EXPECT_GT(of_ones.local, 0.7);
  const FeatureSizes of_mixed = feature_sizes(parameters, l, mixed);
  EXPECT_DOUBLE_EQ(of_mixed.largest, 3);
  EXPECT_DOUBLE_EQ(of_mixed.norm, std::sqrt(10));
  EXPECT_GT(of_mixed.local, 1);
  EXPECT_LT(of_mixed.local, 3);
}

TEST(ModelNoise, RefusesStepsThatTheConfigurationHasNot) {
  const Parameters& parameters = *scheme().parameters;
  const ProductLayout l = ProductLayout::create(parameters, 4, 3, 2, 4);
  TrainingConfig config;
  config.classes = 2;
  const HeadCircuit& circuit = find_circuit({}, 2);
  EXPECT_GT(model_noise(parameters, l, config, config.steps, circuit, {}), 0);
  EXPECT_THROW(model_noise(parameters, l, config, config.steps + 1, circuit, {}), DataError);
  EXPECT_THROW(model_noise(parameters, l, config, 0, circuit, {}), DataError);
  EXPECT_THROW(weight_norm_limit(config, 4, config.steps + 1, circuit, {}), DataError);
}

}  // namespace
}  // namespace blindtuner
