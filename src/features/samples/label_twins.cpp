#include "features/samples/label_twins.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numbers>
#include <set>

#include "base/error.h"

namespace blindtuner::features {
namespace {

constexpr double kAlmostAll = 0.99;
constexpr std::size_t kSampled = 512;                 // rows, of the first look
constexpr std::size_t kBlock = std::size_t{1} << 20;  // classes x columns of the second
constexpr double kTwinBits = 20;                      // once in a million
constexpr std::size_t kFewestRows = 8, kFewestCounted = 20;

using Columns = std::vector<std::size_t>;

Eigen::Index at(std::size_t i) { return static_cast<Eigen::Index>(i); }

/// -log2 of the chance that groups of these sizes, thrown at random, are those of the classes.
double chance_bits(std::size_t rows, const std::vector<std::size_t>& groups) {
  double nats = std::lgamma(static_cast<double>(rows) + 1);
  for (const std::size_t size : groups) nats -= std::lgamma(static_cast<double>(size) + 1);
  return nats / std::numbers::ln2;
}

/// Columns that hardly change within a class, by some of the rows.
Columns candidates(const FeatureMatrix& x, const Labels& labels) {
  const std::size_t rows = labels.size(), width = static_cast<std::size_t>(x.cols());
  const std::size_t sampled = std::min(rows, kSampled);
  std::map<int, std::size_t> previous;
  std::vector<std::size_t> equal(width);
  std::size_t pairs = 0;
  for (std::size_t s = 0; s < sampled; ++s) {
    const std::size_t i = s * rows / sampled;
    const auto [before, first] = previous.emplace(labels[i], i);
    if (first) continue;
    ++pairs;
    for (std::size_t j = 0; j < width; ++j)
      equal[j] += x(at(i), at(j)) == x(at(before->second), at(j));
    before->second = i;
  }
  Columns out;
  for (std::size_t j = 0; j < width && pairs > 0; ++j)
    if (10 * equal[j] >= 9 * pairs) out.push_back(j);
  return out;
}

/// A column's most frequent value in every class, where one has more than half of the samples, and
/// how many have it.
struct Typical {
  float value = 0;
  std::size_t votes = 0, samples = 0;
};

/// Row-major: classes x columns.
std::vector<Typical> typical_values(const FeatureMatrix& x, const Labels& labels, int classes,
                                    const Columns& columns) {
  std::vector<Typical> out(static_cast<std::size_t>(classes) * columns.size());
  const auto visit = [&](const auto& use) {
    for (std::size_t i = 0; i < labels.size(); ++i) {
      Typical* row = &out[static_cast<std::size_t>(labels[i]) * columns.size()];
      for (std::size_t c = 0; c < columns.size(); ++c) use(row[c], x(at(i), at(columns[c])));
    }
  };
  // Boyer and Moore's vote, and a count of what it elected.
  visit([](Typical& t, float value) {
    if (t.votes == 0) t.value = value;
    t.votes = t.value == value ? t.votes + 1 : t.votes - 1;
  });
  visit([](Typical& t, float value) { t.samples += t.value == value; });
  return out;
}

}  // namespace

std::vector<LabelTwin> label_twins(const FeatureMatrix& features, const Labels& labels,
                                   int classes) {
  require(static_cast<std::size_t>(features.rows()) == labels.size(), "label_twins: labels");
  std::vector<LabelTwin> out;
  const std::size_t rows = labels.size();
  if (rows < kFewestRows) return out;
  const std::vector<std::size_t> counts = class_counts(labels, classes);
  std::vector<std::size_t> present;
  for (std::size_t k = 0; k < counts.size(); ++k)
    if (counts[k] > 0) present.push_back(k);
  const double bits = kTwinBits + std::log2(static_cast<double>(features.cols()));
  if (present.size() < 2 || chance_bits(rows, counts) < bits) return out;
  // Of a class: a column that marks it alone.
  std::map<std::size_t, std::pair<std::size_t, double>> marks;
  const Columns all = candidates(features, labels);
  const std::size_t block = std::max<std::size_t>(1, kBlock / counts.size());
  for (std::size_t begin = 0; begin < all.size(); begin += block) {
    const Columns columns(all.begin() + at(begin),
                          all.begin() + at(std::min(all.size(), begin + block)));
    const std::vector<Typical> typical = typical_values(features, labels, classes, columns);
    for (std::size_t c = 0; c < columns.size(); ++c) {
      std::map<float, std::vector<std::size_t>> classes_of;  // by their typical value
      std::size_t told = 0;
      bool in_every_class = true;
      for (const std::size_t k : present) {
        const Typical& t = typical[k * columns.size() + c];
        classes_of[t.value].push_back(k);
        told += t.samples;
        in_every_class = in_every_class && 10 * t.samples >= 9 * counts[k];
      }
      const double share = static_cast<double>(told) / static_cast<double>(rows);
      if (share < kAlmostAll || !in_every_class) continue;
      if (classes_of.size() == present.size()) {
        out.push_back({{columns[c]}, share});
      } else if (classes_of.size() == 2) {
        for (const auto& [value, those] : classes_of)
          if (those.size() == 1 &&
              chance_bits(rows, {counts[those[0]], rows - counts[those[0]]}) >= bits)
            marks.emplace(those[0], std::pair(columns[c], share));
      }
    }
  }
  if (present.size() > 2 && marks.size() + 1 >= present.size()) {
    LabelTwin hot;
    for (const auto& [k, mark] : marks) {
      hot.columns.push_back(mark.first);
      hot.share = std::min(hot.share, mark.second);
    }
    std::sort(hot.columns.begin(), hot.columns.end());
    out.push_back(std::move(hot));
  }
  return out;
}

namespace {

/// Whole numbers, none of them twice, so close that by chance some would have met in all but one of a
/// million columns.
bool dense_and_different(const FeatureMatrix& features, Eigen::Index column) {
  const auto x = features.col(column);
  const double least = x.minCoeff(), most = x.maxCoeff(), range = most - least + 1;
  const auto rows = static_cast<double>(features.rows());
  // Not beyond what single precision tells apart.
  if (least < 0 || least != std::floor(least) || most > 0x1p24 || range < rows) return false;
  const bool all = least <= 1 && range == rows;
  if (!all && rows * (rows - 1) < 28 * range) return false;
  std::vector<bool> seen(static_cast<std::size_t>(range));
  for (Eigen::Index i = 0; i < features.rows(); ++i) {
    const double value = x(i) - least;
    if (value != std::floor(value) || seen[static_cast<std::size_t>(value)]) return false;
    seen[static_cast<std::size_t>(value)] = true;
  }
  return true;
}

}  // namespace

std::vector<std::size_t> row_numbers(const FeatureMatrix& features) {
  std::vector<std::size_t> out;
  if (features.rows() < static_cast<Eigen::Index>(kFewestCounted)) return out;
  const std::vector<std::size_t> counters = row_counters(features);
  for (Eigen::Index j = 0; j < features.cols(); ++j)
    if (dense_and_different(features, j) &&
        !std::binary_search(counters.begin(), counters.end(), static_cast<std::size_t>(j)))
      out.push_back(static_cast<std::size_t>(j));
  return out;
}

std::vector<std::size_t> row_counters(const FeatureMatrix& features) {
  std::vector<std::size_t> out;
  const std::size_t rows = static_cast<std::size_t>(features.rows());
  if (rows < kFewestCounted) return out;
  for (Eigen::Index j = 0; j < features.cols(); ++j) {
    const double first = features(0, j), last = features(at(rows - 1), j);
    const double step = (last - first) / static_cast<double>(rows - 1);
    // Beyond what single precision leaves of a number.
    const double rounding = 0x1p-23 * std::max(std::abs(first), std::abs(last));
    if (!(std::abs(step) > 4 * rounding)) continue;
    bool counts = true;
    for (std::size_t i = 0; counts && i < rows; ++i)
      counts = std::abs(features(at(i), j) - (first + step * static_cast<double>(i))) <=
               1e-6 * std::abs(step) + rounding;
    if (counts) out.push_back(static_cast<std::size_t>(j));
  }
  return out;
}

}  // namespace blindtuner::features
