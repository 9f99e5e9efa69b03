// Features and labels out of tables.
#pragma once

#include <filesystem>
#include <functional>

#include "data/class_names.h"
#include "data/dataset.h"
#include "data/table_columns.h"

namespace blindtuner {

struct FeatureTable {
  FeatureMatrix features;
  LabelWords labels;                       ///< none where the request wants none
  std::vector<std::string> feature_names;  ///< none without a header
};

/// Reads what assign_columns() chose. Throws DataError, also for values that are not finite or beyond
/// single precision, rows without a label, labels that are fractions.
FeatureTable read_feature_table(const std::filesystem::path& path, TableRequest request,
                                Reading& reading);

/// A table of labels alone. Throws DataError.
LabelWords read_label_table(const std::filesystem::path& path, const ColumnChoice& columns,
                            Reading& reading);

/// Adds the labels of a table of texts or paths, where it has any, out of their column or the one-hot
/// columns, and hands on every row (its number first) that has one; all where there are none.
/// Returns what was left out: rows without a label, with `skip_missing`. Throws DataError.
UnusedRows for_each_labelled_row(const Table& table, const TableColumns& columns, bool skip_missing,
                                 LabelWords& labels,
                                 const std::function<void(std::size_t, const TableRow&)>& use);

}  // namespace blindtuner
