// Which members of an .npz archive are features and labels, and of several poolings which columns.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "features/data/npy.h"
#include "features/samples/dataset.h"

namespace blindtuner::features {

/// Of which set: any, or one of an archive that holds several.
enum class Part { kAny, kTrain, kTest, kValidation };

struct Members {
  std::string features, labels;  ///< labels empty: there are none beside these features
};

/// Those that are named, and what is missing by the usual names: of a part x_PART and y_PART,
/// PART_features and PART_labels and their like, of an archive of one set features and labels, x and
/// y, data and target. `kAny` takes those of a set, then those of training. Throws DataError, which
/// lists the members, where there are none or several.
Members find_members(const NpzArchive& archive, const Members& named, Part part);

/// Other members of the part that `features` is of, and their names without what tells the part (a word before or behind
/// the rest: ids_train, IDTrain, idstrain, trainIDs); where the archive holds no
/// other part, also those whose name tells none. `features` (or labels, in a file of their own) is the name of a member.
std::vector<std::pair<std::string, std::string>> members_beside(const NpzArchive& archive,
                                                                const std::string& features);

/// Members, likewise, of which it cannot be told whether they are of that part: their names tell none, of several, or one
/// of which the archive has neither features nor labels.
std::vector<std::pair<std::string, std::string>> doubtful_members(const NpzArchive& archive,
                                                                  const std::string& features);

/// Members of another part than that, of which the archive has features or labels: they are another set's.
std::vector<std::pair<std::string, std::string>> members_elsewhere(const NpzArchive& archive,
                                                                   const std::string& features);

/// A member's name as heading_key() has it, of one: "Ids" is "id".
std::string name_of_one(const std::string& name);

/// The member that names the classes: `classes`, as `extract` writes it, or one called so by others
/// (target_names, class_names, ..); empty: none.
std::string class_names_member(const NpzArchive& archive);

/// The members poolings (names) and pooling_columns (rows of pooling, first column, number of
/// columns), which say where each of several poolings is among the features' columns. `width`: of
/// the features. Throws DataError.
std::vector<ColumnSet> read_poolings(const NpzArchive& archive, std::size_t width);
/// The latter of the two.
Eigen::MatrixXd pooling_columns(const std::vector<ColumnSet>& poolings);

/// Whether the archive holds that part beside others.
bool holds_part(const NpzArchive& archive, Part part);

}  // namespace blindtuner::features
