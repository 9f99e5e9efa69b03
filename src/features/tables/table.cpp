#include "features/tables/table.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <map>
#include <set>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/path.h"
#include "base/utf8.h"
#include "features/tables/table_number.h"
#include "features/tables/table_text.h"

namespace blindtuner::features {
namespace {

// What is looked at to find the separator.
constexpr std::size_t kSampleRows = 400, kSampleBytes = 1 << 20;

std::string lower_name(const std::filesystem::path& path) {
  std::string name = path.filename().string();
  std::transform(name.begin(), name.end(), name.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  if (name.ends_with(".gz")) name.resize(name.size() - 3);
  return name;
}

bool is_number(std::string_view field) {
  return table_number(field, DecimalMark::kPoint) || table_number(field, DecimalMark::kComma);
}

/// How well a format fits a text.
struct Survey {
  std::size_t rows = 0, columns = 0, agreeing = 0;  // columns: of most rows
  std::size_t first = 0;                            // columns of the first row
  std::size_t fields = 0, numbers = 0;
  RowFault fault = RowFault::kNone;
  std::size_t spans = 0;  // 0, or the line on which the first row of several lines begins
  std::size_t spans_to = 0;

  bool every_row() const { return fault == RowFault::kNone && columns >= 2 && agreeing == rows; }
  /// Or but for the first, which has no name above those of the rows.
  bool every_row_below() const {
    return every_row() || (fault == RowFault::kNone && columns >= 3 && rows >= 3 &&
                           agreeing + 1 == rows && first + 1 == columns);
  }
  double share() const {
    return rows == 0 ? 0 : static_cast<double>(agreeing) / static_cast<double>(rows);
  }
  double number_share() const {
    return fields == 0 ? 0 : static_cast<double>(numbers) / static_cast<double>(fields);
  }
};

Survey survey(std::string_view text, const FieldFormat& format, bool sample) {
  Survey out;
  std::map<std::size_t, std::size_t> counts;
  std::size_t line = 1;
  for (std::size_t at = 0; at < text.size();) {
    if (sample && (out.rows == kSampleRows || (out.rows >= 2 && at > kSampleBytes))) break;
    if (out.rows % 4096 == 0) throw_if_interrupted();
    std::size_t numbers = 0;
    const RowShape row =
        scan_row(text, at, format, kMaxTableColumns,
                 [&](std::string_view field, bool) { numbers += sample && is_number(field); });
    at = row.end;
    if (row.fault != RowFault::kNone) {
      out.fault = row.fault;
      break;
    }
    if (row.breaks > 0 && out.spans == 0) {
      out.spans = line;
      out.spans_to = line + row.breaks;
    }
    line += row.breaks + 1;
    if (row.empty) continue;
    if (out.rows++ == 0) out.first = row.fields;
    out.fields += row.fields;
    out.numbers += numbers;
    if (counts.size() < 1024 || counts.count(row.fields) != 0) ++counts[row.fields];
  }
  for (const auto& [columns, count] : counts)
    if (count > out.agreeing || (count == out.agreeing && columns > out.columns)) {
      out.columns = columns;
      out.agreeing = count;
    }
  return out;
}

/// Lines that quotes join are rows by themselves when one of them has, in some column, what another
/// row has there.
bool lines_are_rows(std::string_view text, const FieldFormat& literal, std::size_t first,
                    std::size_t last) {
  std::set<std::pair<std::size_t, std::string_view>> inside;
  // Joined ones first, then the others.
  for (const bool joined : {true, false}) {
    std::size_t line = 1;
    for (std::size_t at = 0; at < text.size(); ++line) {
      std::size_t column = 0;
      bool found = false;
      const bool within = line > first && line <= last;
      at = scan_row(text, at, literal, kMaxTableColumns, [&](std::string_view field, bool) {
             const std::pair key(column++, without_blanks(field));
             if (key.second.empty() || within != joined) return;
             if (joined)
               inside.insert(key);
             else
               found = found || inside.count(key) != 0;
           }).end;
      if (found) return true;
    }
  }
  return false;
}

/// Some field is a number that has blanks in it.
bool blanks_within_numbers(std::string_view text, char separator) {
  bool found = false;
  std::size_t rows = 0;
  for (std::size_t at = 0; !found && at < text.size() && rows < kSampleRows; ++rows)
    at =
        scan_row(text, at, {separator, false}, kMaxTableColumns, [&](std::string_view field, bool) {
          const std::string_view inner = without_blanks(field);
          found = found || (inner.find(' ') != std::string_view::npos && is_number(inner));
        }).end;
  return found;
}

}  // namespace

bool is_table_name(const std::filesystem::path& path) {
  const std::string name = lower_name(path);
  for (const char* ending : {".csv", ".tsv", ".tab", ".txt", ".dat"})
    if (name.ends_with(ending)) return true;
  return false;
}

bool begins_as_table(const std::filesystem::path& path) {
  const std::string name = lower_name(path);
  for (const char* ending : {".json", ".jsonl", ".ndjson", ".arff", ".xml", ".html", ".htm",
                             ".yaml", ".yml", ".svm", ".libsvm", ".py", ".md", ".pkl"})
    if (name.ends_with(ending)) return false;
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) return false;
  std::ifstream file(path, std::ios::binary);
  std::string start(4096, '\0');
  file.read(start.data(), static_cast<std::streamsize>(start.size()));
  start.resize(static_cast<std::size_t>(file.gcount()));
  // Packed, or UTF-16: the reader says what is wrong.
  for (const char* mark : {"\x1f\x8b", "\xff\xfe", "\xfe\xff"})
    if (start.starts_with(mark)) return true;
  const std::string_view text = start;
  // The last character may be cut.
  return !text.empty() && utf8_prefix(text) + 4 > text.size() &&
         std::none_of(text.begin(), text.end(), [](char c) {
           return c >= 0 && c < ' ' && c != '\n' && c != '\r' && c != '\t' && c != '\f';
         });
}

Table::Table(const std::filesystem::path& path)
    : name_(quoted_path(path)), text_(read_table_text(path, kMaxTableBytes)) {
  // Nobody's first column is called so; read as one, its quotes would be what is wrong.
  if (text_.starts_with("{\"") || text_.starts_with("[{"))
    throw DataError(name_ +
                    ": JSON, expected a table (of pandas: read_json(.., lines=True).to_csv(..))");
  count_lines();
  choose_separator(path);
  choose_quoting();
  index();
}

std::string Table::where(std::size_t row) const {
  return name_ + ", line " + std::to_string(line(row));
}

std::string Table::separator_text() const { return text_of(separator_); }

std::string Table::text_of(char separator) {
  switch (separator) {
    case '\t':
      return "tabs";
    case ';':
      return "semicolons";
    case '|':
      return "bars";
    case ' ':
      return "blanks";
    default:
      return "commas";
  }
}

void Table::count_lines() {
  const bool open = !text_.empty() && text_.back() != '\n';
  const std::size_t lines =
      static_cast<std::size_t>(std::count(text_.begin(), text_.end(), '\n')) + (open ? 1 : 0);
  if (lines > kMaxTableLines)
    throw DataError(name_ + ": " + std::to_string(lines) + " lines, expected at most " +
                    std::to_string(kMaxTableLines));
  begins_.reserve(lines);
}

void Table::choose_separator(const std::filesystem::path& path) {
  const std::string_view all = text_;
  // As spreadsheets write it.
  if (all.size() > 5 && all.starts_with("sep=") && (all[5] == '\n' || all[5] == '\r')) {
    separator_ = all[4];
    start_ = all.find('\n', 5) == std::string_view::npos ? all.size() : all.find('\n', 5) + 1;
    start_line_ = 2;
    if (std::string_view(",;\t| ").find(separator_) == std::string_view::npos)
      throw DataError(name_ + ", line 1: separator '" + std::string(1, separator_) +
                      "', expected one of , ; |, a tab or a blank");
    return;
  }
  const std::string name = lower_name(path);
  const bool tabs = name.ends_with(".tsv") || name.ends_with(".tab");
  separator_ = tabs ? '\t' : ',';
  double best_share = 0, best_numbers = -1;
  char rival = 0;  // as good
  for (const char candidate : tabs ? std::string_view("\t,;|") : std::string_view(",;\t|")) {
    Survey fit = survey(all, {candidate, true}, true);
    const bool believed = fit.fault == RowFault::kNone;
    if (!believed) {
      const Survey literal = survey(all, {candidate, false}, true);
      if (literal.every_row()) fit = literal;
    }
    if (fit.columns < 2) continue;
    // The one its name promises needs no better reasons.
    const bool as_many = fit.share() > best_share - 1e-9;
    const bool better =
        fit.share() > best_share + 1e-9 || (as_many && fit.number_share() > best_numbers + 1e-9);
    if (!better) {
      if (as_many && believed && fit.every_row() && fit.number_share() > best_numbers - 1e-9)
        rival = candidate;
      continue;
    }
    rival = 0;
    separator_ = candidate;
    best_share = fit.share();
    best_numbers = fit.number_share();
    if (tabs && candidate == '\t' && fit.share() > 0.5) return;
  }
  Survey blanks = survey(all, {' ', true}, true);
  if (!blanks.every_row_below()) blanks = survey(all, {' ', false}, true);
  if (best_share > 0) {
    // Numbers with a decimal comma between blanks, or with blanks between thousands.
    if (blanks.every_row() && blanks.numbers + blanks.columns >= blanks.fields &&
        blanks_within_numbers(all, separator_))
      rival = ' ';
  } else if (blanks.every_row_below() && blanks.number_share() >= 0.5) {
    separator_ = ' ';
  }
  if (rival != 0)
    throw DataError(name_ + ", line 1: " + text_of(separator_) + " and " + text_of(rival) +
                    " would separate the fields of every row alike: say which do with a first "
                    "line sep=" +
                    std::string(1, separator_) + " or sep=" + std::string(1, rival));
}

void Table::choose_quoting() {
  const std::string_view all = std::string_view(text_).substr(start_);
  if (all.find('"') == std::string_view::npos) return;
  const Survey believed = survey(all, {separator_, true}, false);
  if (believed.fault == RowFault::kNone && believed.spans == 0 &&
      (separator_ != ' ' || believed.every_row_below()))
    return;
  if (!survey(all, {separator_, false}, false).every_row()) return;  // index() says what is wrong
  if (believed.fault == RowFault::kNone &&
      !lines_are_rows(all, {separator_, false}, believed.spans, believed.spans_to))
    return;
  if (separator_ == '\t' || separator_ == ' ') {
    quoted_ = false;
    notes_.push_back("quotation marks are taken as they are: believed, they would join lines");
    return;
  }
  if (believed.fault != RowFault::kNone) return;
  throw DataError(name_ + ", line " + std::to_string(start_line_ - 1 + believed.spans) +
                  ": a quote that is opened here closes on line " +
                  std::to_string(start_line_ - 1 + believed.spans_to) +
                  ", although every line between is a row by itself: close it, or double it where "
                  "it is meant");
}

void Table::index() {
  const FieldFormat format{separator_, quoted_};
  std::size_t line = start_line_, first = 0, others = 0;
  EmptyRows empty;
  bool last_always_empty = true;
  for (std::size_t at = start_; at < text_.size();) {
    if (begins_.size() % 4096 == 0) throw_if_interrupted();
    const RowShape row =
        scan_row(text_, at, format, kMaxTableColumns, [](std::string_view, bool) {});
    const auto here = [&] { return name_ + ", line " + std::to_string(line + row.fault_line); };
    if (row.fault == RowFault::kTooManyFields)
      throw DataError(here() + ": more than " + std::to_string(kMaxTableColumns) + " fields");
    if (row.fault == RowFault::kNeverClosed)
      throw DataError(here() + ": a quote is opened and never closed");
    if (row.fault == RowFault::kTextBehindQuote)
      throw DataError(here() +
                      ": text behind a quoted field that begins here, expected a separator");
    if (row.empty) {
      if (empty.count++ == 0) empty.line = line;
    } else {
      if (begins_.empty()) {
        first = row.fields;
      } else {
        if (begins_.size() == 1) others = row.fields;
        if (row.fields != others)
          throw DataError(here() + ": " + std::to_string(row.fields) + " fields, expected " +
                          std::to_string(others) + " as on line " +
                          std::to_string(begins_[1].line) + " (separated by " + separator_text() +
                          ")");
        last_always_empty = last_always_empty && row.last_empty;
      }
      // Empty lines behind the last row mean nothing.
      if (empty.count > 0) {
        if (unused_.empty()) unused_.push_back({"empty", 0, empty.line});
        unused_[0].count += empty.count;
        empty.before = begins_.size();
        empty_rows_.push_back(empty);
        empty = {};
      }
      begins_.push_back({static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(line)});
    }
    line += row.breaks + 1;
    at = row.end;
  }
  if (begins_.empty()) throw DataError(name_ + ": empty, expected at least one row");
  fit_first_row(first, begins_.size() == 1 ? first : others, last_always_empty);
  // A missing value, or none: nobody can tell.
  if (columns_ == 1 && !unused_.empty())
    throw DataError(name_ + ", line " + std::to_string(unused_[0].first_line) +
                    ": empty, expected a row");
}

void Table::fit_first_row(std::size_t first, std::size_t others, bool last_always_empty) {
  columns_ = others;
  if (first == others) return;
  TableRow row;
  columns_ = first;
  read(0, row);
  columns_ = others;
  const bool numbers = std::all_of(row.fields.begin(), row.fields.end(), is_number);
  if (first + 1 == others && last_always_empty) {
    others_have_more_ = true;
    columns_ = first;
  } else if (first + 1 == others && !numbers) {
    first_lacks_front_ = true;
  } else if (first == others + 1 && without_blanks(row.fields.back()).empty()) {
    first_has_more_ = true;
  } else {
    throw DataError(name_ + ", line " + std::to_string(begins_[1].line) + ": " +
                    std::to_string(others) + " fields, expected " + std::to_string(first) +
                    " as on line " + std::to_string(begins_[0].line) + " (separated by " +
                    separator_text() + ")");
  }
}

void Table::read(std::size_t row, TableRow& out) const {
  require(row < begins_.size(), "Table::read: no such row");
  const std::size_t begin = begins_[row].byte;
  out.fields.clear();
  out.unquoted.clear();
  if (row == 0 && first_lacks_front_) out.fields.emplace_back();
  bool reserved = false;
  scan_row(text_, begin, {separator_, quoted_}, kMaxTableColumns,
           [&](std::string_view field, bool quoted) {
             if (!quoted || field.find('"') == std::string_view::npos) {
               out.fields.push_back(field);
               return;
             }
             // Views into it must stay: no more than the row itself is ever written.
             if (!reserved)
               out.unquoted.reserve(
                   (row + 1 < begins_.size() ? begins_[row + 1].byte : text_.size()) - begin);
             reserved = true;
             const std::size_t at = out.unquoted.size();
             for (std::size_t i = 0; i < field.size(); ++i) {
               out.unquoted += field[i];
               i += field[i] == '"';
             }
             out.fields.push_back(std::string_view(out.unquoted).substr(at));
           });
  if (out.fields.size() == columns_ + 1 && (row == 0 ? first_has_more_ : others_have_more_))
    out.fields.pop_back();
  require(out.fields.size() == columns_, "Table::read: a row of another length");
}

}  // namespace blindtuner::features
