// Tables of text: CSV and TSV.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace blindtuner {

/// Of one table: bytes of its file and fields, each of which takes 32 bytes in memory and more.
inline constexpr std::uint64_t kMaxTextTableBytes = std::uint64_t{1} << 32;
inline constexpr std::size_t kMaxTextFields = std::size_t{1} << 24;

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
/// mark is. Throws DataError: not UTF-8, a zero byte, ragged rows, an open quote, no rows, more than
/// the maxima above.
TextTable read_text_table(const std::filesystem::path& path);

}  // namespace blindtuner
