#include "features/transformer/positions.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace blindtuner::features {
namespace {

/// Keys's cubic convolution kernel.
double cubic(double x, double a) {
  x = std::abs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

struct Tap {
  std::size_t from;
  double weight;
};

std::vector<Tap> taps(std::size_t at, std::size_t from, std::size_t to, bool antialias) {
  const double scale = static_cast<double>(from) / static_cast<double>(to);
  const double centre = (static_cast<double>(at) + 0.5) * scale;
  std::vector<Tap> out;
  if (!antialias) {
    const double place = centre - 0.5, low = std::floor(place);
    for (int k = -1; k <= 2; ++k) {
      const double x = std::clamp(low + k, 0.0, static_cast<double>(from - 1));
      out.push_back({static_cast<std::size_t>(x), cubic(place - low - k, -0.75)});
    }
    return out;
  }
  const double wide = std::max(scale, 1.0), support = 2 * wide;
  const auto first = static_cast<std::size_t>(std::max(0.0, std::floor(centre - support + 0.5)));
  const auto end = static_cast<std::size_t>(
      std::min(static_cast<double>(from), std::floor(centre + support + 0.5)));
  double sum = 0;
  for (std::size_t x = first; x < end; ++x) {
    out.push_back({x, cubic((static_cast<double>(x) - centre + 0.5) / wide, -0.5)});
    sum += out.back().weight;
  }
  for (Tap& tap : out) tap.weight /= sum;
  return out;
}

}  // namespace

std::vector<float> interpolate_positions(std::span<const float> table, std::size_t from,
                                         std::size_t to, std::size_t width, bool antialias) {
  require(from > 0 && to > 0 && table.size() == from * from * width,
          "interpolate_positions: sizes");
  if (from == to) return {table.begin(), table.end()};
  std::vector<std::vector<Tap>> along;
  for (std::size_t i = 0; i < to; ++i) along.push_back(taps(i, from, to, antialias));
  std::vector<double> across(from * to * width);
  for (std::size_t y = 0; y < from; ++y)
    for (std::size_t x = 0; x < to; ++x)
      for (const Tap& tap : along[x])
        for (std::size_t j = 0; j < width; ++j)
          across[(y * to + x) * width + j] += tap.weight * table[(y * from + tap.from) * width + j];
  std::vector<float> out(to * to * width);
  std::vector<double> row(to * width);
  for (std::size_t y = 0; y < to; ++y) {
    std::fill(row.begin(), row.end(), 0.0);
    for (const Tap& tap : along[y])
      for (std::size_t j = 0; j < row.size(); ++j)
        row[j] += tap.weight * across[tap.from * row.size() + j];
    std::transform(row.begin(), row.end(),
                   out.begin() + static_cast<std::ptrdiff_t>(y * row.size()),
                   [](double value) { return static_cast<float>(value); });
  }
  return out;
}

}  // namespace blindtuner::features
