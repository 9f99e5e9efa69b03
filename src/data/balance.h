// Training sets in which every class counts the same.
#pragma once

#include <cstdint>
#include <vector>

#include "base/random.h"
#include "data/dataset.h"

namespace blindtuner {

/// Rows of a set in an order in which every class that occurs comes equally often: K classes take
/// turns, so that any K rows that follow each other hold each of them once. A class has as many rows
/// as the most frequent one, and no more than `most` / K (one at least): all of its rows are taken as
/// often as will do, none twice more than another, and which of them and in which order is drawn
/// from the seed. Minimising the mean loss over these rows minimises the mean over classes of the
/// classes' mean losses. Throws ContractError on a label outside [0, classes).
std::vector<std::uint32_t> balanced_rows(const Labels& labels, int classes, std::size_t most,
                                         const Seed& seed);

/// A balanced training set is at most this many times the size of what it is made of.
inline constexpr std::size_t kBalancedGrowth = 2;

/// How many samples each class has. Throws ContractError on a label outside [0, classes).
std::vector<std::size_t> class_counts(const Labels& labels, int classes);

}  // namespace blindtuner
