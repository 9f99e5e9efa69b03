// Reproducible orders and splits. A seed that is a number is public randomness, never a source of
// secrets; an order that is to stay hidden takes 256 bits (features/samples/order_seed.h).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/random.h"
#include "features/samples/dataset.h"

namespace blindtuner::features {

/// The Seed whose first eight bytes are `number`, little-endian, the rest zero.
Seed numbered_seed(std::uint64_t number);

/// A uniform number in [0, bound), without bias (rejection). bound > 0.
std::uint64_t uniform_below(Prng& prng, std::uint64_t bound);

/// A uniformly random permutation of 0 .. count-1 (Fisher-Yates), fixed by the seed.
/// Throws ContractError when count >= 2^32.
std::vector<std::uint32_t> shuffled_indices(std::size_t count, const Seed& seed);
std::vector<std::uint32_t> shuffled_indices(std::size_t count, std::uint64_t seed);

struct Split {
  std::vector<std::uint32_t> first;   ///< what stays for training
  std::vector<std::uint32_t> second;  ///< what is held out
};

/// Holds out round(fraction * count) samples chosen at random. 0 <= fraction <= 1.
Split random_split(std::size_t count, double fraction, std::uint64_t seed);

/// Holds out round(fraction * n_k) samples of every class k, chosen at random; both halves come in
/// random order. 0 <= fraction <= 1. Throws ContractError on a label outside [0, classes).
/// With `groups`, a number below n for every one of n samples, those of one number stay together, in
/// the class of the first of them: as near to that share as whole groups come.
Split stratified_split(const Labels& labels, int classes, double fraction, const Seed& seed,
                       std::span<const std::uint32_t> groups = {});
Split stratified_split(const Labels& labels, int classes, double fraction, std::uint64_t seed);

}  // namespace blindtuner::features
