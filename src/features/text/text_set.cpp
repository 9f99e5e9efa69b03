#include "features/text/text_set.h"

#include "base/error.h"
#include "base/path.h"
#include "features/data/feature_table.h"
#include "features/samples/label_lists.h"
#include "features/samples/sample_groups.h"
#include "features/tables/table.h"
#include "features/tables/table_report.h"

namespace blindtuner::features {

TextSet read_text_set(const TextSource& source) {
  std::error_code error;
  if (std::filesystem::is_directory(source.table, error))
    throw DataError(quoted_path(source.table) +
                    ": a folder, expected a table with a text and a label a row");
  const Table table(source.table);
  TextSet out;
  TableRequest request;
  request.use = TableUse::kTexts;
  request.labelled = Labelled::kMaybe;
  request.columns = source.columns;
  const TableColumns columns = assign_columns(table, request, out.reading);
  const bool labelled = columns.label || !columns.one_hot.empty();
  LabelWords words;
  std::size_t empty = 0;
  GroupFields groups(columns, source.columns);
  const auto add = [&](std::size_t i, const TableRow& row) {
    out.texts.emplace_back(row.fields[*columns.content]);
    out.names.push_back(std::to_string(table.line(i)));
    groups.add(row);
    empty += without_blanks(out.texts.back()).empty();
  };
  const UnusedRows skipped =
      for_each_labelled_row(table, columns, source.columns.skip_missing, words, add);
  report_table(table, out.texts.size(), {skipped}, out.reading);
  if (empty > 0)
    out.reading.notes.push_back(table.name() + ": " + std::to_string(empty) +
                                " of the texts are empty");
  if (out.texts.empty()) throw DataError(table.name() + ": no row has a label");
  if (labelled) {
    NamedLabels named = number_labels(words, source.classes);
    if (named.classes.size() < 2)
      throw DataError(table.name() + ": one class ('" + named.classes[0] +
                      "'), expected at least two");
    if (const std::string lists = label_list_warning(named.classes); !lists.empty())
      out.reading.warnings.push_back(table.name() + ": " + lists);
    out.labels = std::move(named.labels);
    out.classes = std::move(named.classes);
  }
  out.groups = choose_groups(groups.take(), out.labels, source.columns, table.name(), out.reading);
  return out;
}

}  // namespace blindtuner::features
