#include "learn/reference/balance.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace blindtuner::reference {

Eigen::VectorXd balance_shift(const std::vector<std::size_t>& class_counts, double strength) {
  require(strength >= 0 && strength <= 1, "balance_shift: strength");
  Eigen::VectorXd shift(static_cast<Eigen::Index>(class_counts.size()));
  for (std::size_t k = 0; k < class_counts.size(); ++k)
    shift(static_cast<Eigen::Index>(k)) =
        -strength * std::log(static_cast<double>(std::max<std::size_t>(1, class_counts[k])));
  return shift.array() - shift.mean();
}

LinearClassifier balanced(LinearClassifier model, const std::vector<std::size_t>& class_counts,
                          double strength) {
  require(class_counts.size() == static_cast<std::size_t>(model.bias.size()), "balanced: classes");
  model.bias += balance_shift(class_counts, strength);
  return model;
}

}  // namespace blindtuner::reference
