// What the fields of a column say about it: a decimal mark, dates, units, parts of a set.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "features/tables/column_uses.h"

namespace blindtuner::features {

/// Of more than half of the column's fields.
bool is_mostly(const ColumnUses& uses, std::size_t column,
               const std::function<bool(std::string_view)>& is);
bool is_measured(const ColumnUses& uses, std::size_t column);  ///< texts: numbers with one unit
bool is_split(const ColumnUses& uses, std::size_t column);     ///< names of parts of a set

/// The decimal mark that was `asked` for (ColumnChoice::decimal), or that of a label beside texts or paths,
/// or alone: only what is certain.
DecimalMark mark_of_label(const ColumnUses& uses, const std::optional<std::size_t>& label,
                          const std::string& asked);
/// That of the features and the label beside them. What is read decides; where that tells nothing, what
/// else was not dropped. Throws DataError where it cannot be told, or columns contradict one another.
DecimalMark mark_of_features(const ColumnUses& uses, const TableColumns& columns,
                             const std::string& asked);

}  // namespace blindtuner::features
