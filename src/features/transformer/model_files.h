// Which files a model is made of, whatever of it was named.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/sha256.h"

namespace blindtuner::features {

/// Of a sharded model: files, and bytes of the index that lists them.
inline constexpr std::size_t kMaxShards = 1024;
inline constexpr std::uint64_t kMaxIndexBytes = std::uint64_t{16} << 20;

struct ModelFiles {
  std::filesystem::path folder;                ///< where the settings lie
  std::filesystem::path named;                 ///< the weights, or the index of the shards
  std::vector<std::filesystem::path> weights;  ///< .safetensors, in the order of their names
  /// Of a sharded model: which tensor is in which of `weights`.
  std::map<std::string, std::size_t> shard_of;

  /// Of all weights' bytes. Throws DataError.
  Sha256Digest digest() const;
};

/// `path`: a .safetensors file; a NAME.safetensors.index.json, which maps tensors to files beside
/// it; or a folder with model.safetensors, with its index, or with one such file of another name.
/// Throws DataError: nothing there, several, one shard of several, an index that is damaged or
/// names files elsewhere.
ModelFiles find_model(const std::filesystem::path& path);

}  // namespace blindtuner::features
