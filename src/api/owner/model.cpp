#include <blindtuner/model.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "api/owner/samples.h"
#include "base/error.h"

namespace blindtuner {

std::vector<double> LinearModel::scores(const DataSet& data) const {
  require(data.width == features && data.features.size() == data.samples() * features &&
              weights.size() == classes * features && bias.size() == classes,
          "a model scores samples of as many features as it has");
  std::vector<double> out;
  out.reserve(data.samples() * classes);
  for (std::size_t i = 0; i < data.samples(); ++i)
    for (std::size_t c = 0; c < classes; ++c) {
      double sum = bias[c];
      for (std::size_t j = 0; j < features; ++j)
        sum += weights[c * features + j] * static_cast<double>(data.features[i * features + j]);
      out.push_back(sum);
    }
  return out;
}

std::vector<int> LinearModel::classify(const DataSet& data) const {
  const std::vector<double> all = scores(data);
  std::vector<int> out;
  for (auto row = all.begin(); row != all.end(); row += static_cast<std::ptrdiff_t>(classes)) {
    if (!std::all_of(row, row + static_cast<std::ptrdiff_t>(classes),
                     [](double score) { return std::isfinite(score); }))
      throw DataError("sample " + std::to_string(out.size()) +
                      " has a score that is not finite, and so no class; expected finite features");
    out.push_back(
        static_cast<int>(std::max_element(row, row + static_cast<std::ptrdiff_t>(classes)) - row));
  }
  return out;
}

LinearModel linear_model_of(const features::LinearClassifier& classifier) {
  LinearModel out;
  out.classes = static_cast<std::size_t>(classifier.weights.rows());
  out.features = static_cast<std::size_t>(classifier.weights.cols());
  for (Eigen::Index c = 0; c < classifier.weights.rows(); ++c)
    for (Eigen::Index j = 0; j < classifier.weights.cols(); ++j)
      out.weights.push_back(classifier.weights(c, j));
  out.bias.assign(classifier.bias.begin(), classifier.bias.end());
  return out;
}

}  // namespace blindtuner
