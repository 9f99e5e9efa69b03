// What an owner has encrypted: a record beside the keys, so that the owner knows its own data sets
// again, whoever hands it a copy.
//
// data-sets-<first 16 digits of the key set's identity>.json, sealed (app/owner/sealed_record.h):
//   {"data_sets": [{"id", "contents", "file", "use", "samples", "labelled", "seed"}, ..]}
#pragma once

#include <optional>

#include "app/owner/steps.h"
#include "base/sha256.h"

namespace blindtuner {

struct RecordedDataSet {
  DataId id{};
  Sha256Digest contents{};  ///< FileWriter::contents() of the encrypted file
  std::string file;         ///< where it was written
  std::string use;          ///< "training", "validation", "prediction"
  std::size_t samples = 0;
  bool labelled = false;
  std::string seed;  ///< of the samples' order and the hold-outs: OrderSeed::text()
};

std::filesystem::path data_sets_path(const OwnerFolder& keys);

/// Adds a line to the record, one process at a time. Throws DataError when it cannot be written, or
/// is not these keys' own.
void record_data_set(const OwnerFolder& keys, const RecordedDataSet& set);

/// What these keys have encrypted, as far as it was recorded, and one of them. Throws DataError when
/// the record was changed.
std::vector<RecordedDataSet> recorded_data_sets(const OwnerFolder& keys);
std::optional<RecordedDataSet> recorded_data_set(const OwnerFolder& keys, const DataId& id);

}  // namespace blindtuner
