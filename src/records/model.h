// An encrypted model: the record from the server to the owner, kind 4.
//
//   "LAYT"   layout of the training set, its data id
//   "TRAI"   training (records/training_state.h), which that layout can have had
//   "WGHT"   packs ciphertexts, model_shape (learn/result_shape.h)
#pragma once

#include <filesystem>
#include <functional>

#include "io/product_io.h"
#include "linalg/encrypted_dataset.h"
#include "records/key_set.h"
#include "records/training_state.h"

namespace blindtuner::records {

struct ModelFile {
  EncryptedModel model;
  DataId data{};
  TrainingState training;
  Sha256Digest contents{};  ///< ContainerReader::contents(), once it was read
};

/// Returns ContainerWriter::contents(). Once all of it was written and flushed, `keep` is told that digest;
/// it appears if `keep` then returns true.
Sha256Digest write_model(ByteSink& sink, const KeySet& keys, const ModelFile& file,
                         const std::function<bool(const Sha256Digest&)>& keep = {});
Sha256Digest write_model(const std::filesystem::path& path, const KeySet& keys,
                         const ModelFile& file,
                         const std::function<bool(const Sha256Digest&)>& keep = {});
ModelFile read_model(ByteSource& source, const KeySet& keys,
                     const AcceptFile<ModelFile>& accept = {});
ModelFile read_model(const std::filesystem::path& path, const KeySet& keys,
                     const AcceptFile<ModelFile>& accept = {});

// Its three sections, which begin a round, too. The ciphertexts written are held to their shape
// (ContractError).
void write_model_sections(ContainerWriter& out, const Parameters& parameters,
                          const ModelFile& file);
ModelFile read_model_sections(ContainerReader& in, const Parameters& parameters,
                              const AcceptFile<ModelFile>& accept);

/// How large the record comes out, to the byte.
std::uint64_t model_file_bytes(const Parameters& parameters, const ProductLayout& layout,
                               const TrainingState& training);

}  // namespace blindtuner::records
