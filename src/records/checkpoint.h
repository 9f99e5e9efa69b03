// A training's state, which is the gradients it has kept: the server's own record, kind 5.
//
//   "LAYT"   layout of the training set, its data id
//   "TRAI"   training, which that layout can have had
//   "GRAD"   steps done * packs ciphertexts, gradient_shape (learn/result_shape.h)
//   "RUN."   run (16), 0 (4)
#pragma once

#include <filesystem>
#include <vector>

#include "io/product_io.h"
#include "records/key_set.h"
#include "records/training_state.h"

namespace blindtuner::records {

struct CheckpointFile {
  ProductLayout layout;
  DataId data{};
  RunId run{};
  TrainingState training;
  std::vector<std::vector<Ciphertext>> gradients;  ///< one of `packs` ciphertexts a step
};

void write_checkpoint(ByteSink& sink, const KeySet& keys, const ProductLayout& layout,
                      const DataId& data, const RunId& run, const TrainingState& training,
                      const std::vector<std::vector<Ciphertext>>& gradients);
void write_checkpoint(const std::filesystem::path& path, const KeySet& keys,
                      const ProductLayout& layout, const DataId& data, const RunId& run,
                      const TrainingState& training,
                      const std::vector<std::vector<Ciphertext>>& gradients);
CheckpointFile read_checkpoint(ByteSource& source, const KeySet& keys);
CheckpointFile read_checkpoint(const std::filesystem::path& path, const KeySet& keys);

}  // namespace blindtuner::records
