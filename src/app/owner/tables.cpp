#include "app/owner/tables.h"

#include "app/common/report.h"

namespace blindtuner::app {

void add_table_options(Command& command, ColumnChoice& columns, bool of_features) {
  command.add_option("--label-column", columns.label,
                     "of a table: a name, a number from 1, last, or none (by default what its "
                     "header or its content says, docs/DATA.md)");
  command.add_flag("--skip-missing", columns.skip_missing,
                   "leave out a table's rows without a value or a label, and count them");
  if (!of_features) return;
  command
      .add_option("--feature-columns", columns.features,
                  "of a table: names or numbers from 1, separated by commas; no others")
      .separated_by(',');
  command.add_option("--drop-columns", columns.drop, "of a table: neither features nor label")
      .separated_by(',');
  command.add_option("--decimal", columns.decimal, "of a table: its decimal mark")
      .one_of({"point", "comma"});
}

void add_group_option(Command& command, ColumnChoice& columns) {
  command.add_option("--group-column", columns.group,
                     "of a table or archive: what samples of one origin have in common, such as a "
                     "patient, so that they stay together when samples are held out; or none (by "
                     "default an identifier that comes again, docs/DATA.md)");
}

void print_notes(const CommonOptions& options, const Reading& reading) {
  for (const std::string& warning : reading.warnings) print_warning(warning);
  print_notes(options, reading.notes);
}

}  // namespace blindtuner::app
