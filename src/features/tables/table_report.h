// How a table was read, in sentences and for programs.
#pragma once

#include "features/tables/column_uses.h"

namespace blindtuner::features {

/// Adds what was taken for what, and what was left out for which reason.
void report_columns(const ColumnUses& uses, TableUse use, const TableColumns& taken,
                    Reading& reading);

/// Adds how the table was read, when all of it was: `left` are rows that were left out since.
void report_table(const Table& table, std::size_t rows, const std::vector<UnusedRows>& left,
                  Reading& reading);

}  // namespace blindtuner::features
