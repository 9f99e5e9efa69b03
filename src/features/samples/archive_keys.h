// Samples of an archive, or decrypted scores, and rows of labels go together by the samples' identifiers.
#pragma once

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
/// than `most` bytes of them in all, the former first.
std::vector<NamedColumn> identifiers_among(std::vector<NamedColumn> columns,
                                           std::size_t most = std::size_t{1} << 24);

struct KeyedSamples {
  std::string samples, labels;  ///< the files, for messages
  const std::vector<NamedColumn>&of_samples, &of_labels;
  bool rows_left_out = false;             ///< labels without samples are left out
  std::vector<std::string> unreadable{};  ///< is said where there is nothing to go by
  /// Nobody but the identifiers knows that the two go together: what contradicts that is refused.
  bool strict = false;
  bool samples_left_out = false;  ///< samples without labels have kNoRow; a warning counts them
};
inline constexpr std::size_t kNoRow = std::numeric_limits<std::size_t>::max();

/// Which row of the labels each sample has: by the first pair of columns with the same values, a value
/// a row: as they are, or as names of files with or without folders and endings. Whole numbers only
/// where the labels' column is called as identifiers are, or has no name and does not count the rows.
/// Empty: by their places, as no pair is there; said where a column of the labels is called so. Throws
/// DataError where half of the values or more, but not all, are in both; `strict`, also where columns of
/// one name hold other values, or do not tell rows apart and differ, and where two pairs of one name
/// say different rows.
std::vector<std::size_t> join_by_keys(const KeyedSamples& sets, Reading& reading);

/// Says that rows go together by their places where a column of the labels is called as identifiers
/// are and could tell rows apart. False: there is none.
bool tell_of_places(const std::string& samples, const std::string& labels,
                    const std::vector<NamedColumn>& of_labels, Reading& reading);

}  // namespace blindtuner::features
