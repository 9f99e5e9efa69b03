// Features and labels in tables of their own go together by their identifiers.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "features/samples/named_columns.h"
#include "features/tables/table_columns.h"

namespace blindtuner::features {

/// Two tables, by their columns that are neither features nor labels.
struct JoinedTables {
  std::string features, labels;  ///< for messages
  const std::vector<NamedColumn>&of_features, &of_labels;
  bool rows_left_out = false;  ///< of the features, so that labels may be left over
};

/// Which row of the labels each row of the features has: by the first column of both tables that has
/// the same name in them and another value in every row, in the order of the features' table; names
/// before columns that have none. Empty: they go together by their places, as no such column is
/// there, or nothing but one without a name whose values differ (which is said). `reading` tells of
/// what was taken. Throws DataError for an identifier that only one table has, and where columns that
/// identifiers are called by do not tell rows apart and differ.
std::vector<std::size_t> join_by_identifier(const JoinedTables& tables, Reading& reading);

}  // namespace blindtuner::features
