#include "features/samples/other_scales.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/utf8.h"

namespace blindtuner::features {
namespace {

constexpr double kFar = 20, kSpread = 30;
constexpr Eigen::Index kFewest = 10, kLooked = 2000;

double median(std::vector<double>& values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

/// The median of a column, and that of the distances from it; of large sets some rows.
struct Middle {
  double at = 0, deviation = 0;
  Middle(const FeatureMatrix& features, Eigen::Index column) {
    const Eigen::Index step = std::max<Eigen::Index>(1, features.rows() / kLooked);
    std::vector<double> values;
    for (Eigen::Index i = 0; i < features.rows(); i += step) values.push_back(features(i, column));
    at = median(values);
    for (double& value : values) value = std::abs(value - at);
    deviation = median(values);
  }
};

}  // namespace

std::vector<std::size_t> columns_of_other_scale(const FeatureMatrix& known,
                                                const FeatureMatrix& other) {
  require(known.cols() == other.cols(), "columns_of_other_scale: widths");
  std::vector<std::size_t> out;
  if (known.rows() < kFewest || other.rows() < kFewest) return out;
  for (Eigen::Index j = 0; j < known.cols(); ++j) {
    const Middle a(known, j), b(other, j);
    if (a.deviation == 0 || b.deviation == 0) continue;
    if (std::abs(a.at - b.at) > kFar * std::max(a.deviation, b.deviation) ||
        b.deviation > kSpread * a.deviation || a.deviation > kSpread * b.deviation)
      out.push_back(static_cast<std::size_t>(j));
  }
  return out;
}

std::string other_scale_warning(const std::vector<std::size_t>& columns, std::size_t width,
                                const std::vector<std::string>& names, const std::string& whose,
                                const std::string& known_as) {
  if (columns.empty()) return {};
  const std::size_t first = columns.front();
  return std::to_string(columns.size()) + " of " + std::to_string(width) + " features of " + whose +
         " lie elsewhere than in " + known_as + " or are of another scale, the first is " +
         (names.empty() ? "column " + std::to_string(first + 1)
                        : "'" + printable(names[first].substr(0, 60)) + "'") +
         ": in other units, or scaled apart?";
}

}  // namespace blindtuner::features
