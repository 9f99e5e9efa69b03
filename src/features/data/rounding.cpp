#include "features/data/rounding.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

#include "base/error.h"

namespace blindtuner::features {
namespace {

constexpr double kLost = 0.01;

std::string short_text(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3g", value);
  return text;
}

}  // namespace

void ColumnRounding::check(const std::function<std::string(std::size_t)>& where) const {
  for (std::size_t j = 0; j < columns_.size(); ++j) {
    const Column& c = columns_[j];
    if (c.count == 0) continue;
    const auto count = static_cast<double>(c.count);
    const double mean = c.sum / count;
    // So small that squares vanish, it is told by the largest.
    const bool tiny = c.largest > 0 && !std::isnormal(c.squares);
    const double deviation =
        tiny ? c.largest : std::sqrt(std::max(0.0, c.squares / count - mean * mean));
    const double error = tiny ? c.largest_error : std::sqrt(c.error_squares / count);
    const bool lost = error > kLost * deviation,
               as_constant = deviation <= std::abs(c.first + mean) * 0x1p-24;
    if (!(deviation > std::abs(c.first) * 0x1p-40) ? !c.differ : !lost && !as_constant) continue;
    const float near = static_cast<float>(std::abs(c.first + mean));
    throw DataError(
        where(j) + ": values near " + short_text(c.first + mean) + " that vary by " +
        (deviation > 0 ? short_text(deviation) : "less than double precision tells") +
        ", of which single precision keeps steps of " +
        short_text(std::nextafter(near, std::numeric_limits<float>::infinity()) - near) +
        ": subtract an offset first, such as the smallest value, from all sets alike, "
        "or leave the column out");
  }
}

}  // namespace blindtuner::features
