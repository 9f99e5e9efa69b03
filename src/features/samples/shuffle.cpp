#include "features/samples/shuffle.h"

#include <cmath>
#include <numeric>
#include <utility>

#include "base/error.h"

namespace blindtuner::features {

Seed numbered_seed(std::uint64_t number) {
  Seed seed{};
  for (std::size_t i = 0; i < 8; ++i) seed[i] = static_cast<std::uint8_t>(number >> (8 * i));
  return seed;
}

std::uint64_t uniform_below(Prng& prng, std::uint64_t bound) {
  require(bound > 0, "uniform_below: bound 0");
  // 2^64 mod bound values at the bottom would be drawn once too often.
  const std::uint64_t unfair = (0 - bound) % bound;
  for (;;) {
    const std::uint64_t word = prng.next();
    if (word >= unfair) return word % bound;
  }
}

namespace {

void shuffle(std::vector<std::uint32_t>& items, Prng& prng) {
  for (std::size_t i = items.size(); i > 1; --i)
    std::swap(items[i - 1], items[uniform_below(prng, i)]);
}

std::size_t held_out(double fraction, std::size_t count) {
  require(fraction >= 0 && fraction <= 1, "split: fraction outside [0, 1]");
  return static_cast<std::size_t>(std::llround(fraction * static_cast<double>(count)));
}

}  // namespace

std::vector<std::uint32_t> shuffled_indices(std::size_t count, std::uint64_t seed) {
  return shuffled_indices(count, numbered_seed(seed));
}

std::vector<std::uint32_t> shuffled_indices(std::size_t count, const Seed& seed) {
  require(count <= UINT32_MAX, "shuffled_indices: too many samples");
  std::vector<std::uint32_t> order(count);
  std::iota(order.begin(), order.end(), 0u);
  Prng prng(seed);
  shuffle(order, prng);
  return order;
}

Split random_split(std::size_t count, double fraction, std::uint64_t seed) {
  const std::size_t out = held_out(fraction, count);
  auto order = shuffled_indices(count, seed);
  const auto cut = order.begin() + static_cast<std::ptrdiff_t>(count - out);
  return {{order.begin(), cut}, {cut, order.end()}};
}

Split stratified_split(const Labels& labels, int classes, double fraction, std::uint64_t seed) {
  return stratified_split(labels, classes, fraction, numbered_seed(seed), {});
}

Split stratified_split(const Labels& labels, int classes, double fraction, const Seed& seed,
                       std::span<const std::uint32_t> groups) {
  require(labels.size() <= UINT32_MAX, "stratified_split: too many samples");
  require(groups.empty() || groups.size() == labels.size(), "stratified_split: groups");
  // A group is a chain behind its first sample, which stands for it among its class's members.
  constexpr std::uint32_t kNone = UINT32_MAX;
  std::vector<std::uint32_t> leader(labels.size(), kNone), next = leader, last = leader;
  std::vector<std::uint32_t> count(labels.size());
  std::vector<std::vector<std::uint32_t>> members(static_cast<std::size_t>(std::max(classes, 0)));
  std::vector<std::size_t> sizes(members.size());
  for (std::size_t i = 0; i < labels.size(); ++i) {
    require(labels[i] >= 0 && labels[i] < classes, "stratified_split: label out of range");
    const auto at = static_cast<std::uint32_t>(i);
    const std::size_t group = groups.empty() ? i : groups[i];
    require(group < labels.size(), "stratified_split: group out of range");
    std::uint32_t& first = leader[group];
    if (first == kNone) {
      first = at;
      members[static_cast<std::size_t>(labels[i])].push_back(at);
    } else {
      next[last[first]] = at;
    }
    last[first] = at;
    ++count[first];
    ++sizes[static_cast<std::size_t>(labels[first])];
  }
  Prng prng(seed);
  Split split;
  for (std::size_t k = 0; k < members.size(); ++k) {
    std::vector<std::uint32_t>& member = members[k];
    shuffle(member, prng);
    // From the end, each group that brings their number nearer to the one wanted.
    std::size_t missing = held_out(fraction, sizes[k]);
    std::vector<bool> out(member.size());
    for (std::size_t i = member.size(); i-- > 0 && missing > 0;) {
      const std::size_t size = count[member[i]];
      out[i] = size <= 2 * missing;
      if (out[i]) missing -= std::min(missing, size);
    }
    for (std::size_t i = 0; i < member.size(); ++i) {
      std::vector<std::uint32_t>& half = out[i] ? split.second : split.first;
      for (std::uint32_t at = member[i]; at != kNone; at = next[at]) half.push_back(at);
    }
  }
  shuffle(split.first, prng);
  shuffle(split.second, prng);
  return split;
}

}  // namespace blindtuner::features
