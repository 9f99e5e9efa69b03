#include "features/samples/named_columns.h"

namespace blindtuner::features {

std::string key_of(std::string_view field, DecimalMark mark) {
  field = without_blanks(field);
  return whole_number_text(field, mark).value_or(std::string(field));
}

RowsByKey rows_by_key(const NamedColumn& column) {
  RowsByKey out;
  for (const std::string& field : column.fields)
    if (field.empty() || !out.emplace(field, out.size()).second) return {};
  return out;
}

}  // namespace blindtuner::features
