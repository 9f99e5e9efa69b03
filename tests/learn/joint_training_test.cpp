// A training under keys that several owners made together, against the same training in the clear.
#include <cstdio>

#include "learn/encrypted_trainer.h"
#include "learn/reference/plain_reference.h"
#include "secret/dataset_encryption.h"
#include "secret/decryption.h"
#include "secret/joint_fixture.h"

namespace blindtuner {
using namespace learn;
using namespace reference;
namespace {

using namespace testing_support;

constexpr PlausibleValues kAnything{HUGE_VAL, HUGE_VAL, HUGE_VAL};

struct Study {
  const char* parameters;
  std::size_t owners;
  double tolerance;  ///< of the model's weights, whose size is about 1
};

class JointTraining : public ::testing::TestWithParam<Study> {};

// Ten clouds in 20 dimensions.
Dataset clouds(std::size_t samples) {
  Prng prng(Seed{1});
  Dataset set;
  set.classes = 10;
  Eigen::MatrixXd centres(set.classes, 20);
  for (Eigen::Index k = 0; k < centres.rows(); ++k)
    for (Eigen::Index j = 0; j < centres.cols(); ++j) centres(k, j) = normal_pair(prng).first * 0.6;
  set.features.resize(static_cast<Eigen::Index>(samples), centres.cols());
  for (Eigen::Index i = 0; i < set.features.rows(); ++i) {
    const auto label = static_cast<int>(i % set.classes);
    set.labels.push_back(label);
    for (Eigen::Index j = 0; j < centres.cols(); ++j)
      set.features(i, j) = static_cast<float>(0.8 * normal_pair(prng).first + centres(label, j));
  }
  return set;
}

TEST_P(JointTraining, FollowsTheClearRun) {
  const Study& study = GetParam();
  const Dataset set = clouds(600);
  TrainingConfig config;
  config.classes = set.classes;
  config.batch_size = 256;
  config.steps = 4;
  config.learning_rate = 4;
  const HeadCircuit& circuit = find_circuit({.head = "softmax", .range = 12}, config.classes);

  const JointOwners o(Parameters::create(find_parameters(study.parameters)), study.owners);
  const Parameters& p = *o.parameters;
  const ProductLayout layout = ProductLayout::create(p, set.size(), 21, 10, 8);
  const Bootstrapper bootstrapper(o.parameters,
                                  EncryptedTrainer::bootstrap_shape(p, layout, config));
  const TrainingKeys keys{
      layout,
      o.bootstrap_keys(bootstrapper, class_sum_rotations(p, layout.class_stride),
                       p.circuit_start()),
      o.product_keys(layout)};
  const EncryptedDataset data = encrypt_dataset(
      o.sum, layout, {set.features.data(), static_cast<std::size_t>(set.features.size())},
      set.labels);
  EncryptedTrainer trainer(o.parameters, bootstrapper, data, keys, config, circuit);
  while (trainer.done() < trainer.steps()) trainer.step();
  const std::vector<double> weights = decrypt_model(o.sum, trainer.model(), kAnything);

  PlainOptions options;
  const double scale = EncryptedTrainer::coefficient_scale(p, circuit);
  options.rounding = [scale](std::span<const double> x) {
    return EncryptedTrainer::round_coefficients(x, scale);
  };
  options.predictions = [&circuit](std::span<const double> z, std::span<double> out) {
    circuit.evaluate(z, out);
  };
  const PlainResult clear = train_plain(set, nullptr, config, options);
  ASSERT_LT(clear.max_logit, circuit.range);
  ASSERT_EQ(weights.size(), static_cast<std::size_t>(clear.weights.size()));
  double worst = 0, largest = 0;
  for (Eigen::Index k = 0; k < clear.weights.rows(); ++k)
    for (Eigen::Index j = 0; j < clear.weights.cols(); ++j) {
      const double w = clear.weights(k, j);
      largest = std::max(largest, std::abs(w));
      worst = std::max(
          worst, std::abs(weights[static_cast<std::size_t>(k * clear.weights.cols() + j)] - w));
    }
  std::printf("%s, %zu owners: weights to %.2f, worst error 2^%.2f\n", study.parameters,
              study.owners, largest, std::log2(worst));
  EXPECT_LT(worst, study.tolerance);
}

INSTANTIATE_TEST_SUITE_P(Owners, JointTraining,
                         ::testing::Values(Study{"InsecureJoint4", 2, 0x1p-13},
                                           Study{"InsecureJoint4", 4, 0x1p-13},
                                           Study{"InsecureJoint16", 16, 0x1p-12}),
                         [](const auto& study) {
                           return study.param.parameters + std::string("Of") +
                                  std::to_string(study.param.owners);
                         });

}  // namespace
}  // namespace blindtuner
