// Tables of text: CSV and TSV.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

namespace blindtuner {

/// Rows of fields, all of the same number; the first row may be a header.
struct TextTable {
  std::filesystem::path path;
  std::vector<std::vector<std::string>> rows;
  std::vector<std::size_t> lines;  ///< where each row begins, from 1

  std::size_t columns() const { return rows.front().size(); }
  /// "'path', line n", for messages.
  std::string where(std::size_t row) const;
  /// The column of that name in the first row, or of that number from 1, or "last". Throws
  /// DataError.
  std::size_t column(const std::string& wanted) const;
};

/// Fields are separated by tabs when the name ends in .tsv, otherwise by commas, and quoted as RFC
/// 4180 has it: a field that begins with " ends with it, "" within is one ", separators and line
/// breaks within belong to it. Lines end with LF or CRLF; empty lines are skipped; a byte order
/// mark is. Throws DataError: not UTF-8, ragged rows, an open quote, no rows.
TextTable read_text_table(const std::filesystem::path& path);

}  // namespace blindtuner
