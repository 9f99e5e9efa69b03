// Weights out of a checkpoint by name, and the JSON files that lie beside it.
#pragma once

#include <cstddef>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "transformer/layers.h"
#include "transformer/safetensors.h"

namespace blindtuner {

/// Wider layers and more blocks are refused, so that damaged shapes cannot ask for much memory.
inline constexpr std::size_t kMaxWidth = std::size_t{1} << 16, kMaxBlocks = 1000;
/// Tokens of a text or a picture: attention's scores take 4 tokens^2 bytes a thread.
inline constexpr std::size_t kMaxTokens = 8192;
/// Bytes of a settings file beside a model (config.json and the like).
inline constexpr std::uint64_t kMaxSettingsBytes = std::uint64_t{4} << 20;

/// Reads tensors and keeps account of them. Names are looked up below a prefix ("vit.") first, then
/// as they are. Everything throws DataError that names the tensor in full.
class Checkpoint {
 public:
  explicit Checkpoint(const std::filesystem::path& path) : file_(path) {}
  const std::string& where() const { return file_.where(); }

  /// What stands before `name` in the one tensor that ends with it at a word's end; none if there
  /// is no such tensor.
  std::optional<std::string> prefix_of(const std::string& name) const;
  void set_prefix(std::string prefix) { prefix_ = std::move(prefix); }
  const std::string& prefix() const { return prefix_; }

  bool contains(const std::string& name) const { return file_.contains(full(name)); }
  /// Its shape, which must have this many dimensions.
  const Shape& shape(const std::string& name, std::size_t dimensions) const;
  std::vector<float> read(const std::string& name, const Shape& expected);
  /// name.weight (out x in) and name.bias (out; zeros when `biased` is false).
  layers::Affine linear(const std::string& name, std::size_t in, std::size_t out,
                        bool biased = true);
  /// name.weight and name.bias, both of this width.
  layers::Affine norm(const std::string& name, std::size_t width);
  /// 1 + the largest number that stands between `before` and a dot.
  std::size_t count_blocks(const std::string& before) const;
  /// Throws DataError when a tensor was not read whose name starts with none of `ignored`: the
  /// model has a part that would be left out.
  void refuse_unread(const std::vector<std::string>& ignored) const;

 private:
  std::string full(const std::string& name) const;

  SafetensorsFile file_;
  std::string prefix_;
  std::set<std::string> read_;
};

/// The products for queries, keys and values, one after the other.
layers::Affine stack(const layers::Affine& queries, const layers::Affine& keys,
                     const layers::Affine& values);

/// The object (or list) in a small JSON file; an empty one when there is no such file. Throws
/// DataError when it is damaged.
nlohmann::json read_settings(const std::filesystem::path& path, bool list = false);
/// Members of such an object: `otherwise` when absent or null. Throw DataError that starts with
/// `where` when they are of another type or out of range.
double setting(const nlohmann::json& settings, const char* key, double otherwise, double least,
               double most, const std::string& where);
std::size_t whole_setting(const nlohmann::json& settings, const char* key, std::size_t otherwise,
                          std::size_t least, std::size_t most, const std::string& where);
std::string word_setting(const nlohmann::json& settings, const char* key,
                         const std::string& otherwise, const std::string& where);
bool flag_setting(const nlohmann::json& settings, const char* key, bool otherwise,
                  const std::string& where);
/// "gelu" and its approximations by name. Throws DataError.
layers::Activation activation_named(const std::string& name, const std::string& where);

}  // namespace blindtuner
