#include <blindtuner/data_set.h>

#include <algorithm>
#include <string>

#include "api/owner/samples.h"
#include "base/error.h"
#include "features/data/rounding.h"

namespace blindtuner {

features::FeatureMatrix matrix_of(const DataSet& data) {
  const std::size_t samples = data.samples();
  require(data.width > 0 && data.features.size() == samples * data.width,
          "samples are whole rows of numbers");
  features::FeatureMatrix out(static_cast<Eigen::Index>(samples),
                              static_cast<Eigen::Index>(data.width));
  std::copy(data.features.begin(), data.features.end(), out.data());
  return out;
}

void check_single_precision(std::span<const double> features, std::size_t width) {
  require(width > 0 && features.size() % width == 0, "samples are whole rows of numbers");
  features::ColumnRounding rounding(width);
  for (std::size_t i = 0; i < features.size(); ++i) rounding.add(i % width, features[i]);
  rounding.check([](std::size_t j) { return "features: column " + std::to_string(j); });
}

}  // namespace blindtuner
