// What an owner has encrypted: a record beside the keys, so that the owner knows its own data sets
// again, whoever hands it a copy.
//
// data-sets-<first 16 digits of the key set's identity>.json, sealed (party/owner/sealed_record.h):
//   {"data_sets": [{"id", "contents", "file", "use", "samples", "labelled", "seed", "map",
//                  "class_samples", "class_names", "feature_names", "pooling", "label_name",
//                  "held_out", "identifiers", "rows", "split", "encoder", "features_member"}, ..], "columns": [[..], ..]};
//   a set's last ten where they are known, or true; its feature names are a place among the lists of columns, each of
//   which is there once, for a table may have a million and be encrypted often. Earlier programs wrote the names
//   themselves, and refuse a place.
// identifiers-<those digits>-<first 16 of the data set's>.json, sealed: whose the samples of a set to be
// predicted are, in the encrypted file's order:
//   {"data", "columns": [{"name", "fields": [..]}, ..]}
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/sha256.h"
#include "features/data/feature_table.h"
#include "features/data/whitening.h"
#include "party/owner/key_folder.h"
#include "records/key_set.h"

namespace blindtuner::party {
using namespace features;

/// The columns' names of a set, which those of one table share; or none.
class ColumnNames {
 public:
  ColumnNames() = default;
  ColumnNames(std::vector<std::string> names)
      : names_(std::make_shared<const std::vector<std::string>>(std::move(names))) {}

  operator const std::vector<std::string>&() const { return *names_; }
  bool empty() const { return names_->empty(); }
  std::size_t size() const { return names_->size(); }
  bool operator==(const ColumnNames& other) const {
    return names_ == other.names_ || *names_ == *other.names_;
  }

 private:
  std::shared_ptr<const std::vector<std::string>> names_ =
      std::make_shared<const std::vector<std::string>>();
};

/// How a set's samples go together with the rows that its owner has.
enum class RowOrder {
  kUnknown,  ///< a part of the rows, mixed; or an earlier program recorded it
  kKept,     ///< all rows, in their order
  kMixed,    ///< all rows, in the seed's order: shuffled_indices(samples, seed)
};

struct RecordedDataSet {
  DataId id{};
  Sha256Digest contents{};  ///< ContainerWriter::contents() of the encrypted file
  std::string file;         ///< where it was written
  std::string use;          ///< "training", "validation", "prediction"
  std::size_t samples = 0;
  bool labelled = false;
  std::string seed;  ///< of the samples' order and the hold-outs: OrderSeed::text()
  /// Whitening::digest() of the map that its features went through, in hexadecimal; empty: none.
  /// Not known of what an earlier program recorded.
  std::optional<std::string> map;
  std::vector<std::size_t>
      class_samples{};  ///< of each class; empty where an earlier program wrote
  std::vector<std::string>
      class_names{};  ///< or none; like the columns' they never leave the owner
  ColumnNames feature_names{};
  std::string pooling{}, label_name{};  ///< as Dataset has them; or none
  bool held_out = false;                ///< of the training set with the same seed and split
  bool identifiers = false;             ///< kept_identifiers() has some
  RowOrder rows = RowOrder::kUnknown;
  /// Names what a part was held out of, once for what is held out and for the rest: rows that are drawn by the same seed
  /// are others as soon as there are others to draw from. Earlier programs did not record it.
  std::string split{};
  std::string encoder{}, features_member{};  ///< as Dataset has them; or none

  /// The row of each sample; empty: its own place. None where nobody knows it.
  std::optional<std::vector<std::uint32_t>> rows_of_samples() const;
};

/// As RecordedDataSet::map says it.
std::string map_name(const std::optional<Whitening>& whitening);

std::filesystem::path data_sets_path(const OwnerFolder& keys);

std::filesystem::path identifiers_path(const OwnerFolder& keys, const DataId& id);
/// Columns of a field a sample (a name as heading_key() has it, or none). The former throws DataError when
/// they cannot be written; the latter, when they were changed or are gone although the record knows of
/// some.
void keep_identifiers(const OwnerFolder& keys, const DataId& id,
                      const std::vector<NamedColumn>& columns);
std::vector<NamedColumn> kept_identifiers(const OwnerFolder& keys, const RecordedDataSet& set);

/// Adds a line to the record, one process at a time. Throws DataError when it cannot be written, or
/// is not these keys' own.
void record_data_set(const OwnerFolder& keys, const RecordedDataSet& set);

/// What these keys have encrypted, as far as it was recorded, and one of them. Throws DataError when
/// the record was changed.
std::vector<RecordedDataSet> recorded_data_sets(const OwnerFolder& keys);
std::optional<RecordedDataSet> recorded_data_set(const OwnerFolder& keys, const DataId& id);

/// How many data sets were recorded for this use.
std::size_t recorded_for(const OwnerFolder& keys, const std::string& use);

/// Features for a model, or the map that a model is unfolded with, went through `map`, and so must
/// have those that it was trained on: of that set, or, where it is not known, of one set at least
/// that these keys have encrypted for training. What was not recorded is taken for right. Throws
/// DataError, which `name` opens.
void require_map_of_training(const OwnerFolder& keys, const std::optional<DataId>& trained_on,
                             const std::string& map, const std::string& name);

/// The classes' names of that training set, or of all that these keys have encrypted where they agree;
/// none otherwise.
std::vector<std::string> trained_class_names(const OwnerFolder& keys,
                                             const std::optional<DataId>& trained_on);

/// The class sizes of that training set. Throws DataError, which `name` opens, where the record does not
/// have them of so many classes.
std::vector<std::size_t> trained_class_samples(const OwnerFolder& keys, const DataId& trained_on,
                                               std::size_t classes, const std::string& name);

/// The training set whose columns samples to be predicted are read as: the one that was said, or one of
/// all whose features went through `map`. None where none was recorded. Throws DataError, which `name`
/// opens, where these differ in their columns or pooling.
std::optional<RecordedDataSet> training_set_of(const OwnerFolder& keys,
                                               const std::optional<DataId>& said,
                                               const std::string& map, const std::string& name);

/// A validation set that was held out goes with the training set that is the rest: of another its samples
/// may be part. Throws DataError, which `name` opens.
void require_held_out_of(const OwnerFolder& keys, const DataId& validation,
                         const DataId& trained_on, const std::string& name);

/// Scored samples have the columns of the set that their model was trained on, in that order. Throws
/// DataError, which `name` opens, where both have names and these differ; where only the samples have,
/// returns what is to be said.
std::string require_columns_of_training(const OwnerFolder& keys, const DataId& scored,
                                        const DataId& trained_on, const std::string& name);

}  // namespace blindtuner::party
