#include "features/tables/table_profile.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/utf8.h"

namespace blindtuner::features {
namespace {

// Rows that are the first again: beyond, they are data.
constexpr std::size_t kMaxRepeats = 1024;
constexpr std::size_t kMaxHeading = 200;  // bytes

std::uint64_t digest(std::string_view field) { return std::hash<std::string_view>{}(field); }

std::optional<double> any_number(std::string_view field) {
  if (const auto value = table_number(field, DecimalMark::kPoint)) return value;
  return table_number(field, DecimalMark::kComma);
}

bool is_whole(double value) { return std::abs(value) < 0x1p53 && value == std::floor(value); }

std::uint64_t digest_of(std::string_view field, const std::optional<double>& number) {
  // "1.0" and "1" are one class.
  if (number && is_whole(*number)) return digest(std::to_string(static_cast<long>(*number)));
  return digest(field);
}

/// Names of columns may be numbers (wavelengths, years, places in another table): none is there twice,
/// and they go one way or there are so many rows a class that a sample's class is hardly there once.
bool may_be_names(const std::vector<double>& numbers, std::size_t rows, std::size_t classes) {
  const std::set<double> different(numbers.begin(), numbers.end());
  if (different.size() < numbers.size()) return false;
  const bool one_way = numbers.size() >= 5 && (std::is_sorted(numbers.begin(), numbers.end()) ||
                                               std::is_sorted(numbers.rbegin(), numbers.rend()));
  return one_way || rows >= 8 * classes;
}

}  // namespace

TableProfile::TableProfile(const Table& table, const std::vector<std::string>& headings,
                           const std::function<bool(std::string_view)>& known,
                           const std::function<bool(std::string_view)>& is_file)
    : is_file_(is_file),
      names_(table.columns()),
      columns_(table.columns()),
      first_again_(table.columns(), false) {
  TableRow first, row;
  table.read(0, first);
  for (const std::string_view field : first.fields) {
    const std::string_view text = without_blanks(field);
    first_digests_.push_back(digest_of(text, any_number(text)));
  }
  for (std::size_t i = 1; i < table.rows(); ++i) {
    if (i % 4096 == 0) throw_if_interrupted();
    table.read(i, row);
    if (repeats_.size() < kMaxRepeats && row.fields == first.fields)
      repeats_.push_back(i);
    else
      account(i, row);
  }
  header_ = is_header(table, first, headings, known);
  if (header_) {
    for (std::size_t j = 0; j < names_.size(); ++j) names_[j] = without_blanks(first.fields[j]);
    // As NumPy's savetxt has it.
    if (names_[0].starts_with('#'))
      names_[0] = without_blanks(std::string_view(names_[0]).substr(1));
    if (table.rows() == 1 + repeats_.size())
      throw DataError(table.name() + ": a header but no rows");
  } else {
    account(0, first);
    for (const std::size_t i : repeats_) account(i, first);
  }
}

bool TableProfile::is_data(std::size_t row) const {
  if (!header_) return true;
  return row > 0 && !std::binary_search(repeats_.begin(), repeats_.end(), row);
}

std::string TableProfile::column_text(std::size_t column) const {
  const std::string number = "column " + std::to_string(column + 1);
  return names_[column].empty() ? number
                                : number + " ('" + printable(names_[column].substr(0, 60)) + "')";
}

void TableProfile::account(std::size_t row, const TableRow& fields) {
  for (std::size_t j = 0; j < columns_.size(); ++j) {
    ColumnProfile& column = columns_[j];
    const std::string_view field = without_blanks(fields.fields[j]);
    if (is_missing_number(field)) {
      if (column.missing++ == 0) column.first_missing = row;
      column.count.stop();
      column.dashes += field == "-";
      if (!is_missing_label(field)) {
        ++column.none_fields;
        const std::uint64_t key = digest(field);
        if (std::find(column.nones.begin(), column.nones.end(), key) == column.nones.end())
          column.nones.push_back(key);
      }
      continue;
    }
    const std::optional<double> number = any_number(field);
    if (number) {
      ++column.numbers;
      if (is_whole(*number)) {
        ++column.whole;
      } else if (column.first_fraction == 0 && column.numbers - column.whole == 1) {
        column.first_fraction = row;
      }
      column.count.add(row, *number);
      const MarkEvidence kind = mark_evidence(field);
      std::size_t& first = column.evidence[static_cast<std::size_t>(kind)];
      first = std::min(first, row);
    } else {
      if (column.texts++ == 0) column.first_text = row;
      column.truths += truth_value(field).has_value();
      column.signs += is_sign_name(field);
      column.sentences += field.find(' ') != std::string_view::npos;
      column.count.stop();
    }
    // Of numbers files are asked for as long as there are some: names without endings may be numbers.
    if (is_file_ && (!number || column.files + 1 == column.rows())) column.files += is_file_(field);
    const std::uint64_t key = digest_of(field, number);
    first_again_[j] = first_again_[j] || (row > 0 && key == first_digests_[j]);
    if (number && !is_whole(*number)) column.many = true;
    if (column.many) continue;
    const auto at = std::lower_bound(column.different.begin(), column.different.end(), key);
    if (at != column.different.end() && *at == key) {
      column.repeats = true;
    } else if (column.different.size() == kMaxDifferent || different_ == kMaxDifferentInAll) {
      column.many = true;
    } else {
      column.different.insert(at, key);
      ++different_;
    }
  }
}

// A heading is told by what stands below it: words above numbers, a word that is none of the few
// below it, a word above texts or files; beside such a word there may be numbers. Only where that
// says nothing, by the usual names.
bool TableProfile::is_header(const Table& table, const TableRow& first,
                             const std::vector<std::string>& headings,
                             const std::function<bool(std::string_view)>& known) const {
  const std::size_t below = table.rows() - 1 - repeats_.size();
  bool usual = false, above_few = false, words = true, names = true;
  std::vector<double> numbers;
  std::size_t classes = 0;  // below a word that none of them is; 0: there is no such column
  // Behind an index without a name there need be no more than one.
  const bool nameless = without_blanks(first.fields[0]).empty();
  bool counted = nameless ? columns_.size() >= 2 &&
                                (columns_[0].count.counts() || columns_[0].like_identifiers())
                          : columns_.size() >= 4;
  for (std::size_t j = 0; j < columns_.size(); ++j) {
    const ColumnProfile& column = columns_[j];
    const std::string_view field = without_blanks(first.fields[j]);
    const std::optional<double> number = any_number(field);
    const bool word = !number && !is_missing_number(field);
    if ((word || (number && !first_again_[j])) &&
        std::find(headings.begin(), headings.end(), field) != headings.end())
      return true;
    if (word && column.numbers > 0 && column.texts == 1 && column.first_text == 1 &&
        column.numbers >= 2)
      throw DataError(table.name() + ": lines " + std::to_string(table.line(0)) + " and " +
                      std::to_string(table.line(1)) +
                      " both look like headers, expected one line of names");
    if (word && column.numbers > 0 && column.texts == 0) return true;
    // 0 to n - 1, or 1 to n, as pandas names columns that have no names; the first may be an index.
    counted = counted &&
              ((j == 0 && field.empty()) || (number && (*number == static_cast<double>(j) ||
                                                        *number == static_cast<double>(j) + 1 ||
                                                        *number == static_cast<double>(j) - 1)));
    words = words && (word || field.empty()) && field.size() <= kMaxHeading;
    // A number that goes on with what counts the rows is one of them.
    names = names && (word || number || field.empty()) && field.size() <= kMaxHeading &&
            !(number && column.count.counts() && *number == column.count.at(0));
    if (number) numbers.push_back(*number);
    if (!word || first_again_[j]) continue;
    usual = usual || known(field);
    if (below >= 4 && column.texts > 0 && column.like_labels() && classes == 0)
      classes = column.different.size() + column.nones.size();
    above_few = above_few || (below >= 4 && column.like_labels()) ||
                (below >= 1 && column.files == column.rows() && is_file_ && !is_file_(field));
  }
  if (counted && below > 0) {
    double previous = NAN;
    for (const std::string_view field : first.fields) {
      const std::optional<double> number = any_number(without_blanks(field));
      if (number && !std::isnan(previous) && *number != previous + 1) counted = false;
      if (number) previous = *number;
    }
    if (counted) return true;
  }
  const bool sentence = std::any_of(first.fields.begin(), first.fields.end(), [](auto field) {
    const std::string_view text = without_blanks(field);
    return std::count(text.begin(), text.end(), ' ') > 4;
  });
  // A row of words alone cannot be told from a header; nor are there rows then.
  if (below == 0 && repeats_.empty() && columns_.size() > 1 && words) return true;
  if (usual) return true;
  if (sentence || !repeats_.empty()) return false;
  return (words && above_few) || (names && classes > 0 && may_be_names(numbers, below, classes));
}

}  // namespace blindtuner::features
