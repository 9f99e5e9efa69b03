#include "features/samples/named_columns.h"

#include "features/samples/class_names.h"

namespace blindtuner::features {

std::string key_of(std::string_view field, DecimalMark mark) {
  std::string word = class_name(field);
  // "00e7" and "12e3" are names in digits of sixteen; programs write exponents with their sign.
  const std::size_t exponent = word.find_first_of("eE");
  if (exponent != std::string::npos &&
      (exponent + 1 == word.size() || (word[exponent + 1] != '+' && word[exponent + 1] != '-')))
    return word;
  return whole_number_text(word, mark).value_or(word);
}

RowsByKey rows_by_key(const NamedColumn& column) {
  RowsByKey out;
  for (const std::string& field : column.fields)
    if (field.empty() || !out.emplace(field, out.size()).second) return {};
  return out;
}

}  // namespace blindtuner::features
