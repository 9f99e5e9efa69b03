#include "learn/reference/metrics.h"

#include <cmath>

#include "base/error.h"

namespace blindtuner::reference {

Labels predict(const Eigen::MatrixXd& scores) {
  require(scores.cols() > 0, "predict: no classes");
  Labels out(static_cast<std::size_t>(scores.rows()));
  for (Eigen::Index i = 0; i < scores.rows(); ++i) {
    Eigen::Index best = 0;
    for (Eigen::Index k = 1; k < scores.cols(); ++k)
      if (scores(i, k) > scores(i, best)) best = k;
    out[static_cast<std::size_t>(i)] = static_cast<int>(best);
  }
  return out;
}

double accuracy(const Labels& predicted, const Labels& actual) {
  require(predicted.size() == actual.size() && !actual.empty(), "accuracy: lengths");
  std::size_t right = 0;
  for (std::size_t i = 0; i < actual.size(); ++i) right += predicted[i] == actual[i];
  return static_cast<double>(right) / static_cast<double>(actual.size());
}

Eigen::MatrixXi confusion(const Labels& predicted, const Labels& actual, int classes) {
  require(predicted.size() == actual.size() && classes > 0, "confusion: lengths");
  Eigen::MatrixXi out = Eigen::MatrixXi::Zero(classes, classes);
  for (std::size_t i = 0; i < actual.size(); ++i) {
    require(actual[i] >= 0 && actual[i] < classes && predicted[i] >= 0 && predicted[i] < classes,
            "confusion: label out of range");
    ++out(actual[i], predicted[i]);
  }
  return out;
}

std::vector<ClassScore> class_scores(const Eigen::MatrixXi& table) {
  require(table.rows() == table.cols(), "class_scores: not a square table");
  const auto share = [](double part, int whole) { return whole == 0 ? NAN : part / whole; };
  std::vector<ClassScore> out;
  for (Eigen::Index k = 0; k < table.rows(); ++k) {
    const int samples = table.row(k).sum(), taken = table.col(k).sum();
    out.push_back({samples, share(table(k, k), taken), share(table(k, k), samples),
                   share(2.0 * table(k, k), samples + taken)});
  }
  return out;
}

double balanced_accuracy(const Labels& predicted, const Labels& actual, int classes) {
  double sum = 0;
  int counted = 0;
  for (const ClassScore& score : class_scores(confusion(predicted, actual, classes))) {
    if (score.samples == 0) continue;
    sum += score.recall;
    ++counted;
  }
  return counted == 0 ? 0.0 : sum / counted;
}

double macro_f1(const Labels& predicted, const Labels& actual, int classes) {
  const Eigen::MatrixXi table = confusion(predicted, actual, classes);
  double sum = 0;
  int counted = 0;
  for (int k = 0; k < classes; ++k) {
    // 2 TP + FP + FN: everything of class k and everything taken for it.
    const int weight = table.row(k).sum() + table.col(k).sum();
    if (weight == 0) continue;
    sum += 2.0 * table(k, k) / weight;
    ++counted;
  }
  return counted == 0 ? 0.0 : sum / counted;
}

double largest_logit(const Eigen::MatrixXd& all) {
  double largest = 0;
  for (Eigen::Index i = 0; i < all.size(); ++i)
    if (!(std::abs(all.data()[i]) <= largest)) largest = std::abs(all.data()[i]);
  return all.hasNaN() ? NAN : largest;
}

}  // namespace blindtuner::reference
