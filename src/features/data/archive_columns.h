// What an archive has beside features and labels: members by which its samples are told apart, or grouped.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "features/data/npy.h"
#include "features/samples/named_columns.h"
#include "features/samples/sample_groups.h"
#include "features/tables/table_columns.h"

namespace blindtuner::features {

/// A member as a column of it is called in messages.
std::string member_text(const std::string& member);

/// Members that are called as identifiers or files are (ids, names, path, ..), as what groups samples (donor, groups, ..), or are
/// chosen for that (but where groups are `none`), of the part of the first of those that are `taken` (ids_train beside x_train),
/// and hold one text or whole number for each of `rows` samples, but for those that are
/// taken; behind them, whatever their names, those of one text for each, none twice; also those that hold one element a sample that is neither, or cannot be told, or whose part cannot
/// (NamedColumn::unreadable).
/// In messages a column is member_text().
std::vector<NamedColumn> archive_keys(const NpzArchive& archive, std::size_t rows,
                                      const std::vector<std::string>& taken,
                                      const ColumnChoice& choice);

/// Members that nothing takes by their names: neither those that are `taken`, nor those that may identify or group the `rows`
/// samples, nor another part's whose features or labels the archive has. archive_keys() has some of them, by their content or to
/// tell that nobody can read them.
std::vector<std::string> unused_members(const NpzArchive& archive, const std::string& features,
                                        std::size_t rows, const std::vector<std::string>& taken,
                                        const ColumnChoice& choice);

/// What may group the samples: members beside `features` with a word a row, `groups` (whose column
/// `group_column` names, as `extract` writes them) or named so. What cannot be read, and what may be of
/// another part, is warned of. Throws DataError where the one that was asked for cannot be taken.
std::vector<GroupColumn> group_members(const NpzArchive& archive, const std::string& features,
                                       std::size_t rows, const ColumnChoice& choice,
                                       Reading& reading);

}  // namespace blindtuner::features
