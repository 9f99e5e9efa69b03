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

/// Those that are named, then those of the names that the training set's have (`known`, member_as_in_training()), and what
/// is missing by the usual names: of a part x_PART and y_PART,
/// PART_features and PART_labels and their like, of an archive of one set features and labels, x and
/// y, data and target. `kAny` takes those of a set, then those of training. Throws DataError, which
/// lists the members, where there are none or several.
Members find_members(const NpzArchive& archive, const Members& named, Part part,
                     const Members& known = {});

/// The member that is to another set's `part` what `known` was to the training set: features that go with that part, or
/// labels that go with `features`. Of that part it is called as the training set's is, but for what tells the part
/// (malignant_test for malignant_train), or as that without a part, where the archive has no other. Empty: no name is known, or none
/// such is there and usual names are to be looked for. Throws DataError for members of that name of which none is known
/// to be of that part.
std::string features_as_in_training(const NpzArchive& archive, const std::string& known, Part part);
std::string labels_as_in_training(const NpzArchive& archive, const std::string& known, Part part,
                                  const std::string& features);
/// Names of features, or of labels, are one but for the part that they tell; usual ones (y, target, ..) all are one.
bool are_one_name(const std::string& a, const std::string& b);

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
