// Tables on the command line: which columns are what, and what a reader took.
#pragma once

#include "app/common/program.h"
#include "features/tables/table_columns.h"

namespace blindtuner::app {
using namespace features;

/// --label-column, --decimal and --skip-missing; and, of tables of numbers, --feature-columns and
/// --drop-columns.
void add_table_options(Command& command, ColumnChoice& columns, bool of_features);
/// --group-column, of commands that split sets or carry their groups.
void add_group_option(Command& command, ColumnChoice& columns);

/// Its warnings, then its notes.
void print_notes(const CommonOptions& options, const Reading& reading);

}  // namespace blindtuner::app
