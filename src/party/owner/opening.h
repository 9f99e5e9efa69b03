// What an owner holds results against before and after it decrypts them (docs/SECURITY.md, "What an
// owner checks"). Everything an owner decrypts comes through here and goes through the one door.
#pragma once

#include <limits>
#include <optional>
#include <string>

#include "party/owner/key_folder.h"
#include "records/model.h"
#include "records/scores.h"
#include "records/transcript.h"
#include "secret/disclosure.h"

namespace blindtuner::party {

/// What an owner knows of a run beforehand.
struct ExpectedRun {
  /// What the server was told to train with. Empty: what a result says of itself is taken, which is
  /// good enough for an owner's eyes and for nothing else.
  std::optional<TrainingConfig> config;
  std::string circuit;         ///< its circuit; empty: any that serves
  std::string advice;          ///< ends the refusal of another configuration or circuit
  std::optional<DataId> data;  ///< the training set
  std::string ways_to_say;     ///< ends the refusal where several data sets could be meant
  /// Its noise follows from the data sets, so that they are said, or there is only one that it can be.
  bool published = false;
  /// Take data sets that the record beside the keys (party/owner/data_sets.h) does not know for the
  /// owner's own: those that an earlier program has encrypted, or this one with a copy of the keys.
  bool unrecorded_data = false;
  /// What the server signed that it computed (records/transcript.h): the model is that one's.
  std::optional<Transcript> transcript = {};
};

/// Reads a model that these keys can open: of their key set, of the layout they were made for, of a
/// data set that they have encrypted, and what `expected` says. Throws DataError.
ModelFile open_model(const std::filesystem::path& path, const OwnerFolder& keys,
                     const ExpectedRun& expected = {});
/// The same of scores; `scored`: which data set they are of, where it was said.
ScoresFile open_scores(const std::filesystem::path& path, const OwnerFolder& keys,
                       const ExpectedRun& expected = {}, const std::optional<DataId>& scored = {});

/// What open_model() requires of a model. `name` opens the message of the DataError.
void require_run(const ModelFile& file, const OwnerFolder& keys, const ExpectedRun& expected,
                 const std::string& name);

/// The steps of a whole run of the configuration that the file states; empty where nobody knows.
int planned_steps(const ModelFile& file);
std::optional<int> planned_steps(const ScoresFile& file, const OwnerFolder& keys);

/// A data set's file is the one that these keys have written, whoever kept it: by its contents; and
/// for this use, unless that is empty. Throws DataError, which `name` opens.
void require_own_copy(const DataId& id, const Sha256Digest& contents, const std::string& use,
                      const OwnerFolder& keys, bool unrecorded_data, const std::string& name);
/// The identity of the data set that this file is, held to the same. Throws DataError.
DataId identity_of_own_set(const std::filesystem::path& file, const OwnerFolder& keys,
                           bool unrecorded_data);

/// Throws DataError, which `name` opens, for another shape than the keys'.
void require_shape_of_keys(const ProductLayout& layout, const OwnerFolder& keys,
                           const std::string& name);

Origin origin_of(const std::string& name, const DataId& data);

// Through the door, held against what the training that the file states can have made: DataError.

/// classes x features, bias last; of norm norm_limit at most for a class.
std::vector<double> open_weights(Disclosure& door, const ModelFile& file, const Origin& origin,
                                 double norm_limit = std::numeric_limits<double>::infinity());
Published publish_weights(Disclosure& door, const ModelFile& file, const Origin& origin,
                          const Publication& publication);
/// samples x classes.
std::vector<double> open_logits(Disclosure& door, const ScoresFile& file, const Origin& origin);
Published publish_logits(Disclosure& door, const ScoresFile& file, const Origin& origin,
                         const Publication& publication);

/// model_noise() of the run that a model's file states, on training data of these sizes.
double weight_noise(const Parameters& parameters, const ModelFile& file, const FeatureSizes& sizes);

}  // namespace blindtuner::party
