// What the columns of a table hold.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "features/tables/row_count.h"
#include "features/tables/table.h"
#include "features/tables/table_number.h"

namespace blindtuner::features {

/// Different values of a column that are told apart, and of all columns together.
inline constexpr std::size_t kMaxDifferent = 1024, kMaxDifferentInAll = std::size_t{1} << 24;

struct ColumnProfile {
  std::size_t numbers = 0, whole = 0, texts = 0, missing = 0;  ///< fields of each kind
  std::size_t sentences = 0;                                   ///< texts with a blank in them
  std::size_t files = 0;                                       ///< what `is_file` says are files
  std::size_t truths = 0;                                      ///< texts: True and False
  std::size_t signs = 0,
              dashes = 0;  ///< texts that are signs (is_sign_name), and "-", which is missing
  std::size_t first_text = 0, first_missing = 0, first_fraction = 0;  ///< rows
  RowCount count{};      ///< of the numbers; of others and of none they do not count
  bool repeats = false;  ///< some value is there twice
  bool many = false;     ///< more different values than are told apart, or a fraction
  /// The first row that is evidence of each kind for a decimal mark; kNoRow: none.
  static constexpr std::size_t kNoRow = SIZE_MAX;
  std::array<std::size_t, 5> evidence{kNoRow, kNoRow, kNoRow, kNoRow, kNoRow};
  std::vector<std::uint64_t> different;  ///< sorted digests of the values
  /// The same of what is no value among numbers, and can be a class's name; fields of these.
  std::vector<std::uint64_t> nones;
  std::size_t none_fields = 0;

  std::size_t rows() const { return numbers + texts + missing; }
  /// Nothing but True and False, which are 1 and 0 as features.
  bool is_logical() const { return truths > 0 && truths == texts && numbers == 0; }
  /// "-" is a class beside "+".
  bool dash_is_class() const { return dashes > 0 && signs > 0 && signs == texts && numbers == 0; }
  /// Could tell classes apart: whole numbers or texts, two different ones or more, each of them twice
  /// on average.
  bool like_labels() const {
    const bool words = texts > 0;  // among them "none" may be one
    const std::size_t dash = dash_is_class() ? dashes : 0;
    const std::size_t values = different.size() + (words ? nones.size() : 0) + (dash > 0 ? 1 : 0);
    return !many && values >= 2 && 2 * values <= numbers + texts + (words ? none_fields : 0) + dash;
  }
  /// A value a row, none of them twice.
  bool like_identifiers() const { return !repeats && numbers + texts >= 2; }
};

/// The table's columns, and whether its first row is a heading.
class TableProfile {
 public:
  /// `is_file` says of a field whether it names a file (or is empty). `headings`: names that the user
  /// gave; `known`: says whether a word is a usual heading. Throws DataError: two rows of headings, a
  /// heading and no rows.
  TableProfile(const Table& table, const std::vector<std::string>& headings,
               const std::function<bool(std::string_view)>& known,
               const std::function<bool(std::string_view)>& is_file);

  bool header() const { return header_; }
  /// One a column; empty ones without a header.
  const std::vector<std::string>& names() const { return names_; }
  const std::vector<ColumnProfile>& columns() const { return columns_; }
  /// Rows of data: all that are neither the header nor it again.
  bool is_data(std::size_t row) const;
  std::size_t repeated_headers() const { return header_ ? repeats_.size() : 0; }
  std::size_t first_repeat() const { return repeats_.front(); }
  /// "column 3 ('bmi')".
  std::string column_text(std::size_t column) const;

 private:
  void account(std::size_t row, const TableRow& fields);
  bool is_header(const Table& table, const TableRow& first,
                 const std::vector<std::string>& headings,
                 const std::function<bool(std::string_view)>& known) const;

  const std::function<bool(std::string_view)>& is_file_;
  bool header_ = false;
  std::size_t different_ = 0;
  std::vector<std::string> names_;
  std::vector<ColumnProfile> columns_;
  std::vector<std::uint64_t> first_digests_;
  std::vector<bool> first_again_;  // a column's first field is there again below
  std::vector<std::size_t> repeats_;
};

}  // namespace blindtuner::features
