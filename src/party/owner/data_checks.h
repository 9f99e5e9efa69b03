// What is amiss with data sets before they are trained on, and samples held out of them.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "features/samples/dataset.h"
#include "features/samples/order_seed.h"
#include "features/tables/table_columns.h"
#include "party/owner/listener.h"

namespace blindtuner::party {
using namespace features;

/// What samples are held out for, in words, and what there is to be done when they are too few.
struct HoldOut {
  double fraction = 0;
  std::string purpose;  ///< "for the test"
  std::string advice;   ///< "give a test set of its own with --test-features"
};

/// Takes round(fraction * count) samples of every class out of `set` and returns them, copies and
/// groups together (features/samples/sample_groups.h); both keep their order when the seed says so. Throws DataError when one of
/// the two would be left without any.
Dataset hold_out(Dataset& set, const HoldOut& what, const OrderSeed& seed, const std::string& name,
                 const Listener& listener);

/// Another set is to be read with the groups of one that was read, to be compared.
void compare_groups_with(const Dataset& known, ColumnChoice& columns);

/// What of all that a model learns from a set is.
enum class TrainingPart {
  kAll,
  kRows,     ///< of a study: other owners have other rows of these columns
  kColumns,  ///< of a study: other owners have other columns of these rows, and perhaps the labels
};

/// All that is said of a set before it is trained on, whoever reads it (docs/DATA.md): copies, with a warning of those that have
/// several labels; classes of a single sample, by name and place ("single_samples" of `details`, of load_dataset(), where they are from a file),
/// and without any; columns that are the answer (features/samples/answers.h, features/samples/label_twins.h) or count the rows. Without
/// labels the last alone. Fills in "copies" and "answers", the columns, counted from 1, with their names where they have some. `set` is as
/// validate_set() has it, but for the labels.
void tell_of_training_set(const Dataset& set, const std::string& name, TrainingPart part,
                          nlohmann::json& details, const Listener& listener);

/// Warns of features of another scale (features/samples/other_scales.h) and of samples of a set for `use` that are, or nearly are, among those of `known`, "the training
/// set", or have their groups in common with them: what is measured on them is no measure of others.
/// Returns "samples" and "nearly", their numbers, and "of_other_scale", the number of features, "warnings", what was said, for reports, and "groups" where both have some:
/// "column", "values" of the other set and how many are "in_both".
nlohmann::json warn_of_samples_in_both(const Dataset& known, const Dataset& other,
                                       const std::string& use, const Listener& listener,
                                       const std::string& known_as = "the training set");

}  // namespace blindtuner::party
