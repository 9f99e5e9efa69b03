#include "features/samples/sentinels.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <limits>

#include "base/utf8.h"

namespace blindtuner::features {
namespace {

bool is_sentinel(float value) {
  // 99 is a number like others, also of pictures' bytes.
  static constexpr std::array<float, 10> kValues = {-99,    -999, -9999, -99999, -999999,
                                                    -32768, 999,  9999,  99999,  999999};
  return std::abs(value) >= 99 && std::find(kValues.begin(), kValues.end(), value) != kValues.end();
}

struct Column {
  float value = 0;
  std::size_t rows = 0;
  float least = std::numeric_limits<float>::infinity(), most = -least;

  void add(float x) {
    if (is_sentinel(x) && (rows == 0 || x == value)) {
      value = x;
      ++rows;
    } else {
      least = std::min(least, x);
      most = std::max(most, x);
    }
  }
  bool stands_out() const {
    const float range = most - least;
    return rows > 0 && range > 0 && (value + range < least || value - range > most);
  }
};

std::string number_text(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.6g", value);
  return text.data();
}

}  // namespace

std::vector<Sentinel> sentinels(const FeatureMatrix& features) {
  std::vector<Column> columns(static_cast<std::size_t>(features.cols()));
  for (Eigen::Index i = 0; i < features.rows(); ++i)
    for (Eigen::Index j = 0; j < features.cols(); ++j)
      columns[static_cast<std::size_t>(j)].add(features(i, j));
  std::vector<Sentinel> out;
  for (std::size_t j = 0; j < columns.size(); ++j)
    if (const Column& c = columns[j]; c.stands_out())
      out.push_back({j, c.value, c.rows, c.least, c.most});
  return out;
}

std::string sentinel_warning(const std::vector<Sentinel>& found,
                             const std::vector<std::string>& names, std::size_t rows) {
  if (found.empty()) return {};
  const Sentinel& first = found.front();
  const std::string column = names.empty()
                                 ? "feature " + std::to_string(first.column + 1)
                                 : "'" + printable(names[first.column].substr(0, 60)) + "'";
  return column + (found.size() > 1 ? " and " + std::to_string(found.size() - 1) + " more" : "") +
         (found.size() > 1 ? " hold numbers" : " holds a number") +
         " that may stand for no value: " + number_text(first.value) + " in " +
         std::to_string(first.rows) + " of " + std::to_string(rows) +
         " rows, the others are from " + number_text(first.least) + " to " +
         number_text(first.most) +
         "; if so, leave the field empty (and see --skip-missing), or fill it in";
}

}  // namespace blindtuner::features
