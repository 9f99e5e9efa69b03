#include "features/samples/answers.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>

#include "base/parallel.h"
#include "base/utf8.h"

namespace blindtuner::features {
namespace {

constexpr double kShare = 0.995, kOfTheRest = 0.02;
constexpr double kChanceBits = 20;  // once in a million
constexpr std::size_t kRows = 200, kRowsOfAClass = 20;
constexpr std::size_t kLook = 512;  // rows that a column is looked at first
constexpr std::size_t kMostNamed = 5;

struct Separation {
  std::size_t right = 0, values = 0;
};

/// The most rows in the interval of their own class, classes in the order of their means.
Separation separate(const Dataset& set, std::size_t column,
                    const std::vector<std::uint32_t>& rows) {
  const auto value = [&](std::uint32_t i) {
    return set.features(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(column));
  };
  const auto classes = static_cast<std::size_t>(set.classes);
  std::vector<double> sums(classes);
  std::vector<std::size_t> counts(classes);
  for (const std::uint32_t i : rows) {
    const auto k = static_cast<std::size_t>(set.labels[i]);
    sums[k] += static_cast<double>(value(i));
    ++counts[k];
  }
  std::vector<std::size_t> order;
  for (std::size_t k = 0; k < classes; ++k)
    if (counts[k] > 0) order.push_back(k);
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return sums[a] / static_cast<double>(counts[a]) < sums[b] / static_cast<double>(counts[b]);
  });
  std::vector<std::uint32_t> sorted = rows;
  std::sort(sorted.begin(), sorted.end(),
            [&](std::uint32_t a, std::uint32_t b) { return value(a) < value(b); });
  // best[k]: of the rows so far, the last of which is in the interval of class order[k].
  std::vector<std::size_t> best(order.size()), here(classes);
  Separation out;
  for (std::size_t at = 0; at < sorted.size(); ++out.values) {
    std::fill(here.begin(), here.end(), 0);
    const float same = value(sorted[at]);
    for (; at < sorted.size() && value(sorted[at]) == same; ++at)
      ++here[static_cast<std::size_t>(set.labels[sorted[at]])];
    for (std::size_t k = 0; k < order.size(); ++k) {
      if (k > 0) best[k] = std::max(best[k], best[k - 1] - here[order[k - 1]]);
      best[k] += here[order[k]];
    }
  }
  out.right = *std::max_element(best.begin(), best.end());
  return out;
}

/// How rare it is that a column with a value a class goes with the labels by chance, but for so many
/// rows: -log2 of a bound for the probability.
double chance_bits(const std::vector<std::size_t>& counts, std::size_t wrong) {
  double bits = 0, rows = 0, classes = 0;
  for (const std::size_t count : counts) {
    bits -= std::lgamma(static_cast<double>(count) + 1);
    rows += static_cast<double>(count);
    classes += count > 0;
  }
  bits += std::lgamma(rows + 1) - std::lgamma(classes + 1);
  return bits / std::log(2.0) - static_cast<double>(wrong) * std::log2(rows * classes);
}

bool separated(std::size_t right, std::size_t rows, std::size_t largest) {
  const auto wrong = static_cast<double>(rows - right);
  return wrong <= (1 - kShare) * static_cast<double>(rows) &&
         wrong <= kOfTheRest * static_cast<double>(rows - largest);
}

}  // namespace

std::vector<AnswerColumn> answer_columns(const Dataset& set) {
  const std::vector<std::size_t> counts = class_counts(set.labels, set.classes);
  std::size_t present = 0, largest = 0, smallest = set.size();
  for (const std::size_t count : counts) {
    if (count == 0) continue;
    ++present;
    largest = std::max(largest, count);
    smallest = std::min(smallest, count);
  }
  const double columns_bits = std::log2(static_cast<double>(std::max<std::size_t>(set.width(), 1)));
  if (present < 2 || chance_bits(counts, 0) < kChanceBits + columns_bits) return {};
  std::vector<std::uint32_t> all(set.size()), look;
  std::iota(all.begin(), all.end(), 0U);
  const std::size_t step = std::max<std::size_t>(1, set.size() / kLook);
  for (std::size_t i = 0; i < set.size(); i += step) look.push_back(static_cast<std::uint32_t>(i));
  std::vector<double> share(set.width());
  parallel_for(set.width(), [&](std::size_t j) {
    // A part of the rows lets by what may be one, generously.
    if (step > 1 && separate(set, j, look).right * 100 < look.size() * 97) return;
    const Separation found = separate(set, j, all);
    if (!separated(found.right, set.size(), largest)) return;
    const bool enough = found.values <= present ? chance_bits(counts, set.size() - found.right) >=
                                                      kChanceBits + columns_bits
                                                : set.size() >= kRows && smallest >= kRowsOfAClass;
    if (enough) share[j] = static_cast<double>(found.right) / static_cast<double>(set.size());
  });
  std::vector<AnswerColumn> out;
  for (std::size_t j = 0; j < share.size(); ++j)
    if (share[j] > 0) out.push_back({j, share[j]});
  return out;
}

std::string feature_list(const Dataset& set, const std::vector<std::size_t>& columns) {
  std::string out;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (i == kMostNamed) return out + ", ..";
    out += (i == 0 ? "" : ", ") +
           (columns[i] < set.feature_names.size()
                ? "'" + printable(set.feature_names[columns[i]].substr(0, 60)) + "'"
                : "feature " + std::to_string(columns[i] + 1));
  }
  return out;
}

std::string answer_warning(const Dataset& set, const std::vector<AnswerColumn>& columns) {
  std::string out;
  for (std::size_t i = 0; i < std::min(columns.size(), kMostNamed); ++i) {
    const auto [column, share] = columns[i];
    // Rounded down: 100 % are all rows.
    char percent[32];
    std::snprintf(percent, sizeof percent, "%g", std::floor(1000 * share) / 10);
    out += (i == 0 ? "" : "; ") + feature_list(set, {column}) + " alone gives the label in " +
           percent + " % of " + std::to_string(set.size()) + " rows";
  }
  if (columns.size() > kMostNamed)
    out += "; so do " + std::to_string(columns.size() - kMostNamed) + " more";
  return out.empty() ? out
                     : out +
                           ": is it an answer rather than a feature? What will not be known when "
                           "the model is used is to be left out (--drop-columns, of a table)";
}

}  // namespace blindtuner::features
