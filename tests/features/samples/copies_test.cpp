#include "features/samples/copies.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "base/error.h"
#include "features/samples/shuffle.h"

namespace blindtuner {
using namespace features;
namespace {

Dataset normal_set(Eigen::Index samples, Eigen::Index width, std::uint64_t seed) {
  Prng prng(numbered_seed(seed));
  Dataset set;
  set.classes = 2;
  set.features.resize(samples, width);
  for (Eigen::Index i = 0; i < samples; ++i) {
    set.labels.push_back(static_cast<int>(i % 2));
    for (Eigen::Index j = 0; j < width; ++j)
      set.features(i, j) = static_cast<float>(normal_pair(prng).first);
  }
  return set;
}

Dataset repeated(const Dataset& set, std::uint32_t times) {
  std::vector<std::uint32_t> rows;
  for (std::uint32_t i = 0; i < set.size(); ++i) rows.insert(rows.end(), times, i);
  return select(set, rows);
}

TEST(Copies, ByFeaturesOrDigests) {
  Dataset set = normal_set(6, 3, 1);
  EXPECT_EQ(find_copies(set).repeated, 0u);
  EXPECT_TRUE(find_copies(set).groups().empty());
  set.features.row(4) = set.features.row(1);
  set.features.row(5) = set.features.row(1);
  Copies copies = find_copies(set);
  EXPECT_EQ(copies.first, (std::vector<std::uint32_t>{0, 1, 2, 3, 1, 1}));
  EXPECT_EQ(copies.repeated, 2u);
  EXPECT_EQ(copies.contradicting, 3u);  // classes 1, 0, 1
  EXPECT_EQ(copies.groups(), copies.first);
  set.digests = {"a", "b", "c", "a", "d", "e"};
  copies = find_copies(set);
  EXPECT_EQ(copies.first, (std::vector<std::uint32_t>{0, 1, 2, 0, 4, 5}));
  EXPECT_EQ(copies.contradicting, 2u);
}

TEST(Copies, FewCombinationsAreNone) {
  // Three columns of 0 and 1: of 40 samples 32 at least equal another.
  Dataset set = normal_set(40, 3, 2);
  set.features = (set.features.array() > 0).cast<float>();
  const Copies copies = find_copies(set);
  EXPECT_GE(copies.repeated, 32u);
  EXPECT_TRUE(copies.by_chance);
  EXPECT_TRUE(copies.groups().empty());
  // Pictures that are all black are copies all the same.
  set.digests.assign(set.size(), "black");
  EXPECT_FALSE(find_copies(set).by_chance);
  EXPECT_FALSE(find_copies(repeated(normal_set(40, 3, 2), 5)).by_chance);
}

TEST(Copies, NeverOnBothSidesOfASplit) {
  const Dataset set = repeated(normal_set(100, 4, 3), 5);
  const std::vector<std::uint32_t> groups = find_copies(set).groups();
  for (const std::uint64_t seed : {1, 2, 3}) {
    const Split split = stratified_split(set.labels, 2, 0.2, numbered_seed(seed), groups);
    EXPECT_EQ(split.second.size(), 100u);
    EXPECT_EQ(split.first.size(), 400u);
    EXPECT_EQ(samples_in_both(select(set, split.first), select(set, split.second)), 0u);
    const std::vector<std::size_t> counts = class_counts(select(set, split.second).labels, 2);
    EXPECT_EQ(counts, (std::vector<std::size_t>{50, 50}));
    std::set<std::uint32_t> all(split.first.begin(), split.first.end());
    all.insert(split.second.begin(), split.second.end());
    EXPECT_EQ(all.size(), set.size());
  }
  EXPECT_THROW(stratified_split({0, 1}, 2, 0.5, numbered_seed(1), std::vector<std::uint32_t>{0}),
               ContractError);
}

TEST(Copies, WithoutThemSplitsAreWhatTheyWere) {
  const Dataset set = normal_set(50, 2, 4);
  std::vector<std::uint32_t> alone(set.size());
  for (std::uint32_t i = 0; i < alone.size(); ++i) alone[i] = i;
  const Split want = stratified_split(set.labels, 2, 0.3, numbered_seed(9));
  const Split got = stratified_split(set.labels, 2, 0.3, numbered_seed(9), alone);
  EXPECT_EQ(got.first, want.first);
  EXPECT_EQ(got.second, want.second);
  // Of 50 samples by this seed, as it has always been.
  Prng prng(numbered_seed(9));
  std::vector<std::uint32_t> first;
  for (std::uint32_t i = 0; i < 50; i += 2) first.push_back(i);
  for (std::size_t i = first.size(); i > 1; --i)
    std::swap(first[i - 1], first[uniform_below(prng, i)]);
  const std::set<std::uint32_t> held(want.second.begin(), want.second.end());
  for (std::size_t i = 0; i < first.size(); ++i)
    EXPECT_EQ(held.count(first[i]), i < 17 ? 0u : 1u);  // round(0.3 * 25) = 8 held out
}

TEST(Copies, NearOnesAreNoticed) {
  const Dataset set = normal_set(300, 60, 5), other = normal_set(200, 60, 6);
  EXPECT_EQ(near_copies(set, other).count, 0u);
  EXPECT_EQ(near_copies(set, other).looked_at, 200u);
  Dataset near = select(set, shuffled_indices(300, 1));
  near.features *= 1 + 1e-6f;
  EXPECT_EQ(near_copies(set, near).count, 300u);
  // Three digits, in other units.
  Dataset units = set;
  near = set;
  for (Eigen::Index j = 0; j < 60; ++j) {
    const float unit = std::pow(10.0f, static_cast<float>(j % 7) - 3);
    units.features.col(j) *= unit;
    near.features.col(j) = (set.features.col(j).array() * 1000).round() * (unit / 1000);
  }
  EXPECT_EQ(near_copies(units, near).count, 300u);
  // Some among many, and those that are equal are not counted here.
  Dataset some = other;
  some.features.topRows(10) = set.features.topRows(10) * 1.0001f;
  some.features.middleRows(10, 5) = set.features.middleRows(10, 5);
  EXPECT_EQ(near_copies(set, some).count, 10u);
  EXPECT_EQ(near_copies(set, normal_set(20, 59, 1)).count, 0u);
}

TEST(Copies, WhatIsNearByChanceIsNoCopy) {
  // Few columns are dense: neighbours everywhere.
  for (const Eigen::Index width : {1, 2, 3})
    EXPECT_EQ(near_copies(normal_set(4000, width, 7), normal_set(1000, width, 8)).count, 0u)
        << width;
  // Values of a grid, equal or far.
  Dataset a = normal_set(2000, 3, 9), b = normal_set(500, 3, 10);
  for (Dataset* set : {&a, &b}) set->features = (set->features.array() * 5).round() + 0.0f;
  EXPECT_GT(samples_in_both(a, b), 100u);
  EXPECT_EQ(near_copies(a, b).count, 0u);
  // And one that does not vary.
  a.features.setConstant(2);
  EXPECT_EQ(near_copies(a, b).count, 0u);
}

}  // namespace
}  // namespace blindtuner
