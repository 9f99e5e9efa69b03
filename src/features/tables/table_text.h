// The text of a table's file, and rows of fields in it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace blindtuner::features {

/// The file's text as UTF-8 with LF (or CRLF) at the ends of lines: a byte order mark is dropped,
/// UTF-16 with one is recoded, gzip (by its first bytes) is unpacked, lone CR become LF. Throws
/// DataError, with the line: not UTF-8, a zero byte, something else than text, more than `max_bytes`.
std::string read_table_text(const std::filesystem::path& path, std::uint64_t max_bytes);

/// How fields are told apart. The separator ' ' stands for any number of blanks and tabs.
struct FieldFormat {
  char separator = ',';
  bool quoted = true;
};

enum class RowFault { kNone, kNeverClosed, kTextBehindQuote, kTooManyFields };

/// One row of a text.
struct RowShape {
  std::size_t end = 0;  ///< where the next begins
  std::size_t fields = 0;
  std::size_t breaks = 0;  ///< line breaks within quotes
  bool empty = true;       ///< no field holds anything
  bool last_empty = true;
  RowFault fault = RowFault::kNone;
  std::size_t fault_line = 0;  ///< lines before it, within the row
};

/// Calls take(content, quoted) for every field of the row that begins at `at`; of a quoted field the
/// content is what is between the quotes, with "" still doubled.
template <typename Take>
RowShape scan_row(std::string_view text, std::size_t at, const FieldFormat& format,
                  std::size_t max_fields, const Take& take) {
  RowShape row;
  const auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\r'; };
  const bool runs = format.separator == ' ';
  const auto skip = [&](auto&& what) {
    while (at < text.size() && what(text[at])) ++at;
  };
  for (;;) {
    // Blanks before a quote, and where they separate, are no part of a field.
    std::size_t begin = at;
    while (begin < text.size() && (text[begin] == ' ' || (runs && text[begin] == '\t'))) ++begin;
    if (runs) at = begin;
    if (runs && row.fields > 0 && (at == text.size() || text[at] == '\n' || text[at] == '\r')) {
      skip([](char c) { return c == '\r'; });
      row.end = at < text.size() ? at + 1 : at;
      return row;
    }
    if (row.fields++ == max_fields) {
      row.fault = RowFault::kTooManyFields;
      row.end = text.size();
      return row;
    }
    if (format.quoted && begin < text.size() && text[begin] == '"') {
      const std::size_t lines = row.breaks;
      const std::size_t content = begin + 1;
      std::size_t quote = content;
      for (;;) {
        quote = text.find('"', quote);
        if (quote == std::string_view::npos) {
          row.fault = RowFault::kNeverClosed;
          row.fault_line = lines;
          row.end = text.size();
          return row;
        }
        if (quote + 1 < text.size() && text[quote + 1] == '"')
          quote += 2;
        else
          break;
      }
      const std::string_view inside = text.substr(content, quote - content);
      for (const char c : inside) row.breaks += c == '\n';
      row.empty = row.empty && inside.empty();
      row.last_empty = inside.empty();
      take(inside, true);
      at = quote + 1;
      if (!runs) skip([](char c) { return c == ' ' || c == '\r'; });
      if (at < text.size() && text[at] != '\n' &&
          (runs ? !blank(text[at]) : text[at] != format.separator)) {
        row.fault = RowFault::kTextBehindQuote;
        row.fault_line = lines;
        row.end = text.size();
        return row;
      }
    } else {
      std::size_t end = at;
      bool empty = true;
      while (end < text.size() && text[end] != '\n' &&
             (runs ? !blank(text[end]) : text[end] != format.separator)) {
        empty = empty && blank(text[end]);
        ++end;
      }
      std::string_view field = text.substr(at, end - at);
      // The carriage return belongs to the line's end.
      if ((end == text.size() || text[end] == '\n') && field.ends_with('\r'))
        field.remove_suffix(1);
      row.empty = row.empty && empty;
      row.last_empty = empty;
      take(field, false);
      at = end;
    }
    if (at == text.size() || text[at] == '\n') {
      row.end = at < text.size() ? at + 1 : at;
      return row;
    }
    if (!runs) ++at;
  }
}

}  // namespace blindtuner::features
