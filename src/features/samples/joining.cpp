#include "features/samples/joining.h"

#include "base/error.h"
#include "base/utf8.h"
#include "features/samples/shared_keys.h"
#include "features/tables/column_uses.h"
#include "features/tables/table_headings.h"

namespace blindtuner::features {
namespace {

const NamedColumn* column_named(const std::vector<NamedColumn>& columns, const std::string& name) {
  const NamedColumn* out = nullptr;
  for (const NamedColumn& column : columns) {
    if (column.name != name) continue;
    if (out != nullptr) return nullptr;
    out = &column;
  }
  return out;
}

/// An identifier of one table that the other has not; empty: none.
std::string missing_in(const RowsByKey& rows, const NamedColumn& column) {
  for (const std::string& field : column.fields)
    if (rows.count(field) == 0) return field;
  return {};
}

}  // namespace

std::vector<std::size_t> join_by_identifier(const JoinedTables& tables, Reading& reading) {
  for (const bool named : {true, false})
    for (const NamedColumn& column : tables.of_features) {
      if (column.name.empty() == named) continue;
      const NamedColumn* other = column_named(tables.of_labels, column.name);
      if (other == nullptr || column_named(tables.of_features, column.name) == nullptr) continue;
      const std::string advice =
          "; --drop-columns with this column has rows go together by their "
          "places";
      const RowsByKey own = rows_by_key(column), labels = rows_by_key(*other);
      if (own.empty() || labels.empty()) {
        if (named && is_identifier_heading(column.name) && column.fields != other->fields)
          throw DataError(tables.labels + ": " + other->column + " is not as in " +
                          tables.features + ", and does not tell rows apart" + advice);
        continue;
      }
      const std::string no_label = missing_in(labels, column);
      const std::string no_features = tables.rows_left_out ? "" : missing_in(own, *other);
      if (!no_label.empty() || !no_features.empty()) {
        const bool label = !no_label.empty();
        const std::string lacks = (label ? tables.labels : tables.features) + ": no row with " +
                                  shown_field(label ? no_label : no_features) + " in " +
                                  (label ? other->column : column.column) + ", which " +
                                  (label ? tables.features : tables.labels) + " has";
        if (named) throw DataError(lacks + advice);
        reading.notes.push_back(lacks + ": rows go together by their places");
        reading.details["by_places"] = true;
        continue;
      }
      std::vector<std::size_t> out;
      bool moved = false;
      for (const std::string& field : column.fields) {
        moved = moved || labels.at(field) != out.size();
        out.push_back(labels.at(field));
      }
      reading.details["joined_by"] = printable(column.name);
      reading.notes.push_back(tables.labels + ": labels go to samples by " + other->column +
                              (moved ? ", in another order than their places" : ""));
      return out;
    }
  return {};
}

}  // namespace blindtuner::features
