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

/// Members that are called as identifiers or files are (ids, names, path, ..), of the part of the first of those that are
/// `taken` (ids_train beside x_train), and hold one text or whole number for each of `rows` samples, but for those that are
/// taken; also those that hold one element a sample that is neither, or cannot be told, or whose part cannot
/// (NamedColumn::unreadable). In messages a column is its member.
std::vector<NamedColumn> archive_keys(const NpzArchive& archive, std::size_t rows,
                                      const std::vector<std::string>& taken);

/// Members of the part that `features` is of, and of none, that nothing takes by their names; not those
/// that are `taken`.
std::vector<std::string> unused_members(const NpzArchive& archive, const std::string& features,
                                        const std::vector<std::string>& taken);

/// What may group the samples: members beside `features` with a word a row, `groups` (whose column
/// `group_column` names, as `extract` writes them) or named so. What cannot be read, and what may be of
/// another part, is warned of. Throws DataError where the one that was asked for cannot be taken.
std::vector<GroupColumn> group_members(const NpzArchive& archive, const std::string& features,
                                       std::size_t rows, const ColumnChoice& choice,
                                       Reading& reading);

}  // namespace blindtuner::features
