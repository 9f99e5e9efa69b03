// Features and labels out of tables.
#pragma once

#include <filesystem>
#include <functional>

#include "features/samples/class_names.h"
#include "features/samples/dataset.h"
#include "features/samples/named_columns.h"
#include "features/samples/sample_groups.h"
#include "features/tables/table_columns.h"

namespace blindtuner::features {

/// Columns of another table, which samples have their labels from.
struct OtherTable {
  const std::vector<NamedColumn>& columns;
  std::string name;  ///< for messages
};

struct FeatureTable {
  FeatureMatrix features;
  LabelWords labels;                       ///< none where the request wants none
  std::vector<std::string> feature_names;  ///< without a header feature_places
  /// place_name() of each feature, where others than the label are left out; else none.
  std::vector<std::string> feature_places;
  std::vector<NamedColumn> others;  ///< of those that were asked for, or all
  std::vector<GroupColumn> groups;  ///< columns that may group samples
  std::vector<std::string> ids;  ///< the column that ColumnChoice::id names, without blanks around
  SamplePlaces places{.lines = true};
};

/// Reads what assign_columns() chose. Throws DataError, also for values that are not finite or beyond
/// single precision, rows without a label, labels that are fractions. `others`: columns that are
/// read as well where they are neither feature nor label, and were not left out as asked. A column of
/// numbers that has their values, one a row, in another order (features/samples/shared_keys.h) is one of these and,
/// unless features are chosen or another set's, no feature.
FeatureTable read_feature_table(const std::filesystem::path& path, TableRequest request,
                                Reading& reading, const OtherTable& others = {{}, {}});

/// Classes that lose (almost) all of their rows, or many more than the others do, are warned of. `name` opens
/// the message; `why`: "lack a value".
void tell_lost_classes(const std::string& name, const LabelWords& kept, const LabelWords& lost,
                       const std::string& why, Reading& reading);

/// A table of labels alone. `others`: takes the columns beside them; `left_out`: the empty rows.
/// Throws DataError.
LabelWords read_label_table(const std::filesystem::path& path, const ColumnChoice& columns,
                            Reading& reading, std::vector<NamedColumn>* others = nullptr,
                            LeftOutRows* left_out = nullptr);

/// Adds the labels of a table of texts or paths, where it has any, out of their column or the one-hot
/// columns, and hands on every row (its number first) that has one; all where there are none.
/// Returns what was left out: rows without a label, with `skip_missing`. Throws DataError.
UnusedRows for_each_labelled_row(const Table& table, const TableColumns& columns, bool skip_missing,
                                 LabelWords& labels,
                                 const std::function<void(std::size_t, const TableRow&)>& use);

}  // namespace blindtuner::features
