// A training under keys that several owners made together, against the same training in the clear.
#include <cstdio>

#include "learn/encrypted_trainer.h"
#include "learn/model_noise.h"
#include "learn/reference/plain_reference.h"
#include "linalg/joint_dataset.h"
#include "secret/dataset_encryption.h"
#include "secret/decryption.h"
#include "secret/joint_fixture.h"

namespace blindtuner::joint_training_test {
using namespace learn;
using namespace reference;
namespace {

using namespace testing_support;

constexpr PlausibleValues kAnything{HUGE_VAL, HUGE_VAL, HUGE_VAL};

enum class Split { kNone, kRows, kColumns };

struct Study {
  const char* parameters;
  std::size_t owners;
  double tolerance;  ///< of the model's weights, whose size is about 1
  /// Whose the data are: of somebody who has the secret of all, or of the owners, each under its own.
  Split split = Split::kNone;
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

// Owners of a single sample, of few without some of the classes, and of the rest.
std::vector<std::size_t> uneven(std::size_t samples) { return {1, 150, samples - 151}; }

// Sorted so that the first two owners have classes 0 to 4 alone.
void sort_classes(Dataset& set) {
  std::vector<std::uint32_t> order;
  for (const bool low : {true, false})
    for (std::uint32_t i = 0; i < set.size(); ++i)
      if ((set.labels[i] < 5) == low) order.push_back(i);
  set = select(set, order);
}

// What every owner sends, under the secret of all; and the union where its places are, in the clear: the constant
// column is one of the features, so that places without a sample have nothing of it.
EncryptedDataset contributions(const JointOwners& o, const Arrangement& arrangement,
                               const Dataset& set, Dataset& clear) {
  const ProductLayout& l = arrangement.layout;
  const std::vector<KeyPlan> plans = way_in_plans(*o.parameters, o.owners.size());
  clear.classes = set.classes;
  clear.features.setZero(static_cast<Eigen::Index>(l.samples),
                         static_cast<Eigen::Index>(l.features));
  clear.labels.assign(l.samples, 0);
  JointDataset joint(arrangement);
  std::size_t first_row = 0, first_column = 0;
  for (std::size_t k = 0; k < o.owners.size(); ++k) {
    const OwnerCells& cells = arrangement.owners[k];
    std::vector<float> x;
    std::vector<int> y;
    for (std::size_t i = 0; i < cells.rows; ++i) {
      const auto row = static_cast<Eigen::Index>(first_row + i);
      const auto place =
          static_cast<Eigen::Index>(cells.blocks[i / l.rows()] * l.rows() + i % l.rows());
      for (std::size_t j = 0; j < cells.columns; ++j) {
        x.push_back(set.features(row, static_cast<Eigen::Index>(first_column + j)));
        clear.features(place, static_cast<Eigen::Index>(arrangement.column(k, j))) = x.back();
      }
      if (cells.constant) clear.features(place, clear.features.cols() - 1) = 1;
      if (!cells.labels) continue;
      y.push_back(set.labels[static_cast<std::size_t>(row)]);
      clear.labels[static_cast<std::size_t>(place)] = y.back();
    }
    const CellEncryption encryption(o.owners[k].small, l, cells, x, y);
    const KeySwitchKey way_in = o.key(plans[k]);
    for (std::size_t i = 0; i < encryption.feature_count(); ++i)
      joint.add_feature(k, i, encryption.feature(i), way_in);
    for (std::size_t i = 0; i < encryption.label_count(); ++i)
      joint.add_label(k, i, encryption.label(i), way_in);
    EXPECT_THROW(encryption.feature(0), ContractError);
    EXPECT_EQ(joint.complete(), k + 1 == o.owners.size());
    // The next owner's samples, or its columns of the same.
    if (arrangement.samples == cells.rows)
      first_column += cells.columns;
    else
      first_row += cells.rows;
  }
  return std::move(joint).finish();
}

/// Without the constant column, wherever the set has it.
FeatureMatrix features_of(const Dataset& set, const ProductLayout& l) {
  return set.features.leftCols(static_cast<Eigen::Index>(l.features - 1));
}

TEST_P(JointTraining, FollowsTheClearRun) {
  const Study& study = GetParam();
  Dataset set = clouds(600);
  TrainingConfig config;
  config.classes = set.classes;
  config.batch_size = 256;
  config.steps = 4;
  config.learning_rate = 4;
  const HeadCircuit& circuit = find_circuit({.head = "softmax", .range = 12}, config.classes);

  const JointOwners o(Parameters::create(find_parameters(study.parameters)), study.owners);
  const Parameters& p = *o.parameters;
  ProductLayout layout = ProductLayout::create(p, set.size(), 21, 10, 8);
  Arrangement arrangement;
  if (study.split == Split::kRows) {
    sort_classes(set);
    arrangement = arrange_rows(p, uneven(set.size()), 20, 10, 8, config.batch_size / layout.rows());
  } else if (study.split == Split::kColumns) {
    arrangement = arrange_columns(p, set.size(), std::vector<std::size_t>{7, 13}, 0, 10, 8);
  }
  if (study.split != Split::kNone) {
    layout = arrangement.layout;
    config = for_places(config, layout.rows(), arrangement.filled());
  }
  const Bootstrapper bootstrapper(o.parameters,
                                  EncryptedTrainer::bootstrap_shape(p, layout, config));
  const TrainingKeys keys{
      layout,
      o.bootstrap_keys(bootstrapper, class_sum_rotations(p, layout.class_stride),
                       p.circuit_start()),
      o.product_keys(layout)};
  Dataset clear_set = set;
  const EncryptedDataset data =
      study.split == Split::kNone
          ? encrypt_dataset(o.sum, layout,
                            {set.features.data(), static_cast<std::size_t>(set.features.size())},
                            set.labels)
          : contributions(o, arrangement, set, clear_set);
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
  if (study.split != Split::kNone) options.bias_feature = 0;
  PlainResult clear = train_plain(clear_set, nullptr, config, options);
  if (study.split != Split::kNone) clear.weights = clear.model.weights;
  ASSERT_LT(clear.max_logit, circuit.range);
  ASSERT_EQ(weights.size(), static_cast<std::size_t>(clear.weights.size()));
  double worst = 0, largest = 0, squares = 0;
  for (Eigen::Index k = 0; k < clear.weights.rows(); ++k)
    for (Eigen::Index j = 0; j < clear.weights.cols(); ++j) {
      const double w = clear.weights(k, j);
      largest = std::max(largest, std::abs(w));
      const double error =
          std::abs(weights[static_cast<std::size_t>(k * clear.weights.cols() + j)] - w);
      worst = std::max(worst, error);
      squares += error * error;
    }
  // What an opening's noise is made for, from the largest number of owners that the set is for.
  const FeatureMatrix x = features_of(clear_set, layout);
  const FeatureSizes sizes =
      feature_sizes(p, layout, {x.data(), static_cast<std::size_t>(x.size())});
  const double predicted = model_noise(p, layout, config, config.steps, circuit, sizes);
  const double measured = std::sqrt(squares / static_cast<double>(weights.size()));
  std::printf("%s, %zu owners: weights to %.2f, worst error 2^%.2f, all 2^%.2f, bound 2^%.2f\n",
              study.parameters, study.owners, largest, std::log2(worst), std::log2(measured),
              std::log2(predicted));
  EXPECT_LT(worst, study.tolerance);
  EXPECT_LT(measured, 2 * predicted);
  EXPECT_LT(predicted, 8 * measured);
}

std::string study_name(const ::testing::TestParamInfo<Study>& test) {
  const Study& study = test.param;
  const char* split = study.split == Split::kRows      ? "WithRows"
                      : study.split == Split::kColumns ? "WithColumns"
                                                       : "";
  return study.parameters + std::string("Of") + std::to_string(study.owners) + split;
}

INSTANTIATE_TEST_SUITE_P(Owners, JointTraining,
                         ::testing::Values(Study{"InsecureJoint4", 2, 0x1p-13, Split::kColumns},
                                           Study{"InsecureJoint4", 3, 0x1p-13, Split::kRows},
                                           Study{"InsecureJoint4", 4, 0x1p-13},
                                           Study{"InsecureJoint16", 16, 0x1p-12}),
                         study_name);

}  // namespace
}  // namespace blindtuner::joint_training_test
