#include "data/text_table.h"

#include <algorithm>
#include <charconv>
#include <string_view>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/utf8.h"
#include "data/file_bytes.h"

namespace blindtuner {
namespace {

class Parser {
 public:
  Parser(std::string_view text, char separator, const std::string& name)
      : text_(text), separator_(separator), name_(name) {}

  bool at_end() const { return next_ >= text_.size(); }
  std::size_t line() const { return line_; }

  /// One row, which may take several lines.
  std::vector<std::string> row() {
    std::vector<std::string> fields;
    do {
      if (++count_ > kMaxTextFields)
        throw DataError(name_ + ", line " + std::to_string(line_) + ": more than " +
                        std::to_string(kMaxTextFields) + " fields in the table");
      if (count_ % 4096 == 0) throw_if_interrupted();
      fields.push_back(field());
    } while (accept(separator_));
    if (!at_end() && !line_break())
      throw DataError(name_ + ", line " + std::to_string(line_) +
                      ": text behind a quoted field, expected a separator");
    return fields;
  }

 private:
  bool accept(char c) {
    if (at_end() || text_[next_] != c) return false;
    ++next_;
    return true;
  }
  bool line_break() {
    const std::size_t length = text_.substr(next_).starts_with("\r\n") ? 2 : text_[next_] == '\n';
    next_ += length;
    line_ += length != 0;
    return length != 0;
  }
  std::string field() {
    std::string out;
    if (!accept('"')) {
      const std::size_t end =
          std::min(text_.find_first_of(separator_ == ',' ? ",\n" : "\t\n", next_), text_.size());
      out = text_.substr(next_, end - next_);
      next_ = end;
      // The carriage return belongs to the line's end.
      if ((at_end() || text_[next_] == '\n') && out.ends_with('\r')) out.pop_back();
      return out;
    }
    const std::size_t began = line_;
    for (;;) {
      if (at_end())
        throw DataError(name_ + ", line " + std::to_string(began) +
                        ": a quote is opened and never closed");
      const char c = text_[next_++];
      if (c == '"' && !accept('"')) return out;
      line_ += c == '\n';
      out += c;
    }
  }

  std::string_view text_;
  char separator_;
  const std::string& name_;
  std::size_t next_ = 0, line_ = 1, count_ = 0;
};

}  // namespace

std::string TextTable::where(std::size_t row) const {
  return quoted_path(path) + ", line " + std::to_string(lines[row]);
}

std::size_t TextTable::column(const std::string& wanted) const {
  if (wanted == "last") return columns() - 1;
  const auto& names = rows.front();
  const auto found = std::find(names.begin(), names.end(), wanted);
  if (found != names.end()) return static_cast<std::size_t>(found - names.begin());
  std::size_t position = 0;
  const auto [end, error] = std::from_chars(wanted.data(), wanted.data() + wanted.size(), position);
  if (error != std::errc() || end != wanted.data() + wanted.size() || position < 1 ||
      position > columns())
    throw DataError(quoted_path(path) + ": no column '" + wanted.substr(0, 40) +
                    "', expected a name on its first line, 1 to " + std::to_string(columns()) +
                    ", or last");
  return position - 1;
}

TextTable read_text_table(const std::filesystem::path& path) {
  const std::string name = quoted_path(path);
  const std::vector<std::uint8_t> bytes = read_file(path, kMaxTextTableBytes);
  std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  TextTable table{path, {}, {}};
  Parser parser(text, path.extension() == ".tsv" ? '\t' : ',', name);
  while (!parser.at_end()) {
    const std::size_t line = parser.line();
    std::vector<std::string> row = parser.row();
    if (row.size() == 1 && row[0].empty()) continue;
    for (const std::string& field : row)
      if (!decode_utf8(field) || field.find('\0') != std::string::npos)
        throw DataError(name + ", line " + std::to_string(line) + ": not UTF-8, or a zero byte");
    if (!table.rows.empty() && row.size() != table.columns())
      throw DataError(name + ", line " + std::to_string(line) + ": " + std::to_string(row.size()) +
                      " fields, expected " + std::to_string(table.columns()) +
                      " as on the first line");
    table.rows.push_back(std::move(row));
    table.lines.push_back(line);
  }
  if (table.rows.empty()) throw DataError(name + ": empty, expected at least one row");
  return table;
}

}  // namespace blindtuner
