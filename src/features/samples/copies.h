// Samples that are there more than once, in a set or in two.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "features/samples/dataset.h"

namespace blindtuner::features {

/// Which samples of a set are equal: by their digests where every one has one, or by their features.
struct Copies {
  std::vector<std::uint32_t> first;  ///< of each sample the first that equals it, or itself
  std::size_t repeated = 0;          ///< samples that an earlier one equals
  std::size_t contradicting = 0;     ///< samples with an equal of another label
  /// No copies, as far as can be told: the columns' values make no more combinations than there are
  /// samples, so that some had to be equal.
  bool by_chance = false;

  /// What is to stay together when the set is split: `first`, or none where equals are no copies.
  std::vector<std::uint32_t> groups() const;
};
/// Labels may be missing. Throws ContractError for 2^32 samples or more.
Copies find_copies(const Dataset& set);

/// Of at most 10000 samples of `b`, those that are not in `a` but nearly: features differ by half a
/// hundredth of a's deviations at most (root of the mean square over the columns), as after rounding
/// to three digits. What lies as close as that by chance has many times as many neighbours at
/// four times the distance; where these are there, and of a single sample, `count` is 0.
struct NearCopies {
  std::size_t count = 0, looked_at = 0;
};
/// None in a set of another width. May be interrupted (base/interrupt.h).
NearCopies near_copies(const Dataset& a, const Dataset& b);

}  // namespace blindtuner::features
