#include "data/balance.h"

#include <algorithm>

#include "base/error.h"
#include "data/shuffle.h"

namespace blindtuner {

std::vector<std::size_t> class_counts(const Labels& labels, int classes) {
  std::vector<std::size_t> counts(static_cast<std::size_t>(classes));
  for (const int label : labels) {
    require(label >= 0 && label < classes, "class_counts: label out of range");
    ++counts[static_cast<std::size_t>(label)];
  }
  return counts;
}

std::vector<std::uint32_t> balanced_rows(const Labels& labels, int classes, std::size_t most,
                                         const Seed& seed) {
  const std::vector<std::size_t> counts = class_counts(labels, classes);
  const auto present = static_cast<std::size_t>(
      std::count_if(counts.begin(), counts.end(), [](std::size_t n) { return n > 0; }));
  if (present == 0) return {};
  const std::size_t of_each = std::clamp<std::size_t>(
      most / present, 1, *std::max_element(counts.begin(), counts.end()));

  // Every class' rows, in random order, as often as it takes.
  std::vector<std::vector<std::uint32_t>> rows(counts.size());
  for (const std::uint32_t row : shuffled_indices(labels.size(), seed))
    rows[static_cast<std::size_t>(labels[row])].push_back(row);
  std::vector<std::uint32_t> out;
  out.reserve(present * of_each);
  for (std::size_t i = 0; i < of_each; ++i)
    for (const std::vector<std::uint32_t>& of_class : rows)
      if (!of_class.empty()) out.push_back(of_class[i % of_class.size()]);
  return out;
}

}  // namespace blindtuner
