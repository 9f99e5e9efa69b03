#include "features/transformer/checkpoint.h"

#include <algorithm>
#include <charconv>

#include "base/error.h"
#include "base/path.h"

namespace blindtuner::features {

Checkpoint::Checkpoint(const ModelFiles& files) : where_(quoted_path(files.named)) {
  for (const auto& path : files.weights) {
    files_.push_back(std::make_unique<const SafetensorsFile>(path));
    const SafetensorsFile& file = *files_.back();
    for (const auto& [name, tensor] : file.tensors())
      if (!tensors_.emplace(name, &file).second)
        throw DataError(file.where() + ": tensor '" + name + "' is in another of the files too");
  }
  for (const auto& [name, shard] : files.shard_of)
    if (!files_[shard]->contains(name))
      throw DataError(where_ + ": tensor '" + name + "' is not in " + files_[shard]->where());
}

const SafetensorsFile& Checkpoint::file_of(const std::string& full) const {
  const auto found = tensors_.find(full);
  // Without shards, the file says what is missing.
  if (found == tensors_.end() && files_.size() > 1)
    throw DataError(where_ + ": tensor '" + full + "' is missing");
  return found == tensors_.end() ? *files_.front() : *found->second;
}

std::optional<std::string> Checkpoint::prefix_of(const std::string& name) const {
  for (const auto& [full, file] : tensors_) {
    if (!full.ends_with(name)) continue;
    const std::string prefix = full.substr(0, full.size() - name.size());
    if (prefix.empty() || prefix.back() == '.') return prefix;
  }
  return std::nullopt;
}

std::string Checkpoint::full(const std::string& name) const {
  return tensors_.count(prefix_ + name) == 0 && tensors_.count(name) != 0 ? name : prefix_ + name;
}

const Shape& Checkpoint::shape(const std::string& name) const {
  return file_of(full(name)).tensor(full(name)).shape;
}

const Shape& Checkpoint::shape(const std::string& name, std::size_t dimensions) const {
  const Shape& shape = this->shape(name);
  const bool positive = std::find(shape.begin(), shape.end(), 0u) == shape.end();
  if (shape.size() != dimensions || !positive)
    throw DataError(where() + ": tensor '" + full(name) + "' has shape " + shape_text(shape) +
                    ", expected " + std::to_string(dimensions) + " dimensions, none empty");
  return shape;
}

std::pair<std::size_t, std::size_t> Checkpoint::rows(const std::string& name) const {
  const Shape& is = shape(name);
  if (std::find(is.begin(), is.end(), 0u) != is.end() || is.empty() || is.size() > 3 ||
      (is.size() == 3 && is[0] != 1))
    throw DataError(where() + ": tensor '" + full(name) + "' has shape " + shape_text(is) +
                    ", expected [1, rows, width]");
  return {is.size() == 1 ? 1 : is[is.size() - 2], is.back()};
}

std::vector<float> Checkpoint::read_rows(const std::string& name, std::size_t rows,
                                         std::size_t width) {
  if (this->rows(name) != std::pair(rows, width))
    throw DataError(where() + ": tensor '" + full(name) + "' has shape " + shape_text(shape(name)) +
                    ", expected [1, " + std::to_string(rows) + ", " + std::to_string(width) + "]");
  return read(name, shape(name));
}

std::vector<float> Checkpoint::read(const std::string& name, const Shape& expected) {
  read_.insert(full(name));
  return file_of(full(name)).read(full(name), expected);
}

layers::Affine Checkpoint::linear(const std::string& name, std::size_t in, std::size_t out,
                                  bool biased) {
  layers::Affine affine{read(name + ".weight", {out, in}), std::vector<float>(out)};
  if (biased) affine.bias = read(name + ".bias", {out});
  return affine;
}

layers::Affine Checkpoint::norm(const std::string& name, std::size_t width) {
  const bool old = !contains(name + ".weight") && contains(name + ".gamma");
  return {read(name + (old ? ".gamma" : ".weight"), {width}),
          read(name + (old ? ".beta" : ".bias"), {width})};
}

std::size_t Checkpoint::count_blocks(const std::string& before) const {
  std::size_t blocks = 0;
  const std::string start = prefix_ + before;
  for (const auto& [full, file] : tensors_) {
    if (!full.starts_with(start)) continue;
    std::size_t number = 0;
    const auto [end, error] =
        std::from_chars(full.data() + start.size(), full.data() + full.size(), number);
    if (error != std::errc() || *end != '.' || number >= kMaxBlocks)
      throw DataError(where() + ": tensor '" + full + "': expected a block's number after '" +
                      start + "'");
    blocks = std::max(blocks, number + 1);
  }
  if (blocks == 0) throw DataError(where() + ": no tensor starts with '" + start + "'");
  return blocks;
}

void Checkpoint::refuse_unread(const std::vector<std::string>& ignored) const {
  static const std::string buffers[] = {"position_ids", "relative_position_index"};
  for (const auto& [name, file] : tensors_) {
    const bool known = std::any_of(ignored.begin(), ignored.end(), [&, &all = name](auto& start) {
      return all.starts_with(start) || all.starts_with(prefix_ + start);
    });
    const bool buffer = std::any_of(std::begin(buffers), std::end(buffers),
                                    [&, &all = name](auto& end) { return all.ends_with(end); });
    if (!known && !buffer && read_.count(name) == 0)
      throw DataError(where() + ": tensor '" + name + "' has no place in this kind of model");
  }
}

layers::Affine stack(const layers::Affine& queries, const layers::Affine& keys,
                     const layers::Affine& values) {
  layers::Affine out;
  for (const layers::Affine* part : {&queries, &keys, &values}) {
    out.weight.insert(out.weight.end(), part->weight.begin(), part->weight.end());
    out.bias.insert(out.bias.end(), part->bias.begin(), part->bias.end());
  }
  return out;
}

}  // namespace blindtuner::features
