// Weights out of a checkpoint by name.
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "features/transformer/layers.h"
#include "features/transformer/model_files.h"
#include "features/transformer/safetensors.h"

namespace blindtuner::features {

/// Wider layers and more blocks are refused, so that damaged shapes cannot ask for much memory.
inline constexpr std::size_t kMaxWidth = std::size_t{1} << 16, kMaxBlocks = 1000;
/// Tokens of a text or a picture: attention's scores take 4 tokens^2 bytes a thread.
inline constexpr std::size_t kMaxTokens = 8192;

/// Reads tensors and keeps account of them. Names are looked up below a prefix ("vit.") first, then
/// as they are. Everything throws DataError that names the tensor in full.
class Checkpoint {
 public:
  /// Opens every file (model_files.h). A sharded model's files must hold what the index says.
  explicit Checkpoint(const ModelFiles& files);
  explicit Checkpoint(const std::filesystem::path& path) : Checkpoint(find_model(path)) {}
  /// Opens messages about the whole of it.
  const std::string& where() const { return where_; }

  /// What stands before `name` in the one tensor that ends with it at a word's end; none if there
  /// is no such tensor.
  std::optional<std::string> prefix_of(const std::string& name) const;
  void set_prefix(std::string prefix) { prefix_ = std::move(prefix); }
  const std::string& prefix() const { return prefix_; }

  bool contains(const std::string& name) const { return tensors_.count(full(name)) != 0; }
  /// Its shape, which must have this many dimensions.
  const Shape& shape(const std::string& name, std::size_t dimensions) const;
  const Shape& shape(const std::string& name) const;
  /// Of a table: [rows, width], [1, rows, width] or, of one row, [width].
  std::pair<std::size_t, std::size_t> rows(const std::string& name) const;
  std::vector<float> read(const std::string& name, const Shape& expected);
  /// Such a table.
  std::vector<float> read_rows(const std::string& name, std::size_t rows, std::size_t width);
  /// name.weight (out x in) and name.bias (out; zeros when `biased` is false).
  layers::Affine linear(const std::string& name, std::size_t in, std::size_t out,
                        bool biased = true);
  /// name.weight and name.bias, both of this width; of very old files name.gamma and name.beta.
  layers::Affine norm(const std::string& name, std::size_t width);
  /// 1 + the largest number that stands between `before` and a dot.
  std::size_t count_blocks(const std::string& before) const;
  /// Throws DataError when a tensor was not read whose name starts with none of `ignored`: the
  /// model has a part that would be left out. Buffers that follow from other tensors (of
  /// positions' numbers) do not count.
  void refuse_unread(const std::vector<std::string>& ignored) const;

 private:
  std::string full(const std::string& name) const;

  const SafetensorsFile& file_of(const std::string& full) const;

  std::string where_;
  std::vector<std::unique_ptr<const SafetensorsFile>> files_;
  std::map<std::string, const SafetensorsFile*> tensors_;
  std::string prefix_;
  std::set<std::string> read_;
};

/// The products for queries, keys and values, one after the other.
layers::Affine stack(const layers::Affine& queries, const layers::Affine& keys,
                     const layers::Affine& values);

}  // namespace blindtuner::features
