#include "learn/reference/plain_reference.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string>

#include "base/error.h"
#include "base/parallel.h"
#include "learn/optimiser.h"
#include "learn/reference/metrics.h"

namespace blindtuner::reference {
namespace {

using Index = Eigen::Index;
using LogitMatrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
// Samples a block: a block of 768 features and its products stay in the second-level cache.
constexpr Index kRows = 512;

std::size_t blocks_of(std::size_t rows) {
  return (rows + static_cast<std::size_t>(kRows) - 1) / static_cast<std::size_t>(kRows);
}

/// Logits of rows [begin, begin + rows): features times W without its last column, plus the bias.
LogitMatrix block_logits(const Dataset& set, Index begin, Index rows,
                         const Eigen::MatrixXf& transposed, const Eigen::RowVectorXd& bias) {
  const FeatureMatrix product = set.features.middleRows(begin, rows) * transposed;
  LogitMatrix logits = product.cast<double>();
  logits.rowwise() += bias;
  return logits;
}

struct Weights {
  Weights(const Eigen::MatrixXd& w, double bias_feature)
      : transposed(w.leftCols(w.cols() - 1).transpose().cast<float>()),
        bias(w.col(w.cols() - 1).transpose() * bias_feature) {}
  Eigen::MatrixXf transposed;  // features x classes
  Eigen::RowVectorXd bias;
};

struct BatchSums {
  Eigen::MatrixXd gradient;  // classes x (features + 1)
  double loss = 0, max_logit = 0, max_error = 0;
};

/// At V = 0 (`at_zero`) every prediction is known, whatever options.predictions is: the encrypted
/// trainer evaluates no circuit there.
BatchSums batch_gradient(const Head& head, const Dataset& set, const BatchRange& range,
                         const Eigen::MatrixXd& v, bool at_zero, const PlainOptions& options) {
  const Index classes = v.rows(), d = v.cols() - 1;
  const Weights weights(v, options.bias_feature);
  const std::size_t blocks = blocks_of(range.count);
  BatchSums sums;
  sums.gradient = Eigen::MatrixXd::Zero(classes, d + 1);
  struct Part {
    Eigen::MatrixXf gradient;
    Eigen::VectorXd bias;
    double loss = 0, max_logit = 0, max_error = 0;
  };
  // Blocks in parallel, their sums added in order: the same bits on any number of threads.
  constexpr std::size_t kGroup = 16;
  std::array<Part, kGroup> parts;
  for (std::size_t first = 0; first < blocks; first += kGroup) {
    const std::size_t count = std::min(kGroup, blocks - first);
    parallel_for(count, [&](std::size_t g) {
      const std::size_t offset = (first + g) * static_cast<std::size_t>(kRows);
      const Index rows = std::min(kRows, static_cast<Index>(range.count - offset));
      const Index begin = static_cast<Index>(range.begin + offset);
      const LogitMatrix logits = block_logits(set, begin, rows, weights.transposed, weights.bias);
      Part part;
      LogitMatrix errors(rows, classes);
      std::vector<double> exact(static_cast<std::size_t>(classes));
      for (Index i = 0; i < rows; ++i) {
        const auto label =
            static_cast<std::size_t>(set.labels[static_cast<std::size_t>(begin + i)]);
        const std::span<const double> z(logits.row(i).data(), exact.size());
        const std::span<double> p(errors.row(i).data(), exact.size());
        part.loss += head.evaluate(z, label, exact);
        if (at_zero)
          std::fill(p.begin(), p.end(), head.prediction_at_zero(exact.size()));
        else if (options.predictions)
          options.predictions(z, p);
        else
          std::copy(exact.begin(), exact.end(), p.begin());
        for (std::size_t k = 0; k < exact.size(); ++k) {
          part.max_logit = std::max(part.max_logit, std::abs(z[k]));
          // Written so that NaN counts as an error, not as none.
          const double error = std::abs(p[k] - exact[k]);
          if (!(error <= part.max_error))
            part.max_error = std::isnan(error) ? std::numeric_limits<double>::infinity() : error;
        }
        p[label] -= 1.0;
      }
      part.gradient.noalias() =
          errors.cast<float>().transpose() * set.features.middleRows(begin, rows);
      part.bias = errors.colwise().sum().transpose();
      parts[g] = std::move(part);
    });
    for (std::size_t g = 0; g < count; ++g) {
      sums.gradient.leftCols(d) += parts[g].gradient.cast<double>();
      sums.gradient.col(d) += options.bias_feature * parts[g].bias;
      sums.loss += parts[g].loss;
      sums.max_logit = std::max(sums.max_logit, parts[g].max_logit);
      sums.max_error = std::max(sums.max_error, parts[g].max_error);
    }
  }
  return sums;
}

LinearClassifier classifier(const Eigen::MatrixXd& w, double bias_feature) {
  return {w.leftCols(w.cols() - 1), w.col(w.cols() - 1) * bias_feature};
}

struct Measured {
  double accuracy = 0, max_logit = 0;
};

Measured measure(const Dataset& set, const Eigen::MatrixXd& w, double bias_feature) {
  const Weights weights(w, bias_feature);
  const std::size_t blocks = blocks_of(set.size());
  std::vector<std::size_t> right(blocks);
  std::vector<double> most(blocks);
  parallel_for(blocks, [&](std::size_t b) {
    const Index begin = static_cast<Index>(b) * kRows;
    const Index rows = std::min(kRows, static_cast<Index>(set.size()) - begin);
    const LogitMatrix logits = block_logits(set, begin, rows, weights.transposed, weights.bias);
    const Labels predicted = predict(logits);
    for (Index i = 0; i < rows; ++i)
      right[b] +=
          predicted[static_cast<std::size_t>(i)] == set.labels[static_cast<std::size_t>(begin + i)];
    most[b] = logits.cwiseAbs().maxCoeff();
  });
  Measured out;
  std::size_t sum = 0;
  for (std::size_t b = 0; b < blocks; ++b) {
    sum += right[b];
    out.max_logit = std::max(out.max_logit, most[b]);
  }
  out.accuracy = static_cast<double>(sum) / static_cast<double>(set.size());
  return out;
}

}  // namespace

PlainResult train_plain(const Dataset& train, const Dataset* test, const TrainingConfig& config,
                        const PlainOptions& options) {
  validate(config);
  validate_training_set(train, "training set");
  if (train.classes != config.classes)
    throw DataError("training set: " + std::to_string(train.classes) + " classes, expected " +
                    std::to_string(config.classes) + " as configured");
  if (test != nullptr) {
    validate_set(*test, "test set");
    validate_same_shape(train, "the training set", *test, "test set");
  }
  const std::vector<BatchRange> batches = batch_ranges(config, train.size());
  const UpdatePlan plan(config, train.size());
  const Head& head = head_named(config.head);
  PlainResult result;
  const auto combine = [&](const std::vector<double>& exact) {
    const std::vector<double> c = options.rounding ? options.rounding(exact) : exact;
    require(c.size() == exact.size(), "train_plain: the rounding changed the number");
    Eigen::MatrixXd w = Eigen::MatrixXd::Zero(config.classes, train.features.cols() + 1);
    for (std::size_t s = 0; s < c.size(); ++s) w += c[s] * result.gradients[s];
    return w;
  };
  std::vector<int> due;
  EarlyStopping stopping(options.stopping);
  LossBalance balance;
  if (options.stopping.balance > 0)
    balance = {options.stopping.balance, class_counts(train.labels, train.classes)};
  if (options.validation != nullptr) {
    validate_set(*options.validation, "validation set");
    validate_same_shape(train, "the training set", *options.validation, "validation set");
    due = validation_steps(config, train.size());
  }
  int model_steps = 0;
  for (int t = 0; t < plan.steps(); ++t) {
    const BatchRange& range = batches[static_cast<std::size_t>(t)];
    const std::vector<double> point = plan.evaluation(t);
    BatchSums sums = batch_gradient(head, train, range, combine(point), point.empty(), options);
    result.gradients.push_back(std::move(sums.gradient));
    PlainStep step;
    step.step = t;
    step.batch = range.count;
    step.rate = config.rate(t, plan.steps());
    step.loss = sums.loss / static_cast<double>(range.count);
    step.max_logit = sums.max_logit;
    step.max_head_error = sums.max_error;
    if (options.measure_models || t + 1 == plan.steps()) {
      const Eigen::MatrixXd w = combine(plan.model(t + 1));
      const Measured on_train = measure(train, w, options.bias_feature);
      step.train_accuracy = on_train.accuracy;
      step.model_max_logit = on_train.max_logit;
      if (test != nullptr) {
        const Measured on_test = measure(*test, w, options.bias_feature);
        step.test_accuracy = on_test.accuracy;
        step.model_max_logit = std::max(step.model_max_logit, on_test.max_logit);
      }
    }
    result.max_logit = std::max(result.max_logit, step.max_logit);
    if (options.measure_all_logits)
      result.max_logit = std::max(result.max_logit, step.model_max_logit);
    result.steps.push_back(step);
    bool go_on = !options.on_step || options.on_step(step);
    if (due.empty()) model_steps = t + 1;
    if (stopping.rounds() < static_cast<int>(due.size()) &&
        t + 1 == due[static_cast<std::size_t>(stopping.rounds())]) {
      const LinearClassifier model = classifier(combine(plan.model(t + 1)), options.bias_feature);
      const ValidationScore score = validation_score(
          head, scores(model, options.validation->features), options.validation->labels, balance);
      go_on = stopping.go_on(score) && go_on;
      result.rounds.push_back({stopping.rounds(), t + 1, score});
      result.best_round = stopping.best_round();
      if (result.best_round == stopping.rounds()) model_steps = t + 1;
    }
    if (!go_on) break;
  }
  // Stopped from outside before the first round: there is no best one yet.
  if (model_steps == 0) model_steps = static_cast<int>(result.steps.size());
  result.weights = combine(plan.model(model_steps));
  result.model = classifier(result.weights, options.bias_feature);
  return result;
}

}  // namespace blindtuner::reference
