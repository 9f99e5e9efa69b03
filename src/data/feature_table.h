// Features and labels out of tables.
#pragma once

#include <filesystem>

#include "data/class_names.h"
#include "data/dataset.h"
#include "data/table_columns.h"

namespace blindtuner {

struct FeatureTable {
  FeatureMatrix features;
  LabelWords labels;                       ///< none where the request wants none
  std::vector<std::string> feature_names;  ///< none without a header, or where two are the same
};

/// Reads what assign_columns() chose. Throws DataError, also for values that are not finite or beyond
/// single precision, rows without a label, labels that are fractions.
FeatureTable read_feature_table(const std::filesystem::path& path, TableRequest request,
                                Reading& reading);

/// A table of labels alone. Throws DataError.
LabelWords read_label_table(const std::filesystem::path& path, const ColumnChoice& columns,
                            Reading& reading);

/// Adds a row's label, out of its column or its one-hot columns. False: there is none, and such rows
/// are to be left out. Throws DataError.
bool add_label(const Table& table, const TableColumns& columns, std::size_t row,
               const TableRow& fields, bool skip_missing, LabelWords& labels);

}  // namespace blindtuner
