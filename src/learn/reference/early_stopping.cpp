#include "learn/reference/early_stopping.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/error.h"
#include "learn/reference/metrics.h"

namespace blindtuner::reference {

ValidationScore validation_score(const Head& head, const Eigen::MatrixXd& scores,
                                 const Labels& labels, const LossBalance& balance) {
  require(!labels.empty() && scores.rows() == static_cast<Eigen::Index>(labels.size()),
          "validation_score: lengths");
  ValidationScore out;
  const Eigen::Index classes = scores.cols();
  require(balance.strength == 0 ||
              (head.log_odds() && balance.class_counts.size() == static_cast<std::size_t>(classes)),
          "validation_score: balance");
  Eigen::RowVectorXd shift = Eigen::RowVectorXd::Zero(classes);
  if (balance.strength > 0)
    shift = balance_shift(balance.class_counts, balance.strength).transpose();
  const std::vector<double> weights =
      balance_weights(class_counts(labels, static_cast<int>(classes)), balance.strength);
  const Eigen::MatrixXd moved = scores.rowwise() + shift;
  double weight = 0;
  std::vector<double> row(static_cast<std::size_t>(classes)), predictions(row.size());
  for (Eigen::Index i = 0; i < scores.rows(); ++i) {
    const auto label = static_cast<std::size_t>(labels[static_cast<std::size_t>(i)]);
    for (Eigen::Index k = 0; k < classes; ++k) row[static_cast<std::size_t>(k)] = moved(i, k);
    out.loss += weights[label] * head.evaluate(row, label, predictions);
    weight += weights[label];
  }
  out.loss /= weight;
  out.accuracy = accuracy(predict(moved), labels);
  out.max_logit = scores.cwiseAbs().maxCoeff();
  return out;
}

double logit_limit(const HeadCircuit& circuit) {
  return (circuit.range + std::max(circuit.range, circuit.stable_range)) / 2;
}

EarlyStopping::EarlyStopping(const StoppingRule& rule) : rule_(rule) {
  require(rule.patience >= 1, "EarlyStopping: patience");
}

bool EarlyStopping::go_on(const ValidationScore& score) {
  ++rounds_;
  // Written so that a loss that is not a number is no improvement, and the next one is.
  if (rounds_ == 1 || score.loss < best_loss_ || std::isnan(best_loss_)) {
    best_round_ = rounds_;
    best_loss_ = score.loss;
  }
  if (rule_.logit_limit > 0 && !(score.max_logit <= rule_.logit_limit)) return false;
  return rounds_ - best_round_ < rule_.patience;
}

}  // namespace blindtuner::reference
