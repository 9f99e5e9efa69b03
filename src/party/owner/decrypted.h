// Decrypted models and scores, and their files, which stay with their owner or are published.
#pragma once

#include <Eigen/Core>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "base/atomic_file.h"
#include "features/data/feature_table.h"
#include "features/data/load.h"
#include "features/samples/dataset.h"
#include "learn/head.h"
#include "linalg/layout.h"
#include "party/owner/trust.h"

namespace blindtuner::party {
using namespace features;
using namespace linalg;

/// Decrypted numbers as what they are: a classifier on the features that were encrypted, and scores,
/// samples x classes. Sizes are the layout's.
LinearClassifier classifier_of(std::span<const double> values, const ProductLayout& layout);
Eigen::MatrixXd scores_of(std::span<const double> values, const ProductLayout& layout);

/// A decrypted model with the circuit that it was trained with; files of earlier programs do not
/// name one.
struct DecryptedModel {
  LinearClassifier classifier;
  LogitLimit limit;
  std::vector<std::string> class_names, feature_names;  ///< or none
  std::string pooling;       ///< Dataset::pooling of the training set; empty: not known
  std::string label_name{};  ///< Dataset::label_name of it; empty: not known
  /// Of a study of columns, whose features are several owners' columns, each whitened by its owner: the owner of each feature.
  /// No table has these (party/owner/study/partial_scores.h).
  std::vector<std::string> column_owners{};
  /// The largest |logit| on the samples that it was trained on; 0: not known. Of no model that is published.
  double trained_logit = 0;
  std::string encoder{};          ///< Dataset::encoder of the training set; empty: not known
  std::string features_member{};  ///< Dataset::features_member of it; empty: not known

  /// What its training set took, for sets that it is to be judged on.
  TakenForTraining taken() const;
};
/// Throws DataError for a head whose scores are no logarithms of odds, which balance() moves.
void require_log_odds(const Head& head);
/// After balance() of the classifier (learn/reference/balance.h), which moves logits, and so their limit.
DecryptedModel balanced(DecryptedModel model, const std::vector<std::size_t>& class_samples,
                        double strength);
/// .npz or .json, by the name: weights, bias, circuit (a text), logit_limit; classes, feature_names,
/// pooling, encoder, label_name, features_member, column_owners and trained_logit where they are known. Throws DataError.
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
  bool mixed = false;  ///< in an order that is not that of any rows: nothing goes by places
};
/// .npz: scores, circuit (a text), logit_limit, and, where they are known, classes, identifiers (a text
/// a sample; of further columns identifiers_2, ..) and identifier_columns, the names of these; row_order,
/// "mixed", where they are so;
/// .npy: the scores alone. Throws DataError.
void save_scores(const std::filesystem::path& path, const DecryptedScores& decrypted,
                 unsigned mode = kForTheOwner);
DecryptedScores load_scores(const std::filesystem::path& path);

}  // namespace blindtuner::party
