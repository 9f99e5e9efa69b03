// Which columns of two tables hold the same values, each of them once: what rows are told apart by,
// whatever it is called.
#pragma once

#include <cstddef>
#include <vector>

#include "features/samples/named_columns.h"
#include "features/tables/table_columns.h"

namespace blindtuner::features {

struct SharedKey {
  std::size_t column;  ///< of the table
  std::size_t other;   ///< of the other columns
  bool same_name;      ///< in heading_key()'s form, or both without a name
  bool moved;          ///< the values are in another order
  /// Rows whose value the other column lacks; 0, but for less than half of the rows under one name.
  std::size_t absent;
  std::size_t first_absent;  ///< the row of the first of them
};
using SharedKeys = std::vector<SharedKey>;

/// Columns of a table that have the values of one of the other columns, a value a row and none twice
/// (under the same name also where some differ), by the table's columns. Fractions are no identifiers.
SharedKeys shared_keys(const Table& table, const TableColumns& columns,
                       const std::vector<NamedColumn>& others);

}  // namespace blindtuner::features
