#include "learn/encrypted_trainer.h"

#include "features/samples/shuffle.h"
#include "learn/encrypted_fixture.h"
#include "learn/heads/polynomial_circuit.h"
#include "learn/heads/squared.h"
#include "learn/reference/metrics.h"
#include "learn/reference/plain_reference.h"
#include "learn/result_shape.h"
#include "secret/dataset_encryption.h"
#include "secret/decryption.h"

namespace blindtuner {
using namespace reference;
using namespace secret;
namespace {

using namespace testing_support;

/// Overlapping clouds; the features have unit variance, as whitened ones do.
Dataset clouds(std::size_t samples, std::size_t features, int classes, std::uint64_t seed) {
  Prng prng(numbered_seed(seed));
  Dataset set;
  set.classes = classes;
  const auto d = static_cast<Eigen::Index>(features);
  Eigen::MatrixXd centres(classes, d);
  for (Eigen::Index k = 0; k < classes; ++k)
    for (Eigen::Index j = 0; j < d; ++j) centres(k, j) = normal_pair(prng).first * 0.6;
  set.features.resize(static_cast<Eigen::Index>(samples), d);
  for (Eigen::Index i = 0; i < static_cast<Eigen::Index>(samples); ++i) {
    const int label = static_cast<int>(uniform_below(prng, static_cast<std::uint64_t>(classes)));
    set.labels.push_back(label);
    for (Eigen::Index j = 0; j < d; ++j)
      set.features(i, j) = static_cast<float>(0.8 * normal_pair(prng).first + centres(label, j));
  }
  return set;
}

struct Setting {
  std::string name;
  std::size_t samples, features, width;
  TrainingConfig config;
};

std::ostream& operator<<(std::ostream& out, const Setting& s) { return out << s.name; }

// Of |gradient - clear| / sqrt(batch size): at widths up to 16 the small ring's noise is 2^-16.5
// (docs/NOISE.md), softmax's a hundredth of it.
constexpr double kGradientTolerance = 0x1p-13;

TrainingConfig config(int classes, std::size_t batch, int steps, double rate) {
  TrainingConfig c;
  c.classes = classes;
  c.batch_size = batch;
  c.steps = steps;
  c.learning_rate = rate;
  return c;
}

/// Everything that one training run needs, encrypted.
struct Encrypted {
  Encrypted(const Dataset& set, std::size_t width)
      : layout(ProductLayout::create(*scheme().parameters, set.size(),
                                     static_cast<std::size_t>(set.features.cols()) + 1,
                                     static_cast<std::size_t>(set.classes), width)),
        keys(make_training_keys(scheme().secrets, scheme().bootstrapper, layout)),
        data(encrypt_dataset(scheme().secrets, layout,
                             {set.features.data(), static_cast<std::size_t>(set.features.size())},
                             set.labels)) {}

  struct Scheme {
    ParametersPtr parameters = Parameters::create(find_parameters("InsecureTest12"));
    SecretKeys secrets = SecretKeys::generate(parameters);
    Bootstrapper bootstrapper{parameters};
    /// The one that a run of these batches uses.
    const Bootstrapper& folding(std::optional<int> bit) const {
      if (!bit) return bootstrapper;
      static std::map<int, Bootstrapper> kept;
      if (const auto found = kept.find(*bit); found != kept.end()) return found->second;
      BootstrapShape shape = BootstrapShape::standard(*parameters);
      shape.fold_bit = bit;
      return kept.emplace(*bit, Bootstrapper(parameters, shape)).first->second;
    }
  };
  static const Scheme& scheme() {
    static const Scheme scheme;
    return scheme;
  }
  EncryptedTrainer trainer(const TrainingConfig& c, const HeadCircuit& circuit) const {
    return {scheme().parameters,
            scheme().folding(EncryptedTrainer::fold_bit(layout, c)),
            data,
            keys,
            c,
            circuit};
  }

  ProductLayout layout;
  TrainingKeys keys;
  EncryptedDataset data;
};

const HeadCircuit& circuit_for(const TrainingConfig& c) {
  return find_circuit({.head = c.head, .range = c.head == "softmax" ? 12.0 : 0.0}, c.classes);
}

PlainResult clear_run(const Dataset& set, const TrainingConfig& c, const HeadCircuit& circuit) {
  PlainOptions options;
  const double scale =
      EncryptedTrainer::coefficient_scale(*Encrypted::scheme().parameters, circuit);
  options.rounding = [scale](std::span<const double> x) {
    return EncryptedTrainer::round_coefficients(x, scale);
  };
  options.predictions = [&circuit](std::span<const double> z, std::span<double> p) {
    circuit.evaluate(z, p);
  };
  return train_plain(set, nullptr, c, options);
}

constexpr PlausibleValues kAnything{HUGE_VAL, HUGE_VAL, HUGE_VAL};

/// classes x (features + 1)
Eigen::MatrixXd decrypted(const std::vector<Ciphertext>& packs, const ProductLayout& layout,
                          const PlausibleValues& plausible = kAnything) {
  EncryptedModel model{layout, {}};
  for (const Ciphertext& c : packs) model.weights.push_back(c.copy());
  const std::vector<double> values = decrypt_model(Encrypted::scheme().secrets, model, plausible);
  return Eigen::Map<const Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>(
      values.data(), static_cast<Eigen::Index>(layout.classes),
      static_cast<Eigen::Index>(layout.features));
}

bool same_bits(const std::vector<Ciphertext>& a, const std::vector<Ciphertext>& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i)
    for (auto part : {&Ciphertext::c0, &Ciphertext::c1})
      for (std::size_t l = 0; l < 2; ++l) {
        if (!std::ranges::equal(Residues(a[i].*part)[l], Residues(b[i].*part)[l])) return false;
      }
  return true;
}

std::vector<std::vector<Ciphertext>> copies(const std::vector<std::vector<Ciphertext>>& list) {
  std::vector<std::vector<Ciphertext>> out;
  for (const auto& one : list) {
    out.emplace_back();
    for (const Ciphertext& c : one) out.back().push_back(c.copy());
  }
  return out;
}

std::vector<Setting> settings() {
  std::vector<Setting> list;
  // 64 rows a block, 4 blocks a super-block: batches of one super-block, the last one short.
  list.push_back({"Plain", 700, 20, 8, config(10, 256, 4, 4)});
  // Two super-blocks and part of one; one pack holds all weights.
  list.push_back({"MomentumMiniBatches", 600, 10, 8, config(10, 320, 3, 2)});
  list.back().config.method = Method::kMomentum;
  list.back().config.momentum = 0.5;
  list.back().config.l2 = 0.01;
  list.back().config.first_batch_full = false;
  // A super-block holds 2048 samples: batches are a quarter of it.
  list.push_back({"NesterovTwoClasses", 1200, 12, 4, config(2, 512, 4, 1)});
  list.back().config.method = Method::kNesterov;
  list.back().config.first_batch_full = false;
  // Blocks of 32 rows and stride 32: super-blocks of 128.
  list.push_back({"AveragedTwentyClasses", 300, 24, 16, config(20, 192, 3, 3)});
  list.back().config.averaging_start = 0;
  list.back().config.schedule = Schedule::kCosine;
  list.back().config.rate_floor = 0.1;
  // The other heads: with and without a known first step of all samples, with missing classes, folded.
  list.push_back({"Sigmoid", 700, 20, 8, config(10, 256, 4, 4)});
  list.back().config.head = "sigmoid";
  list.push_back({"SigmoidFolded", 600, 12, 8, config(3, 128, 3, 4)});
  list.back().config.head = "sigmoid";
  list.back().config.method = Method::kNesterov;
  list.back().config.momentum = 0.4;
  list.back().config.first_batch_full = false;
  list.push_back({"Squared", 700, 20, 8, config(10, 256, 4, 0.5)});
  list.back().config.head = "squared";
  list.push_back({"SquaredFolded", 600, 12, 8, config(3, 128, 5, 0.3)});
  list.back().config.head = "squared";
  list.back().config.method = Method::kNesterov;
  list.back().config.momentum = 0.4;
  list.back().config.first_batch_full = false;
  list.back().config.averaging_start = 2;
  return list;
}

class Training : public ::testing::TestWithParam<Setting> {};

TEST_P(Training, FollowsTheClearRunStepByStep) {
  const Setting& s = GetParam();
  const HeadCircuit& circuit = circuit_for(s.config);
  const Dataset set = clouds(s.samples, s.features, s.config.classes, 1);
  const PlainResult clear = clear_run(set, s.config, circuit);
  ASSERT_LT(clear.max_logit, circuit.range);
  const Encrypted run(set, s.width);
  EncryptedTrainer trainer = run.trainer(s.config, circuit);
  ASSERT_EQ(trainer.steps(), static_cast<int>(clear.steps.size()));
  for (int t = 0; t < trainer.steps(); ++t) {
    double told = 0;
    const StepTimes times = trainer.step([&](double fraction) {
      EXPECT_GT(fraction, told);
      told = fraction;
    });
    EXPECT_EQ(told, 1);
    EXPECT_EQ(t == 0, times.bootstrap == 0);  // the first step knows its probabilities
    ASSERT_EQ(trainer.done(), t + 1);
    const auto step = static_cast<std::size_t>(t);
    const Eigen::MatrixXd gradient = decrypted(trainer.gradients()[step], run.layout);
    const double worst = (gradient - clear.gradients[step]).cwiseAbs().maxCoeff();
    const double unit = std::sqrt(static_cast<double>(clear.steps[step].batch));
    EXPECT_LT(worst / unit, kGradientTolerance) << "step " << t;
    RecordProperty("step" + std::to_string(t), std::to_string(std::log2(worst / unit)));
  }
  EXPECT_THROW(trainer.step(), ContractError);

  const EncryptedModel model = trainer.model();
  const ParametersPtr parameters = Encrypted::scheme().parameters;
  require_shape(model.weights, *parameters, model_shape(*parameters, run.layout, circuit));
  const Eigen::MatrixXd weights =
      decrypted(model.weights, run.layout,
                plausible_weights(*parameters, run.layout, s.config, circuit, trainer.done()));
  EXPECT_LT((weights - clear.weights).cwiseAbs().maxCoeff(), 1e-3);

  EXPECT_EQ(decrypt_labels(Encrypted::scheme().secrets, run.data), set.labels);

  // predict() of the encrypted model on the training set.
  const EncryptedScores encrypted = predict(parameters, model, run.data, run.keys);
  require_shape(encrypted.scores, *parameters, score_shape(*parameters, run.layout, circuit));
  const std::vector<double> scores = decrypt_scores(
      Encrypted::scheme().secrets, encrypted, plausible_scores(*parameters, run.layout, circuit));
  ASSERT_EQ(scores.size(), s.samples * static_cast<std::size_t>(s.config.classes));
  double worst = 0;
  std::size_t right = 0;
  for (std::size_t i = 0; i < s.samples; ++i) {
    const auto row = static_cast<Eigen::Index>(i);
    const std::size_t classes = run.layout.classes;
    for (std::size_t k = 0; k < classes; ++k) {
      const auto cls = static_cast<Eigen::Index>(k);
      double expected = weights(cls, weights.cols() - 1);
      for (Eigen::Index j = 0; j < set.features.cols(); ++j)
        expected += weights(cls, j) * set.features(row, j);
      worst = std::max(worst, std::abs(scores[i * classes + k] - expected));
    }
    const auto begin = scores.begin() + static_cast<std::ptrdiff_t>(i * classes);
    const auto best = std::max_element(begin, begin + static_cast<std::ptrdiff_t>(classes));
    right += best - begin == set.labels[i];
  }
  EXPECT_LT(worst, 1e-4);
  const double accuracy = static_cast<double>(right) / static_cast<double>(s.samples);
  EXPECT_NEAR(accuracy, clear.steps.back().train_accuracy, 0.004);
  EXPECT_GT(accuracy, 1.5 / s.config.classes);
  RecordProperty("accuracy", std::to_string(accuracy));
}

// Bounds on what honest runs leave in places that hold nothing are bounds, and near ones.
TEST(EncryptedTrainer, LeavesWhatItIsHeldTo) {
  TrainingConfig c = config(3, 128, 6, 2);
  c.method = Method::kNesterov;
  c.momentum = 0.4;
  const HeadCircuit& circuit = circuit_for(c);
  const Dataset set = clouds(300, 9, 3, 2);
  const Encrypted run(set, 8);
  const Parameters& parameters = *Encrypted::scheme().parameters;
  EncryptedTrainer trainer = run.trainer(c, circuit);
  while (trainer.done() < 3) trainer.step();
  const EncryptedModel model = trainer.model();
  const EncryptedScores encrypted =
      predict(Encrypted::scheme().parameters, model, run.data, run.keys);
  const SecretKeys& secrets = Encrypted::scheme().secrets;
  const auto refused = [](const auto& decrypts, PlausibleValues bound, auto field, double factor) {
    bound.*field *= factor;
    try {
      decrypts(bound);
    } catch (const DataError&) {
      return true;
    }
    return false;
  };
  const PlausibleValues weights = plausible_weights(parameters, run.layout, c, circuit, 3);
  const auto opens = [&](const PlausibleValues& bound) { decrypt_model(secrets, model, bound); };
  EXPECT_FALSE(refused(opens, weights, &PlausibleValues::empty, 0.5));
  EXPECT_TRUE(refused(opens, weights, &PlausibleValues::empty, 0x1p-9));
  EXPECT_FALSE(refused(opens, weights, &PlausibleValues::least, 4));
  EXPECT_FALSE(refused(opens, weights, &PlausibleValues::padding, 0.5));
  EXPECT_TRUE(refused(opens, weights, &PlausibleValues::padding, 0x1p-8));
  EXPECT_FALSE(refused(opens, weights, &PlausibleValues::largest, 0x1p-8));
  const PlausibleValues logits = plausible_scores(parameters, run.layout, circuit);
  const auto scores = [&](const PlausibleValues& bound) {
    decrypt_scores(secrets, encrypted, bound);
  };
  EXPECT_FALSE(refused(scores, logits, &PlausibleValues::empty, 0.5));
  EXPECT_TRUE(refused(scores, logits, &PlausibleValues::empty, 0x1p-9));
  EXPECT_FALSE(refused(scores, logits, &PlausibleValues::padding, 0x1p-8));
}

TEST(EncryptedTrainer, FoldsWhereBatchesFillHalfOfASuperBlockOrLess) {
  const auto fold = [](std::size_t samples, int classes, std::size_t width, std::size_t batch) {
    const ProductLayout layout = ProductLayout::create(*Encrypted::scheme().parameters, samples, 13,
                                                       static_cast<std::size_t>(classes), width);
    return EncryptedTrainer::fold_bit(layout, config(classes, batch, 6, 1)).has_value();
  };
  // 64 rows a block, 4 blocks a super-block.
  EXPECT_TRUE(fold(1024, 10, 8, 128));
  EXPECT_TRUE(fold(1024, 10, 8, 64));
  EXPECT_FALSE(fold(1024, 10, 8, 192));
  EXPECT_FALSE(fold(1024, 10, 8, 256));
  // A stride of two: blocks move by four at a time, and the second of three batches does not.
  EXPECT_TRUE(fold(2048, 2, 4, 512));
  EXPECT_FALSE(fold(4096, 2, 4, 1152));
  // One block a super-block.
  EXPECT_FALSE(fold(1024, 20, 4, 128));
}

INSTANTIATE_TEST_SUITE_P(Settings, Training, ::testing::ValuesIn(settings()),
                         [](const auto& setting) { return setting.param.name; });

// The server has no randomness: two runs, or one continued from kept gradients, are the same bits.
TEST(EncryptedTrainer, IsDeterministicAndContinuesFromKeptGradients) {
  TrainingConfig c = config(3, 128, 4, 2);
  c.method = Method::kNesterov;
  const HeadCircuit& circuit = circuit_for(c);
  const Dataset set = clouds(300, 7, 3, 2);
  const Encrypted run(set, 8);
  EncryptedTrainer whole = run.trainer(c, circuit);
  EXPECT_THROW(whole.model(), ContractError);
  for (int t = 0; t < 4; ++t) whole.step();

  EncryptedTrainer second = run.trainer(c, circuit);
  for (int t = 0; t < 2; ++t) second.step();
  for (std::size_t t = 0; t < 2; ++t)
    EXPECT_TRUE(same_bits(second.gradients()[t], whole.gradients()[t]));

  EncryptedTrainer continued = run.trainer(c, circuit);
  continued.restore(copies(second.gradients()));
  EXPECT_EQ(continued.done(), 2);
  for (int t = 2; t < 4; ++t) continued.step();
  for (std::size_t t = 0; t < 4; ++t)
    EXPECT_TRUE(same_bits(continued.gradients()[t], whole.gradients()[t]));
  EXPECT_TRUE(same_bits(continued.model().weights, whole.model().weights));

  // What does not belong is refused and leaves the trainer as it was.
  auto gradients = copies(whole.gradients());
  gradients.push_back(std::move(copies(whole.gradients())[0]));
  EXPECT_THROW(second.restore(std::move(gradients)), DataError);
  gradients = copies(whole.gradients());
  gradients[1].clear();
  EXPECT_THROW(second.restore(std::move(gradients)), DataError);
  gradients = copies(whole.gradients());
  gradients[1][0].scale *= 2;
  EXPECT_THROW(second.restore(std::move(gradients)), DataError);
  gradients = copies(whole.gradients());
  gradients[3][0].drop_to(1);
  EXPECT_THROW(second.restore(std::move(gradients)), DataError);
  EXPECT_EQ(second.done(), 2);
  second.restore({});
  EXPECT_EQ(second.done(), 0);
}

// HETAL's setting in small: features as a transformer leaves them (positive, correlated, of unequal
// sizes), no whitening, batches of 512, Nesterov's own momentum, no full first batch.
TEST(EncryptedTrainer, RunsThePapersOwnSetting) {
  TrainingConfig c = config(3, 512, 0, 0.5);
  c.epochs = 2;
  c.method = Method::kNesterov;
  c.first_batch_full = false;
  Dataset set = clouds(1100, 15, 3, 3);
  for (Eigen::Index i = 0; i < set.features.rows(); ++i)
    for (Eigen::Index j = 0; j < set.features.cols(); ++j) {
      const auto previous = j > 0 ? set.features(i, j - 1) : 0.f;
      set.features(i, j) = 0.5f * previous + std::max(0.f, set.features(i, j)) *
                                                 (0.2f + 0.1f * static_cast<float>(j % 5));
    }
  const HeadCircuit& circuit = circuit_for(c);
  const PlainResult clear = clear_run(set, c, circuit);
  const Encrypted run(set, 8);
  EncryptedTrainer trainer = run.trainer(c, circuit);
  ASSERT_EQ(trainer.steps(), 6);
  while (trainer.done() < trainer.steps()) trainer.step();
  const Eigen::MatrixXd weights = decrypted(trainer.model().weights, run.layout);
  EXPECT_LT((weights - clear.weights).cwiseAbs().maxCoeff(), 1e-3);
  EXPECT_GT(clear.steps.back().train_accuracy, 0.6);
}

// A rate at which training diverges: scores wrap around, softmax leaves its range, and the result
// is garbage; but every step runs and everything decrypts.
TEST(EncryptedTrainer, SurvivesDivergence) {
  const TrainingConfig c = config(3, 300, 3, 1e6);
  const Dataset set = clouds(300, 5, 3, 4);
  const Encrypted run(set, 8);
  EncryptedTrainer trainer = run.trainer(c, circuit_for(c));
  for (int t = 0; t < 3; ++t) ASSERT_NO_THROW(trainer.step());
  const Eigen::MatrixXd weights = decrypted(trainer.model().weights, run.layout);
  EXPECT_TRUE(weights.allFinite());
}

template <typename F>
void expect_data_error(F&& f, const std::string& part) {
  try {
    f();
    ADD_FAILURE() << "no DataError about '" << part << "'";
  } catch (const DataError& error) {
    EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
  }
}

TEST(EncryptedTrainer, RefusesWhatDoesNotFit) {
  const auto& scheme = Encrypted::scheme();
  const TrainingConfig good = config(3, 128, 2, 2);
  const HeadCircuit& circuit = circuit_for(good);
  const Dataset set = clouds(300, 7, 3, 5);
  Encrypted run(set, 8);
  EXPECT_NO_THROW(run.trainer(good, circuit));

  expect_data_error([&] { run.trainer(config(3, 100, 2, 2), circuit); }, "not a multiple");
  expect_data_error([&] { run.trainer(config(4, 128, 2, 2), circuit); }, "4 classes");
  expect_data_error([&] { run.trainer(config(3, 128, 2, 1e-6), circuit); }, "too small");
  TrainingConfig growing = config(3, 128, 4, kMaxRate);
  growing.l2 = kMaxRate;
  expect_data_error([&] { run.trainer(growing, circuit); }, "too large");
  expect_data_error([&] { run.trainer(config(3, 128, 2, 1.01 * kMaxRate), circuit); }, "1e6");
  const HeadCircuit& squared = find_circuit({.head = "squared"}, 3);
  expect_data_error([&] { run.trainer(good, squared); }, "is of 'squared'");
  TrainingConfig for_squares = good;
  for_squares.head = "squared";
  EXPECT_NO_THROW(run.trainer(for_squares, squared));
  CircuitFigures figures = squared;
  figures.classes = 2;
  const PolynomialCircuit two(squared_head(), figures, {0, 1});
  expect_data_error([&] { run.trainer(for_squares, two); }, "2 classes at most");

  // Keys for another width, other features, other classes: told by the shape alone.
  const ProductLayout shape = run.keys.layout;
  for (const ProductLayout& other : {ProductLayout::create(*scheme.parameters, 300, 8, 3, 16),
                                     ProductLayout::create(*scheme.parameters, 300, 9, 3, 8),
                                     ProductLayout::create(*scheme.parameters, 300, 8, 4, 8)}) {
    run.keys.layout = other;
    expect_data_error([&] { run.trainer(good, circuit); }, "the keys were made for");
  }
  run.keys.layout = shape;

  const std::span<const float> features(set.features.data(),
                                        static_cast<std::size_t>(set.features.size()));
  std::swap(run.data.labels, run.data.features);
  expect_data_error([&] { run.trainer(good, circuit); }, "");
  std::swap(run.data.labels, run.data.features);
  run.data.features[0].scale *= 2;
  expect_data_error([&] { run.trainer(good, circuit); }, "level or scale");
  run.data.features[0].scale /= 2;
  SeededCiphertext last = std::move(run.data.features.back());
  run.data.features.pop_back();
  expect_data_error([&] { run.trainer(good, circuit); }, "ciphertexts that its layout needs");
  run.data.features.push_back(std::move(last));
  EXPECT_NO_THROW(run.trainer(good, circuit));

  // Encrypted without labels: good for prediction only.
  run.data = encrypt_dataset(scheme.secrets, run.layout, features, {});
  expect_data_error([&] { run.trainer(good, circuit); }, "no labels");

  EncryptedModel model{run.layout, {}};
  expect_data_error([&] { predict(scheme.parameters, model, run.data, run.keys); },
                    "ciphertexts that its layout needs");
  model.weights.push_back(Ciphertext::zero(scheme.parameters->small_ring(), 1, 1.0));
  expect_data_error([&] { predict(scheme.parameters, model, run.data, run.keys); }, "level");
  model.layout.classes = 2;
  expect_data_error([&] { predict(scheme.parameters, model, run.data, run.keys); },
                    "another shape");
}

TEST(DatasetEncryption, RefusesWhatDoesNotFit) {
  const auto& scheme = Encrypted::scheme();
  const ProductLayout l = ProductLayout::create(*scheme.parameters, 4, 3, 3, 8);
  const std::vector<float> features(8, 0.5f);
  const std::vector<int> labels = {0, 1, 2, 0};
  const auto encrypt_with = [&](std::span<const float> x, std::span<const int> y) {
    return encrypt_dataset(scheme.secrets, l, x, y);
  };
  EXPECT_NO_THROW(encrypt_with(features, labels));
  EXPECT_THROW(encrypt_with(std::span(features).first(7), labels), ContractError);
  EXPECT_THROW(encrypt_with(features, std::span(labels).first(3)), ContractError);
  for (int bad : {-1, 3, 100}) {
    std::vector<int> wrong = labels;
    wrong[2] = bad;
    EXPECT_THROW(encrypt_with(features, wrong), DataError);
  }
  for (float bad : {NAN, INFINITY, 1e30f}) {
    std::vector<float> wrong = features;
    wrong[3] = bad;
    EXPECT_THROW(encrypt_with(wrong, labels), DataError);
  }
}

}  // namespace
}  // namespace blindtuner
