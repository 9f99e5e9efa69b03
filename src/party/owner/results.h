// What a server sent back, decrypted: held against what the owner knows of the run, opened or published,
// and judged.
#pragma once

#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "features/data/whitening.h"
#include "party/owner/decrypted.h"
#include "party/owner/opening.h"
#include "records/model.h"
#include "records/scores.h"
#include "secret/disclosure.h"

namespace blindtuner::party {
using namespace features;
using namespace records;
using namespace secret;

/// How a result is made fit for anybody.
struct PublicationRequest {
  double budget = kPublicationBudget;  ///< in bits, of all publications of the key set
  /// What errors depend on, of a training set that the ledger does not know. Empty: such are refused;
  /// may throw DataError.
  std::function<FeatureSizes()> unknown_sizes;
};

/// How far the run of a model came, and whether its owner knows that it was to end there.
struct RunEnd {
  int steps = 0, planned = 0;
  bool known = false;
  std::size_t choices = 1;  ///< rounds that its model may have been chosen from
  double balance = 0;       ///< that these were judged with, as far as their record is there
  /// That it is not known, as a sentence without its full stop.
  std::string text() const;
};

struct ModelRequest {
  std::filesystem::path model;
  ExpectedRun expected;
  std::optional<Whitening> whitening;  ///< the map that the model is unfolded with
  double balance = 0;                  ///< strength of balance(), learn/reference/balance.h
  std::optional<PublicationRequest> publication;  ///< none: opened, for the owner alone
};

struct OpenedModel {
  ModelFile file;  ///< as the server sent it
  RunEnd end;
  DecryptedModel model;      ///< on features before whitening, after balance
  Published published;       ///< noise and bits, where it is published
  nlohmann::json judgement;  ///< of judge_weights(), where a map was given; else an empty object
};

/// Throws DataError for whatever is refused, of which the ledger knows then; a publication, too, where the
/// model is not trusted or nobody knows that its run was to end there.
OpenedModel decrypt_model(Disclosure& door, const OwnerFolder& keys, const ModelRequest& request);

struct ScoresRequest {
  std::filesystem::path scores;
  std::filesystem::path model;  ///< the encrypted one that made them; needed for a publication
  ExpectedRun expected;
  std::optional<DataId> data;  ///< which data set they are of, where that is known
  double balance = 0;          ///< as ModelRequest has it: what its model would have given
  bool rows_needed = false;    ///< refused where nobody knows which row each sample is
  bool identifiers =
      false;  ///< OpenedScores::identifiers are wanted; their record is read before anything is opened
  std::optional<PublicationRequest> publication;
};

struct OpenedScores {
  ScoresFile file;  ///< as the server sent it
  LogitLimit limit;
  Eigen::MatrixXd scores;                ///< samples x classes, in the order of the owner's rows
  bool rows_known = true;                ///< false: in the encrypted samples' order, which is mixed
  bool rows_put_back = false;            ///< that was not the encrypted samples' order
  std::vector<std::string> class_names;  ///< of the training set, or none
  std::vector<NamedColumn> identifiers;  ///< whose each sample is, where that is kept
  std::optional<int> planned;            ///< steps of the whole run, where that is known
  std::string by_place;                  ///< require_columns_of_training()'s remark, or empty
  Published published;                   ///< noise and bits, where they are published
  nlohmann::json judgement;              ///< of judge_logits()
};

/// Throws as decrypt_model().
OpenedScores decrypt_scores(Disclosure& door, const OwnerFolder& keys,
                            const ScoresRequest& request);

}  // namespace blindtuner::party
