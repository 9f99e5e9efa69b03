// Encrypted scores of samples under a model: the record from the server to the owner, kind 6.
//
//   "LAYT"   layout of the set that was scored, its data id
//   "TRAI"   training of the model; not in files of earlier programs
//   "TRDA"   data id of the model's training set (16); nor in those of version 0.1
//   "SCOR"   supers * ratio ciphertexts, score_shape (learn/result_shape.h); without "TRAI", that of the
//            first shipped circuit whose level and scale they have
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "io/product_io.h"
#include "linalg/encrypted_dataset.h"
#include "records/key_set.h"
#include "records/training_state.h"

namespace blindtuner::records {

struct ScoresFile {
  EncryptedScores scores;
  DataId data{};
  std::string circuit;                    ///< which gives the scale
  std::optional<TrainingState> training;  ///< the model's; not in files of earlier programs
  std::optional<DataId> trained_on = {};  ///< the model's training set; nor in those
  Sha256Digest contents = {};             ///< ContainerReader::contents(), once it was read
};

/// `training` and `trained_on` must be there.
/// Returns ContainerWriter::contents().
Sha256Digest write_scores(ByteSink& sink, const KeySet& keys, const ScoresFile& scores);
void write_scores(const std::filesystem::path& path, const KeySet& keys, const ScoresFile& scores);
ScoresFile read_scores(ByteSource& source, const KeySet& keys,
                       const AcceptFile<ScoresFile>& accept = {});
ScoresFile read_scores(const std::filesystem::path& path, const KeySet& keys,
                       const AcceptFile<ScoresFile>& accept = {});

// "SCOR" alone, which ends a round, too. The layout has been read; the ciphertexts written are held to
// their shape (ContractError).
void write_scores_section(ContainerWriter& out, const Parameters& parameters,
                          const ScoresFile& file);
void read_scores_section(ContainerReader& in, const Parameters& parameters, ScoresFile& file);

}  // namespace blindtuner::records
