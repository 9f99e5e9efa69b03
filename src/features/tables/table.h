// Tables as people have them: CSV and its relatives, read by their content.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace blindtuner::features {

/// Columns of a table.
inline constexpr std::size_t kMaxTableColumns = std::size_t{1} << 20;
/// Of one table: bytes of its file, lines, each of which takes 8 bytes in memory beside its own. Lines and not rows:
/// they are counted in a moment, before a field is looked at.
inline constexpr std::uint64_t kMaxTableBytes = (std::uint64_t{1} << 32) - 1;
inline constexpr std::size_t kMaxTableLines = std::size_t{1} << 27;

/// By the name: .csv, .tsv, .tab, .txt, .dat, whatever the capitals, with or without .gz.
bool is_table_name(const std::filesystem::path& path);
/// A file of another name that begins as text, and is not of a kind that holds no tables (.json, .arff,
/// ..): .data, .test, or without an ending. False where it cannot be read.
bool begins_as_table(const std::filesystem::path& path);

/// Fields of one row. They point into the table, or into the row itself.
struct TableRow {
  std::vector<std::string_view> fields;
  std::string unquoted;
};

/// Rows that are no data: how many, for which reason, where the first is.
struct UnusedRows {
  std::string why;
  std::size_t count = 0, first_line = 0;
};

/// Empty rows amid others: the first's line, how many there are before which row.
struct EmptyRows {
  std::size_t before = 0, count = 0, line = 0;
};

/// A table's text and where its rows begin. What a row is follows from the content:
///  - the text is UTF-8 with or without a byte order mark, or UTF-16 with one; gzip is unpacked;
///    lines end with LF, CRLF or CR;
///  - the separator is the one of , ; tab | (or runs of blanks between numbers) that gives every row
///    as many fields as the others; where several do, the one with more numbers, then the tab for
///    .tsv. A first line "sep=;" decides;
///  - a field may be quoted as RFC 4180 has it: "" within is one ", separators and line breaks within
///    belong to it. Where tabs or blanks separate, and lines that quotes would join are rows by
///    themselves, quotes are not believed;
///  - empty lines, and rows of nothing but separators, are no rows.
/// The first row may lack the field above a column of row names, and rows may end with a separator.
class Table {
 public:
  /// Throws DataError, with the line: not UTF-8, a zero byte, several separators that fit equally well,
  /// rows of different lengths, a quote that
  /// is opened and not closed, lines that would vanish within quotes, no rows, more than the maxima
  /// above or kMaxTableColumns.
  explicit Table(const std::filesystem::path& path);

  std::size_t rows() const { return begins_.size(); }
  std::size_t columns() const { return columns_; }
  /// The row's fields, columns() of them, with blanks around those that are not quoted.
  void read(std::size_t row, TableRow& out) const;

  std::size_t line(std::size_t row) const { return begins_[row].line; }
  /// "'path'" and "'path', line n", for messages.
  const std::string& name() const { return name_; }
  std::string where(std::size_t row) const;

  /// The first row has one field less than the others: its first is empty.
  bool first_lacks_front() const { return first_lacks_front_; }
  char separator() const { return separator_; }
  /// "commas", "tabs", .., for messages.
  std::string separator_text() const;
  const std::vector<UnusedRows>& unused() const { return unused_; }
  /// By the rows that they are before; none are behind the last row.
  const std::vector<EmptyRows>& empty_rows() const { return empty_rows_; }
  /// What else is to be said of how it was read.
  const std::vector<std::string>& notes() const { return notes_; }

 private:
  struct Begin {
    std::uint32_t byte = 0, line = 0;
  };
  static std::string text_of(char separator);
  void count_lines();
  void choose_separator(const std::filesystem::path& path);
  void choose_quoting();
  void index();
  void fit_first_row(std::size_t first, std::size_t others, bool last_always_empty);

  std::string name_, text_;
  std::size_t start_ = 0, start_line_ = 1;  // behind a first line "sep=;"
  char separator_ = ',';
  bool quoted_ = true;
  std::size_t columns_ = 0;
  // How rows come to have columns_ fields.
  bool first_lacks_front_ = false, first_has_more_ = false, others_have_more_ = false;
  std::vector<Begin> begins_;
  std::vector<UnusedRows> unused_;
  std::vector<EmptyRows> empty_rows_;
  std::vector<std::string> notes_;
};

}  // namespace blindtuner::features
