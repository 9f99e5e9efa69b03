#include "features/tables/table_indices.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <set>
#include <unordered_set>

#include "base/error.h"
#include "features/tables/table_headings.h"

namespace blindtuner::features {
namespace {

// Fewer rows may have anything in the front column by chance.
constexpr std::size_t kFewestFront = 5, kFewest = 20;

/// Calls use(row, its fields) for every row of data while that is true; whether it always was.
template <typename Use>
bool all_rows(const ColumnUses& uses, const Use& use) {
  TableRow row;
  for (const std::size_t i : uses.rows()) {
    uses.table().read(i, row);
    if (!use(i, row)) return false;
  }
  return true;
}

/// No value of the column is there twice.
bool all_different(const ColumnUses& uses, std::size_t j) {
  if (uses.column(j).repeats || uses.column(j).missing > 0) return false;
  std::unordered_set<std::string> seen;
  return all_rows(uses, [&](std::size_t, const TableRow& row) {
    return seen.emplace(without_blanks(row.fields[j])).second;
  });
}

/// Whole numbers, a row's each, and none twice.
struct RowNumbers {
  bool different = false;
  double least = 0, most = 0;
  std::uint64_t order = 0;  ///< a digest of them, in their order

  double range() const { return most - least + 1; }
  /// 0 to n - 1 or 1 to n, in any order.
  bool all(std::size_t rows) const {
    return different && (least == 0 || least == 1) && range() == static_cast<double>(rows);
  }
  /// Of the rows of a larger table: so close that numbers by chance would have met (once in a thousand
  /// tables they have not).
  bool some(std::size_t rows) const {
    const auto n = static_cast<double>(rows);
    return different && least >= 0 && n * (n - 1) >= 14 * range();
  }
};

RowNumbers row_numbers(const ColumnUses& uses, std::size_t j) {
  RowNumbers out;
  const std::size_t rows = uses.rows().size();
  if (uses.column(j).whole != rows || uses.column(j).repeats) return out;
  std::unordered_set<double> seen;
  out.different = all_rows(uses, [&](std::size_t, const TableRow& row) {
    const auto value = table_number(row.fields[j], DecimalMark::kPoint);
    if (!value || !seen.insert(*value).second) return false;
    out.least = seen.size() == 1 ? *value : std::min(out.least, *value);
    out.most = seen.size() == 1 ? *value : std::max(out.most, *value);
    out.order = out.order * 0x100000001b3 + static_cast<std::uint64_t>(*value);
    return true;
  });
  return out;
}

/// Columns of every row's number once. More than two such orders are ranks, so none.
ColumnUses::Indices shuffled_counters(const ColumnUses& uses) {
  ColumnUses::Indices out;
  std::set<std::uint64_t> orders;
  const std::size_t rows = uses.rows().size();
  if (rows < kFewest) return out;
  for (const std::size_t j : uses.free_columns()) {
    const RowNumbers numbers = row_numbers(uses, j);
    if (!numbers.all(rows)) continue;
    out.push_back(j);
    orders.insert(numbers.order);
  }
  return orders.size() > 2 ? ColumnUses::Indices{} : out;
}

bool is_digits(std::string_view field) {
  const std::string_view text = without_blanks(field);
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// Field j and the next may be one, with a separator in it: a decimal comma, or a comma of a text.
bool may_be_one(const ColumnUses& uses, std::size_t j) {
  const ColumnProfile &left = uses.column(j), &right = uses.column(j + 1);
  const std::size_t rows = uses.rows().size();
  // Before a decimal comma points may group digits, if not in every row.
  if (left.whole > 0 && right.whole == rows)
    return uses.table().separator() == ',' && !(j == 0 && left.count.counts()) &&
           all_rows(uses, [&](std::size_t, const TableRow& row) {
             return is_digits(row.fields[j + 1]) &&
                    (whole_number_text(row.fields[j], DecimalMark::kPoint) ||
                     whole_number_text(row.fields[j], DecimalMark::kComma));
           });
  if (2 * left.texts <= rows || 2 * right.texts <= rows || left.like_labels()) return false;
  // As after the comma of a sentence, and as nowhere else in the row.
  return all_rows(uses, [&](std::size_t, const TableRow& row) {
    return row.fields[j + 1].starts_with(' ') && !row.fields[0].starts_with(' ') &&
           (j + 2 == row.fields.size() || !row.fields.back().starts_with(' '));
  });
}

void refuse_shifted_names(const ColumnUses& uses, TableUse use) {
  const Table& table = uses.table();
  if (!table.first_lacks_front() || !uses.free(0)) return;
  bool other = use == TableUse::kTexts && 2 * uses.column(0).sentences > uses.rows().size();
  for (std::size_t j = 0; !other && j + 1 < table.columns(); ++j) other = may_be_one(uses, j);
  const bool index = uses.column(0).numbers == uses.column(0).whole && all_different(uses, 0);
  if (other || !index)
    throw DataError(table.where(0) + ": " + std::to_string(table.columns() - 1) +
                    " names above rows of " + std::to_string(table.columns()) +
                    " fields, expected as many: a field that has one of the " +
                    table.separator_text() +
                    " in it must be quoted; if the first field is the row's own name, leave it "
                    "out with --drop-columns 1");
}

}  // namespace

void leave_out_indices(ColumnUses& uses, TableUse use, bool names_decide) {
  const std::size_t rows = uses.rows().size(), columns = uses.table().columns();
  const bool header = uses.profile().header();
  bool nameless_only = header;
  for (std::size_t j = 0; j < columns; ++j)
    nameless_only = nameless_only && (uses.name(j).empty() || !uses.free(j));
  refuse_shifted_names(uses, use);
  for (const std::size_t j : uses.free_columns()) {
    const ColumnProfile& c = uses.column(j);
    // Files may be numbered.
    if (use == TableUse::kPictures &&
        (2 * c.files > rows || (header && is_path_heading(uses.name(j)))))
      continue;
    const bool plain = c.numbers == c.whole;
    const bool unnamed = header && (uses.name(j).empty() || is_unnamed_heading(uses.name(j)));
    const std::size_t fewest = j == 0 && std::abs(c.count.step()) == 1 ? kFewestFront : kFewest;
    if (unnamed && plain && !nameless_only &&
        (j == 0 || c.count.counts() || !uses.name(j).empty())) {
      if (!c.count.counts() && !names_decide && !all_different(uses, j))
        throw DataError(uses.table().name() + ": " + uses.text(j) +
                        " has no name, and is no index, whose values would all differ: name it, or "
                        "leave it out with --drop-columns " +
                        std::to_string(j + 1));
      uses.leave_out(j, "an index: it has no name");
    } else if (c.count.counts() && rows >= fewest && columns > 1) {
      uses.leave_out(j, "an index: it counts the rows");
    } else if (header && plain && is_identifier_heading(uses.name(j)) &&
               !(is_ambiguous_identifier(uses.name(j)) && c.texts == 0 && c.like_labels())) {
      uses.leave_out(j, "an identifier, by its name");
    } else if (header && plain && is_split_heading(uses.name(j)) && c.like_labels()) {
      uses.leave_out(j, "a split, by its name: rows of all its parts are used");
    } else if (header && use == TableUse::kFeatures && is_counter_heading(uses.name(j)) &&
               rows >= kFewestFront) {
      const RowNumbers numbers = row_numbers(uses, j);
      if (numbers.all(rows) || numbers.some(rows))
        uses.leave_out(j, "a number of rows, by its name: another in every row");
    }
  }
  // Of columns that are left, so that ranks, of which there are several, are told by themselves.
  if (use == TableUse::kFeatures)
    for (const std::size_t j : shuffled_counters(uses))
      uses.leave_out(j, "an index: every row's number once");
}

}  // namespace blindtuner::features
