// Samples of one origin: rows of one patient, pictures of one lesion. What is learnt of some of them is
// known of the others, so that they belong on one side of a split.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "features/samples/dataset.h"
#include "features/samples/shuffle.h"
#include "features/tables/table_columns.h"

namespace blindtuner::features {

/// A column that may say whose samples are, one field a sample; empty ones: not known.
struct GroupColumn {
  std::string name;  ///< of the header, or its number
  std::string text;  ///< for messages
  std::vector<std::string> fields;
  bool asked = false;  ///< by the user
};

/// A field as groups are compared; empty: whose the sample is is not known.
std::string group_field(std::string_view field, DecimalMark mark);

/// Fields of a table's columns that may group its rows: the one that was asked for, or those that are
/// neither features, labels nor content and are named so (is_group_heading), or as another set's.
class GroupFields {
 public:
  GroupFields(const TableColumns& columns, const ColumnChoice& choice);
  void add(const TableRow& row);
  std::vector<GroupColumn> take() { return std::move(out_); }

 private:
  DecimalMark mark_;
  std::vector<std::size_t> places_;
  std::vector<GroupColumn> out_;
};

/// Of several columns the one that groups samples: that which was asked for, or another set's; else the
/// coarsest, origins by their name before other identifiers, that leaves several groups of two classes.
/// Where no value of an origin comes twice, or they are too few, its values are there to be compared.
/// `labels`: one a sample, or none. `reading` tells which, and why. Throws DataError for a column that
/// was asked for and has one value.
SampleGroups choose_groups(const std::vector<GroupColumn>& columns, const Labels& labels,
                           const ColumnChoice& choice, const std::string& name, Reading& reading);

/// What is to stay together when the set is split, as stratified_split() has it: samples of one group
/// and copies (features/samples/copies.h); empty: nothing.
std::vector<std::uint32_t> kept_together(const Dataset& set);

/// stratified_split() of a set, what is to stay together on one side. With groups classes may be mixed
/// in one: as near to the share of every class as whole groups come, drawn at random; of a class of
/// several groups at least one stays in either half.
Split split_of(const Dataset& set, double fraction, const Seed& seed);

/// A fold for every sample, the same share of every class in each as near as whole groups come.
/// `groups` as stratified_split() has it.
std::vector<int> grouped_folds(const Labels& labels, int classes, int folds, const Seed& seed,
                               std::span<const std::uint32_t> groups);

/// Values of b's groups, and how many of them a has too; none where they are of other columns.
struct SharedGroups {
  std::size_t values = 0, shared = 0;
};
SharedGroups shared_groups(const Dataset& a, const Dataset& b);

}  // namespace blindtuner::features
