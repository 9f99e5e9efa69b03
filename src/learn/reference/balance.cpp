#include "learn/reference/balance.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "math/reproducible.h"

namespace blindtuner::reference {

Eigen::VectorXd balance_shift(const std::vector<std::size_t>& class_counts, double strength) {
  require(strength >= 0 && strength <= 1, "balance_shift: strength");
  Eigen::VectorXd shift(static_cast<Eigen::Index>(class_counts.size()));
  for (std::size_t k = 0; k < class_counts.size(); ++k)
    shift(static_cast<Eigen::Index>(k)) =
        -strength *
        math::reproducible::log(static_cast<double>(std::max<std::size_t>(1, class_counts[k])));
  return shift.array() - shift.mean();
}

std::vector<double> balance_weights(const std::vector<std::size_t>& class_counts, double strength) {
  require(strength >= 0 && strength <= 1, "balance_weights: strength");
  std::vector<double> weights;
  for (const std::size_t count : class_counts)
    weights.push_back(
        math::reproducible::pow(static_cast<double>(std::max<std::size_t>(1, count)), -strength));
  return weights;
}

LinearClassifier balanced(LinearClassifier model, const std::vector<std::size_t>& class_counts,
                          double strength) {
  require(class_counts.size() == static_cast<std::size_t>(model.bias.size()), "balanced: classes");
  model.bias += balance_shift(class_counts, strength);
  return model;
}

LinearClassifier weighted(LinearClassifier model, const std::vector<double>& class_weights) {
  require(class_weights.size() == static_cast<std::size_t>(model.bias.size()), "weighted: classes");
  Eigen::VectorXd shift(model.bias.size());
  for (std::size_t k = 0; k < class_weights.size(); ++k) {
    require(class_weights[k] > 0, "weighted: a weight of 0 or less");
    shift(static_cast<Eigen::Index>(k)) = math::reproducible::log(class_weights[k]);
  }
  model.bias.array() += shift.array() - shift.mean();
  return model;
}

}  // namespace blindtuner::reference
