// Columns beside features and labels, by which rows are told apart.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "features/tables/table_number.h"

namespace blindtuner::features {

/// A column of a table, one field a row that was read, as key_of() has it.
struct NamedColumn {
  std::string name;    ///< as heading_key() has it; empty: of a column without a name
  std::string column;  ///< for messages
  std::vector<std::string> fields;
  /// Why a member of an archive that is called as identifiers are cannot be read, or of which samples it is cannot be told,
  /// where that is so, and what to do: then it has no fields.
  std::string unreadable{};
};

/// A field as identifiers are compared: as class_name() has it, whole numbers in their shortest form.
std::string key_of(std::string_view field, DecimalMark mark);

/// Row of every value; empty where one is there twice, or a row has none.
using RowsByKey = std::unordered_map<std::string, std::size_t>;
RowsByKey rows_by_key(const NamedColumn& column);

}  // namespace blindtuner::features
