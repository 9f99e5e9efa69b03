#include "features/transformer/model_files.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.h"
#include "base/input_file.h"
#include "base/json.h"
#include "base/path.h"
#include "base/sha256.h"

namespace blindtuner::features {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kIndex = ".safetensors.index.json";

/// "model-00002-of-00005": a part of a model.
bool is_shard(const std::string& stem) {
  const std::size_t of = stem.rfind("-of-");
  const auto digits = [](const std::string& text) {
    return !text.empty() &&
           std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
  };
  if (of == std::string::npos || !digits(stem.substr(of + 4))) return false;
  const std::size_t number = stem.rfind('-', of - 1);
  return of > 0 && number != std::string::npos &&
         digits(stem.substr(number + 1, of - number - 1)) &&
         stem.substr(of + 4).find_first_not_of('0') != std::string::npos &&
         std::stoul(stem.substr(of + 4).substr(0, 6)) > 1;
}

ModelFiles from_index(const fs::path& index) {
  const std::string where = quoted_path(index);
  const json all = read_json(index, kMaxIndexBytes);
  const auto map = all.is_object() ? all.find("weight_map") : all.end();
  if (!all.is_object() || map == all.end() || !map->is_object() || map->empty())
    throw DataError(where + ": expected an object with a weight_map of tensors to files");
  ModelFiles out{index.parent_path(), index, {}, {}};
  std::set<std::string> names;
  for (const auto& [tensor, file] : map->items()) {
    const std::string name = file.is_string() ? file.get<std::string>() : std::string();
    if (!name.ends_with(".safetensors") || name.find('/') != std::string::npos)
      throw DataError(where + ": weight_map gives " + json_text(file).substr(0, 80) +
                      " for a tensor, expected the name of a .safetensors file beside it");
    names.insert(name);
  }
  if (names.size() > kMaxShards)
    throw DataError(where + ": " + std::to_string(names.size()) + " files, expected at most " +
                    std::to_string(kMaxShards));
  for (const std::string& name : names) out.weights.push_back(out.folder / name);
  for (const auto& [tensor, file] : map->items())
    out.shard_of[tensor] =
        static_cast<std::size_t>(std::distance(names.begin(), names.find(file.get<std::string>())));
  return out;
}

// NOLINTNEXTLINE(misc-no-recursion): once, for a file in the folder
ModelFiles from_folder(const fs::path& folder) {
  const fs::path whole = folder / "model.safetensors",
                 index = folder / (std::string("model") + kIndex);
  if (path_exists(whole)) return {folder, whole, {whole}, {}};
  if (path_exists(index)) return from_index(index);
  std::vector<fs::path> found;
  bool shards = false, pickled = false;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (name.ends_with(kIndex)) found.push_back(it->path());
    pickled = pickled || name.ends_with(".bin") || name.ends_with(".pth") || name.ends_with(".pt");
    if (!name.ends_with(".safetensors")) continue;
    const bool part = is_shard(it->path().stem().string());
    if (!part) found.push_back(it->path());
    shards = shards || part;
  }
  if (error) throw DataError("cannot read " + quoted_path(folder) + ": " + error.message());
  if (found.size() == 1) return find_model(found[0]);
  std::string what = "no model.safetensors";
  if (found.size() > 1)
    what = std::to_string(found.size()) + " models; name the one that is meant";
  else if (shards)
    what = std::string("parts of a model without model") + kIndex;
  else if (pickled)
    what += "; only .safetensors is read, and not what PyTorch pickles (.bin, .pt, .pth)";
  throw DataError(quoted_path(folder) + ": " + what);
}

}  // namespace

Sha256Digest ModelFiles::digest() const {
  if (weights.size() == 1) return file_digest(weights[0]);
  Sha256 sum;
  for (const fs::path& path : weights) sum.add(file_digest(path));
  return sum.finish();
}

// NOLINTNEXTLINE(misc-no-recursion): likewise
ModelFiles find_model(const fs::path& path) {
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) return from_folder(path);
  if (path.filename().string().ends_with(kIndex)) return from_index(path);
  if (is_shard(path.stem().string()))
    throw DataError(quoted_path(path) + ": one part of a model; name its folder, or its model" +
                    kIndex);
  return {path.parent_path(), path, {path}, {}};
}

}  // namespace blindtuner::features
