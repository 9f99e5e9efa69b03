#include "features/tables/column_contents.h"

#include <algorithm>

#include "base/error.h"
#include "features/tables/table_headings.h"

namespace blindtuner::features {
namespace {

/// The first row that is evidence of this kind in some of the columns; kNoRow: none is.
std::size_t evidence(const ColumnUses& uses, MarkEvidence kind,
                     const ColumnUses::Indices& columns) {
  std::size_t out = ColumnProfile::kNoRow;
  for (const std::size_t j : columns)
    out = std::min(out, uses.column(j).evidence[static_cast<std::size_t>(kind)]);
  return out;
}

DecimalMark mark_called(const std::string& asked) {
  return asked == "comma" ? DecimalMark::kComma : DecimalMark::kPoint;
}

}  // namespace

bool is_mostly(const ColumnUses& uses, std::size_t column,
               const std::function<bool(std::string_view)>& is) {
  std::size_t count = 0;
  TableRow row;
  for (const std::size_t i : uses.rows()) {
    uses.table().read(i, row);
    count += is(row.fields[column]);
  }
  return 2 * count > uses.column(column).texts + uses.column(column).numbers;
}

bool is_measured(const ColumnUses& uses, std::size_t column) {
  TableRow first;
  uses.table().read(uses.column(column).first_text, first);
  const std::string unit(unit_of(first.fields[column]));
  return !unit.empty() &&
         is_mostly(uses, column, [&](std::string_view field) { return unit_of(field) == unit; });
}

bool is_split(const ColumnUses& uses, std::size_t column) {
  return uses.column(column).like_labels() && is_mostly(uses, column, is_split_name);
}

DecimalMark mark_of_label(const ColumnUses& uses, const std::optional<std::size_t>& label,
                          const std::string& asked) {
  if (!asked.empty() || !label) return mark_called(asked);
  const auto has = [&](MarkEvidence kind) {
    return evidence(uses, kind, {*label}) != ColumnProfile::kNoRow;
  };
  return has(MarkEvidence::kComma) && !has(MarkEvidence::kPoint) ? DecimalMark::kComma
                                                                 : DecimalMark::kPoint;
}

DecimalMark mark_of_features(const ColumnUses& uses, const TableColumns& columns,
                             const std::string& asked) {
  if (!asked.empty()) return mark_called(asked);
  const Table& table = uses.table();
  ColumnUses::Indices among = columns.features;
  if (columns.label) among.push_back(*columns.label);
  const std::size_t read = among.size();
  const auto row = [&](MarkEvidence kind) { return evidence(uses, kind, among); };
  const auto has = [&](MarkEvidence kind) { return row(kind) != ColumnProfile::kNoRow; };
  if (!has(MarkEvidence::kPoint) && !has(MarkEvidence::kComma))
    for (const std::size_t j : uses.left_out())
      if (std::count(columns.dropped.begin(), columns.dropped.end(), j) == 0) among.push_back(j);
  const bool point = has(MarkEvidence::kPoint), comma = has(MarkEvidence::kComma);
  if (point && comma)
    throw DataError(table.where(row(MarkEvidence::kPoint)) +
                    " has a decimal point or commas between thousands, line " +
                    std::to_string(table.line(row(MarkEvidence::kComma))) +
                    " a decimal comma: say which it is with --decimal point or comma");
  among.resize(read);
  // Where commas separate, decimal commas and thousands' points are not to be expected.
  for (const MarkEvidence kind : {MarkEvidence::kCommaOrNothing, MarkEvidence::kPointOrNothing}) {
    const bool is_comma = kind == MarkEvidence::kCommaOrNothing;
    if (point || comma || !has(kind) || (!is_comma && table.separator() == ',')) continue;
    throw DataError(table.where(row(kind)) + ": a " + (is_comma ? "comma" : "point") +
                    " before three digits may be a decimal " + (is_comma ? "comma" : "point") +
                    " or stand between thousands: say which mark decimals have with --decimal "
                    "comma or point");
  }
  return comma ? DecimalMark::kComma : DecimalMark::kPoint;
}

}  // namespace blindtuner::features
