#include "features/tables/row_count.h"

namespace blindtuner::features {

RowCount count_rows(const std::vector<std::string>& fields) {
  RowCount out;
  for (std::size_t i = 0; i < fields.size() && out.counts(); ++i)
    if (const auto number = table_number(fields[i], DecimalMark::kPoint))
      out.add(i, *number);
    else
      out.stop();
  return out;
}

}  // namespace blindtuner::features
