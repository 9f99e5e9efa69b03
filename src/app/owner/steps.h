// What the commands do, without their command lines: the demo is made of the same steps.
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <span>

#include "base/atomic_file.h"
#include "features/data/dataset.h"
#include "features/data/feature_table.h"
#include "features/data/order_seed.h"
#include "features/data/table_columns.h"
#include "features/data/whitening.h"
#include "learn/reference/balance.h"
#include "party/owner/key_folder.h"
#include "party/owner/trust.h"
#include "records/key_set.h"
#include "secret/disclosure.h"

namespace blindtuner::app {
using namespace party;
using namespace reference;

/// Throws DataError when the features cannot be encrypted under these keys: another width, or
/// values beyond kMaxFeature. `name` opens the message.
void check_features(const FeatureMatrix& features, const OwnerFolder& keys,
                    const std::string& name);

/// What samples are held out for, in words, and what there is to be done when they are too few.
struct HoldOut {
  double fraction = 0;
  std::string purpose;  ///< "for the test"
  std::string advice;   ///< "give a test set of its own with --test-features"
};

/// Takes round(fraction * count) samples of every class out of `set` and returns them, copies and
/// groups together (features/data/sample_groups.h); both keep their order when the seed says so. Throws DataError when one of
/// the two would be left without any.
Dataset hold_out(Dataset& set, const HoldOut& what, const OrderSeed& seed, const std::string& name);

/// Another set is to be read with the groups of one that was read, to be compared.
void compare_groups_with(const Dataset& known, ColumnChoice& columns);

/// How many samples of a set are copies, and what that means for splits, as notes and in the details
/// ("copies"); a warning of those that have several labels.
void tell_copies(const Dataset& set, const std::string& name, Reading& reading);

/// Warns of samples of a set for `use` that are, or nearly are, among those of `known`, "the training
/// set", or have their groups in common with them: what is measured on them is no measure of others.
/// Returns "samples" and "nearly", their numbers, for reports, and "groups" where both have some:
/// "column", "values" of the other set and how many are "in_both".
nlohmann::json warn_of_samples_in_both(const Dataset& known, const Dataset& other,
                                       const std::string& use,
                                       const std::string& known_as = "the training set");

/// Warns of classes of which a set that load_dataset() read has one sample, by name and place.
void warn_of_single_samples(const Reading& reading);

/// Warns of classes of a training set that have no sample in it.
void warn_of_absent_classes(const Dataset& training, const std::string& name);

/// Warns of columns of a training set that are the answer (features/data/answers.h, features/data/label_twins.h) or count
/// the rows. Returns them, counted from 1, with their names where they have some.
nlohmann::json warn_of_answers(const Dataset& training);

/// What the owner's record of data sets (party/owner/data_sets.h), and nobody else, is told of one.
struct DataSetUse {
  std::string use;                  ///< "training", "validation", "prediction"
  std::string seed;                 ///< OrderSeed::text()
  std::string map;                  ///< map_name()
  std::filesystem::path kept_as{};  ///< where it will lie in the end; empty: where it is written
  bool held_out = false;            ///< of the training set with that seed
  std::vector<NamedColumn> identifiers{};  ///< a field a sample
};

/// Without labels: a set to be predicted. Its names go to that record too. Returns the data set's
/// identity.
DataId encrypt_to(const std::filesystem::path& out, const OwnerFolder& keys, const Dataset& set,
                  const DataSetUse& use, bool quiet);

/// Decrypted numbers as what they are: a classifier on the features that were encrypted, and scores,
/// samples x classes. Sizes are the layout's.
LinearClassifier classifier_of(std::span<const double> values, const ProductLayout& layout);
Eigen::MatrixXd scores_of(std::span<const double> values, const ProductLayout& layout);

/// A line that says so, where the door found no ledger and began one; empty otherwise.
std::string new_ledger_text(const Disclosure& door);

/// A decrypted model with the circuit that it was trained with; files of earlier programs do not
/// name one.
struct DecryptedModel {
  LinearClassifier classifier;
  LogitLimit limit;
  std::vector<std::string> class_names, feature_names;  ///< or none
  std::string pooling;       ///< Dataset::pooling of the training set; empty: not known
  std::string label_name{};  ///< Dataset::label_name of it; empty: not known
};
/// Throws DataError for a head whose scores are no logarithms of odds, which balance() moves.
void require_log_odds(const Head& head);
/// After balance() of the classifier (learn/reference/balance.h), which moves logits, and so their limit.
DecryptedModel balanced(DecryptedModel model, const std::vector<std::size_t>& class_samples,
                        double strength);
/// .npz or .json, by the name: weights, bias, circuit (a text), logit_limit; classes, feature_names,
/// pooling and label_name where they are known. Throws DataError.
void save_classifier(const std::filesystem::path& path, const DecryptedModel& model,
                     unsigned mode = kForTheOwner);
DecryptedModel load_classifier(const std::filesystem::path& path);

/// Decrypted scores, samples x classes, with the circuit of their model; limit 0 where the file does not
/// say it.
struct DecryptedScores {
  Eigen::MatrixXd scores;
  LogitLimit limit;
  std::vector<std::string> class_names;    ///< or none
  std::vector<NamedColumn> identifiers{};  ///< whose each sample is; or none
};
/// .npz: scores, circuit (a text), logit_limit, and, where they are known, classes, identifiers (a text
/// a sample; of further columns identifiers_2, ..) and identifier_columns, the names of these; any other
/// name: .npy, the scores alone. Throws DataError.
void save_scores(const std::filesystem::path& path, const DecryptedScores& decrypted,
                 unsigned mode = kForTheOwner);
DecryptedScores load_scores(const std::filesystem::path& path);

}  // namespace blindtuner::app
