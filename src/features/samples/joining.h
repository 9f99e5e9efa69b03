// Samples and labels of two files go together by what tells their rows apart.
#pragma once

#include <cstddef>
#include <limits>
#include <string>
#include <vector>

#include "features/samples/named_columns.h"
#include "features/tables/table_columns.h"

namespace blindtuner::features {

/// Called as identifiers or files are, as heading_key() has it.
bool is_key_heading(const std::string& name);

/// Of columns that are neither features nor labels those that tell whose a row is: called as identifiers
/// or files are, or without a name, or of short texts and whole numbers, none of them twice. No more
/// than `most` bytes of them in all, the former first. Unreadable ones are among them.
std::vector<NamedColumn> identifiers_among(std::vector<NamedColumn> columns,
                                           std::size_t most = std::size_t{1} << 24);
/// The same without those that are unreadable, which are warned of: to be kept.
std::vector<NamedColumn> readable_among(std::vector<NamedColumn> identifiers, Reading& reading);

/// Two sets, by their columns that are neither features nor labels.
struct JoinedSets {
  std::string samples, labels;  ///< the files, for messages
  const std::vector<NamedColumn>&of_samples, &of_labels;
  bool rows_left_out = false;  ///< labels without samples are left out
  /// Nobody but the identifiers knows that the two go together, as of scores: their places say less.
  bool strict = false;
  bool samples_left_out = false;  ///< samples without labels have kNoRow; a warning counts them
};
inline constexpr std::size_t kNoRow = std::numeric_limits<std::size_t>::max();

struct JoinedRows {
  std::vector<std::size_t> rows;    ///< of the labels, one a sample; empty: by their places
  std::string samples{}, labels{};  ///< the columns, as NamedColumn::column has them
};

/// Which row of the labels each sample has: by the pair of columns with the most values in common, a
/// value a row and none twice: as they are, or as names of files with or without folders and endings;
/// of one name before others. Numbers under two names, which may agree by chance, only where both are
/// called as identifiers are, of the same kind (a patient's number is none of a picture), or one has no
/// name and does not count the rows. Columns without names, where the labels' or the samples' count the
/// rows, only where they agree in all of them (but `strict`).
///
/// Empty: by their places, as no pair is there, which is said where a column of the labels could tell rows
/// apart. Throws DataError where half of the values or more, but not all, are in both; where columns of one
/// name hold other values, or do not tell rows apart and differ; where two pairs of one name say
/// different rows; and where no pair is there, but an unreadable column that might make one with a column of the other
/// set. Unreadable ones of one set alone are warned of.
JoinedRows join_rows(const JoinedSets& sets, Reading& reading);

}  // namespace blindtuner::features
