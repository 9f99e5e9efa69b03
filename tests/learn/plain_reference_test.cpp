#include "learn/reference/plain_reference.h"

#include <gtest/gtest.h>

#include <Eigen/Cholesky>
#include <cmath>

#include "base/error.h"
#include "base/parallel.h"
#include "features/samples/shuffle.h"
#include "learn/heads/softmax.h"
#include "learn/optimiser.h"
#include "learn/reference/metrics.h"

namespace blindtuner {
using namespace reference;
namespace {

/// Three overlapping clouds in five dimensions.
Dataset clouds(Eigen::Index samples, std::uint64_t seed) {
  Prng prng(numbered_seed(seed));
  Dataset set;
  set.classes = 3;
  set.features.resize(samples, 5);
  for (Eigen::Index i = 0; i < samples; ++i) {
    const int label = static_cast<int>(uniform_below(prng, 3));
    set.labels.push_back(label);
    for (Eigen::Index j = 0; j < 5; ++j)
      set.features(i, j) = static_cast<float>(normal_pair(prng).first + (j == label ? 2.0 : 0.0));
  }
  return set;
}

TrainingConfig small_config() {
  TrainingConfig c;
  c.classes = 3;
  c.batch_size = 700;
  c.steps = 6;
  c.learning_rate = 1.5;
  return c;
}

/// The same training written out in double precision, one sample at a time, updating W itself.
Eigen::MatrixXd by_hand(const Dataset& set, const TrainingConfig& c, double bias_feature) {
  const Eigen::Index d = set.features.cols();
  Eigen::MatrixXd w = Eigen::MatrixXd::Zero(c.classes, d + 1), velocity = w;
  const auto ranges = batch_ranges(c, set.size());
  for (std::size_t t = 0; t < ranges.size(); ++t) {
    Eigen::MatrixXd gradient = Eigen::MatrixXd::Zero(c.classes, d + 1);
    for (std::size_t i = ranges[t].begin; i < ranges[t].begin + ranges[t].count; ++i) {
      Eigen::VectorXd x(d + 1);
      x << set.features.row(static_cast<Eigen::Index>(i)).transpose().cast<double>(), bias_feature;
      Eigen::VectorXd p = w * x;
      if (c.head == "softmax") {
        p = p.array().exp();
        p /= p.sum();
      } else if (c.head == "sigmoid") {
        p = 1 / (1 + (-p.array()).exp());
      }
      p(set.labels[i]) -= 1;
      gradient += p * x.transpose();
    }
    gradient = gradient / static_cast<double>(ranges[t].count) + c.l2 * w;
    velocity = c.momentum * velocity + gradient;
    w -= c.rate(static_cast<int>(t), static_cast<int>(ranges.size())) * velocity;
  }
  return w;
}

TEST(PlainReference, EqualsTrainingByHand) {
  const Dataset set = clouds(2000, 1);
  TrainingConfig c = small_config();
  for (const double momentum : {0.0, 0.4})
    for (const double bias : {1.0, 0.25}) {
      c.method = momentum > 0 ? Method::kMomentum : Method::kPlain;
      c.momentum = momentum;
      c.l2 = 0.01;
      c.schedule = Schedule::kInverseTime;
      c.rate_decay = 0.2;
      PlainOptions options;
      options.bias_feature = bias;
      const PlainResult result = train_plain(set, nullptr, c, options);
      const Eigen::MatrixXd want = by_hand(set, c, bias);
      EXPECT_LT((result.weights - want).cwiseAbs().maxCoeff(), 2e-5);
      EXPECT_LT((result.model.bias - bias * want.col(5)).cwiseAbs().maxCoeff(), 2e-5);
      // The sum over classes of the weights stays zero.
      EXPECT_LT(result.weights.colwise().sum().cwiseAbs().maxCoeff(), 1e-5);
    }
}

TEST(PlainReference, RecordsItsSteps) {
  const Dataset train = clouds(2000, 1), test = clouds(500, 2);
  const TrainingConfig c = small_config();
  const PlainResult result = train_plain(train, &test, c);
  ASSERT_EQ(result.steps.size(), 6u);
  EXPECT_EQ(result.gradients.size(), 6u);
  EXPECT_EQ(result.steps[0].batch, 2000u);
  EXPECT_NEAR(result.steps[0].loss, std::log(3.0), 1e-12);  // W = 0
  EXPECT_EQ(result.steps[0].max_logit, 0);
  EXPECT_EQ(result.steps[3].batch, 600u);
  EXPECT_LT(result.steps[5].loss, 0.5 * result.steps[0].loss);
  EXPECT_EQ(result.steps[5].max_head_error, 0);
  const Labels predicted = predict(scores(result.model, test.features));
  EXPECT_NEAR(result.steps[5].test_accuracy, accuracy(predicted, test.labels), 0.002);
  EXPECT_GT(result.steps[5].test_accuracy, 0.85);
  double most = 0;
  for (const PlainStep& step : result.steps)
    most = std::max({most, step.max_logit, step.model_max_logit});
  EXPECT_EQ(result.max_logit, most);
}

TEST(PlainReference, IndependentOfThreads) {
  const Dataset train = clouds(20000, 1);
  const int threads = max_threads();
  set_max_threads(1);
  const PlainResult one = train_plain(train, nullptr, small_config());
  set_max_threads(3);
  const PlainResult three = train_plain(train, nullptr, small_config());
  set_max_threads(threads);
  EXPECT_EQ(one.weights, three.weights);
}

TEST(PlainReference, EveryHeadEqualsTrainingByHand) {
  const Dataset set = clouds(2000, 1);
  TrainingConfig c = small_config();
  for (const auto& [head, rate] : {std::pair{"sigmoid", 1.5}, {"squared", 0.1}}) {
    c.head = head;
    c.learning_rate = rate;
    const PlainResult result = train_plain(set, nullptr, c);
    EXPECT_LT((result.weights - by_hand(set, c, 1)).cwiseAbs().maxCoeff(), 2e-5) << head;
    EXPECT_LT(result.steps.back().loss, result.steps.front().loss) << head;
    EXPECT_GT(result.steps.back().train_accuracy, 0.75) << head;
  }
}

// Enough steps on all samples end where the normal equations are solved.
TEST(PlainReference, SquaredConvergesToLeastSquares) {
  const Dataset set = clouds(2000, 1);
  TrainingConfig c = small_config();
  c.head = "squared";
  c.batch_size = set.size();
  c.steps = 400;
  c.learning_rate = 0.3;
  PlainOptions options;
  options.measure_models = false;
  const PlainResult result = train_plain(set, nullptr, c, options);
  const auto samples = static_cast<Eigen::Index>(set.size());
  Eigen::MatrixXd x(samples, 6), y = Eigen::MatrixXd::Zero(samples, 3);
  x << set.features.cast<double>(), Eigen::VectorXd::Ones(samples);
  for (Eigen::Index i = 0; i < samples; ++i) y(i, set.labels[static_cast<std::size_t>(i)]) = 1;
  const Eigen::MatrixXd solved = (x.transpose() * x).ldlt().solve(x.transpose() * y).transpose();
  EXPECT_LT((result.weights - solved).cwiseAbs().maxCoeff(), 1e-5);
}

TEST(PlainReference, HooksForSoftmaxAndRounding) {
  const Dataset train = clouds(1000, 1);
  const TrainingConfig c = small_config();
  const PlainResult exact = train_plain(train, nullptr, c);
  PlainOptions options;
  options.predictions = [](std::span<const double> z, std::span<double> p) {
    exact_softmax(z, p);
    p[0] += 0.01;
  };
  const PlainResult shifted = train_plain(train, nullptr, c, options);
  EXPECT_NEAR(shifted.steps[2].max_head_error, 0.01, 1e-12);
  // At W = 0 all probabilities are 1 / classes and nobody is asked, as in the encrypted trainer.
  EXPECT_LT(shifted.steps[0].max_head_error, 1e-15);
  EXPECT_EQ(shifted.gradients[0], exact.gradients[0]);
  EXPECT_GT((shifted.weights - exact.weights).cwiseAbs().maxCoeff(), 1e-3);
  options.predictions = [](std::span<const double>, std::span<double> p) {
    for (double& x : p) x = NAN;
  };
  EXPECT_TRUE(std::isinf(train_plain(train, nullptr, c, options).steps[1].max_head_error));

  PlainOptions rounded;
  int calls = 0;
  rounded.rounding = [&calls](std::span<const double> coefficients) {
    ++calls;
    return round_to_bits(coefficients, 30);
  };
  const PlainResult coarse = train_plain(train, nullptr, c, rounded);
  EXPECT_GE(calls, 12);
  const double difference = (coarse.weights - exact.weights).cwiseAbs().maxCoeff();
  EXPECT_GT(difference, 0);
  EXPECT_LT(difference, 1e-4);
}

TEST(PlainReference, StopsWhenTold) {
  const Dataset train = clouds(1000, 1);
  TrainingConfig c = small_config();
  PlainOptions options;
  options.on_step = [](const PlainStep& step) { return step.step < 2; };
  const PlainResult stopped = train_plain(train, nullptr, c, options);
  EXPECT_EQ(stopped.steps.size(), 3u);
  c.steps = 3;
  EXPECT_EQ(stopped.weights, train_plain(train, nullptr, c).weights);
}

TEST(PlainReference, RefusesSetsThatDoNotFit) {
  Dataset train = clouds(100, 1);
  TrainingConfig c = small_config();
  c.classes = 4;
  EXPECT_THROW(train_plain(train, nullptr, c), DataError);
  c.classes = 3;
  Dataset test = clouds(10, 2);
  test.features.conservativeResize(10, 4);
  EXPECT_THROW(train_plain(train, &test, c), DataError);
  train.labels.assign(100, 1);
  EXPECT_THROW(train_plain(train, nullptr, c), DataError);
}

TEST(Metrics, KnownValues) {
  Eigen::MatrixXd s(3, 2);
  s << 1, 2, 3, 3, -1, -2;
  EXPECT_EQ(predict(s), (Labels{1, 0, 0}));
  const Labels actual = {0, 0, 1, 1, 2}, predicted = {0, 1, 1, 1, 0};
  EXPECT_DOUBLE_EQ(accuracy(predicted, actual), 0.6);
  const Eigen::MatrixXi table = confusion(predicted, actual, 4);
  EXPECT_EQ(table(0, 0), 1);
  EXPECT_EQ(table(0, 1), 1);
  EXPECT_EQ(table(1, 1), 2);
  EXPECT_EQ(table(2, 0), 1);
  EXPECT_EQ(table.sum(), 5);
  // F1: class 0 2/4, class 1 4/5, class 2 0, class 3 absent.
  EXPECT_DOUBLE_EQ(macro_f1(predicted, actual, 4), (0.5 + 0.8) / 3);
  EXPECT_DOUBLE_EQ(balanced_accuracy(predicted, actual, 4), (0.5 + 1 + 0) / 3);
  const std::vector<ClassScore> classes = class_scores(table);
  EXPECT_EQ(classes[1].samples, 2);
  EXPECT_DOUBLE_EQ(classes[1].precision, 2.0 / 3);
  EXPECT_DOUBLE_EQ(classes[1].recall, 1);
  EXPECT_DOUBLE_EQ(classes[1].f1, 0.8);
  EXPECT_TRUE(std::isnan(classes[3].f1));  // nobody knows
  EXPECT_THROW(accuracy({}, {}), ContractError);
  EXPECT_THROW(confusion({0}, {5}, 3), ContractError);
}

TEST(PlainReference, EarlyStoppingReturnsTheBestRoundsModel) {
  const Dataset train = clouds(900, 1);
  Dataset validation = clouds(300, 2);
  TrainingConfig config = small_config();
  config.validation_every = 2;
  PlainOptions options;
  options.validation = &validation;
  const PlainResult whole = train_plain(train, nullptr, config, options);
  ASSERT_EQ(whole.rounds.size(), 3u);
  EXPECT_EQ(whole.rounds[1].steps, 4);
  EXPECT_EQ(whole.rounds[2].score,
            validation_score(softmax_head(), scores(whole.model, validation.features),
                             validation.labels));

  // All wrong: every round is worse than the one before.
  for (int& label : validation.labels) label = (label + 1) % 3;
  options.stopping.patience = 1;
  const PlainResult stopped = train_plain(train, nullptr, config, options);
  EXPECT_EQ(stopped.rounds.size(), 2u);
  EXPECT_EQ(stopped.steps.size(), 4u);
  EXPECT_EQ(stopped.best_round, 1);
  config.steps = 2;
  EXPECT_EQ(stopped.weights, train_plain(train, nullptr, config).weights);

  // By the balanced loss, of the training set's class sizes.
  options.stopping = {3, 0, 1};
  const PlainResult even = train_plain(train, nullptr, config, options);
  EXPECT_EQ(even.rounds[0].score,
            validation_score(softmax_head(), scores(even.model, validation.features),
                             validation.labels, {1, class_counts(train.labels, train.classes)}));
  EXPECT_NE(even.rounds[0].score, stopped.rounds[0].score);

  Dataset narrow = validation;
  narrow.features.conservativeResize(Eigen::NoChange, 4);
  options.validation = &narrow;
  EXPECT_THROW(train_plain(train, nullptr, config, options), DataError);
}

}  // namespace
}  // namespace blindtuner
