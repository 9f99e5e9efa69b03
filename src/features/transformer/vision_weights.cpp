#include "features/transformer/vision_weights.h"

#include <algorithm>

#include "base/error.h"
#include "features/transformer/positions.h"

namespace blindtuner::features {
namespace {

using layers::Affine;
using layers::ScoreBias;

/// Rows of a product times a factor each.
void scale_rows(Affine& affine, std::span<const float> factors) {
  const std::size_t width = affine.weight.size() / factors.size();
  for (std::size_t i = 0; i < affine.weight.size(); ++i) affine.weight[i] *= factors[i / width];
  for (std::size_t i = 0; i < affine.bias.size(); ++i) affine.bias[i] *= factors[i];
}

Affine read_qkv(Checkpoint& checkpoint, const VisionNames& names, const VisionConfig& config,
                const std::string& block, const std::vector<bool>& biased) {
  const std::size_t width = config.width;
  const auto part = [&](std::size_t i, std::size_t out) {
    return checkpoint.linear(block + names.qkv[i], width, out, biased[i]);
  };
  if (!names.joined_qkv) return stack(part(0, width), part(1, width), part(2, width));
  Affine out = part(0, 3 * width);
  for (std::size_t i : {0, 1}) {
    if (names.qkv_bias[i].empty()) continue;
    const auto bias = checkpoint.read(block + names.qkv_bias[i], {width});
    std::copy(bias.begin(), bias.end(),
              out.bias.begin() + static_cast<std::ptrdiff_t>(2 * i * width));
  }
  return out;
}

/// The table of offsets as one of all pairs of tokens: the class token first, then the patches.
std::shared_ptr<const ScoreBias> read_offsets(Checkpoint& checkpoint, const std::string& name,
                                              const VisionConfig& config) {
  const std::size_t grid = config.grid(), side = 2 * grid - 1, tokens = config.tokens(),
                    heads = config.heads;
  const auto table = checkpoint.read(name, {side * side + 3, heads});
  auto bias = std::make_shared<ScoreBias>();
  bias->longest = tokens;
  bias->by_distance = false;
  bias->table.resize(heads * bias->row());
  for (std::size_t query = 0; query < tokens; ++query)
    for (std::size_t key = 0; key < tokens; ++key) {
      // The last three: from the class token, to it, and from it to itself.
      std::size_t row = side * side + (query == 0 ? key == 0 ? 2 : 0 : 1);
      if (query > 0 && key > 0) {
        const std::size_t q = query - 1, k = key - 1;
        row = (q / grid + grid - 1 - k / grid) * side + q % grid + grid - 1 - k % grid;
      }
      for (std::size_t head = 0; head < heads; ++head)
        bias->table[head * bias->row() + query * tokens + key] = table[row * heads + head];
    }
  return bias;
}

}  // namespace

std::vector<std::shared_ptr<const ScoreBias>> read_all_offsets(Checkpoint& checkpoint,
                                                               const VisionNames& names,
                                                               const VisionConfig& config) {
  if (names.offsets.empty()) return {};
  const bool own = checkpoint.contains(names.block(0) + names.offsets);
  if (!own && !checkpoint.contains(names.shared_offsets)) return {};
  if (config.tokens() > kMaxOffsetTokens)
    throw DataError(checkpoint.where() + ": " + std::to_string(config.tokens()) +
                    " tokens with a bias for every two, expected at most " +
                    std::to_string(kMaxOffsetTokens));
  std::vector<std::shared_ptr<const ScoreBias>> out;
  for (std::size_t i = 0; i < config.depth; ++i)
    out.push_back(own || i == 0
                      ? read_offsets(checkpoint,
                                     own ? names.block(i) + names.offsets : names.shared_offsets,
                                     config)
                      : out.front());
  return out;
}

layers::BlockWeights read_vision_block(Checkpoint& checkpoint, const VisionNames& names,
                                       const VisionConfig& config, std::size_t number) {
  const std::string block = names.block(number);
  const std::size_t width = config.width, hidden = config.hidden;
  // Some models have no biases here; one that has them in some blocks only is damaged.
  std::vector<bool> biased;
  for (const std::string& name : names.qkv) {
    bool any = false;
    for (std::size_t i = 0; i < config.depth && !name.empty(); ++i)
      any = any || checkpoint.contains(names.block(i) + name + ".bias");
    biased.push_back(any);
  }
  layers::BlockWeights weights;
  weights.norm1 = checkpoint.norm(block + names.norm1, width);
  weights.qkv = read_qkv(checkpoint, names, config, block, biased);
  weights.projection = checkpoint.linear(block + names.projection, width, width);
  weights.norm2 = checkpoint.norm(block + names.norm2, width);
  weights.fc1 = checkpoint.linear(block + names.fc1, width, hidden);
  weights.fc2 = checkpoint.linear(block + names.fc2, hidden, width);
  const auto scale = [&](const std::string& name, Affine& half) {
    if (name.empty()) return;
    bool any = false;
    for (std::size_t i = 0; i < config.depth; ++i)
      any = any || checkpoint.contains(names.block(i) + name);
    if (any) scale_rows(half, checkpoint.read(block + name, {width}));
  };
  scale(names.scale1, weights.projection);
  scale(names.scale2, weights.fc2);
  return weights;
}

std::vector<float> read_vision_tokens(Checkpoint& checkpoint, const VisionNames& names,
                                      const VisionConfig& config) {
  const std::size_t width = config.width, first = config.first_patch();
  std::vector<float> out(config.tokens() * width);
  if (config.position_grid > 0) {
    const std::size_t extra = config.patch_positions ? 0 : config.distilled ? 2 : 1;
    const std::size_t grid = config.position_grid;
    const auto table = checkpoint.read_rows(names.positions, extra + grid * grid, width);
    std::copy_n(table.begin(), extra * width, out.begin());
    const auto patches = interpolate_positions(std::span(table).subspan(extra * width), grid,
                                               config.grid(), width, names.antialias);
    std::copy(patches.begin(), patches.end(),
              out.begin() + static_cast<std::ptrdiff_t>(first * width));
  }
  const auto add = [&](const std::string& name, std::size_t row, std::size_t rows) {
    const auto tokens = checkpoint.read_rows(name, rows, width);
    for (std::size_t i = 0; i < tokens.size(); ++i) out[row * width + i] += tokens[i];
  };
  add(names.class_token, 0, 1);
  if (config.distilled) add(names.distillation_token, 1, 1);
  if (config.registers > 0) add(names.registers, first - config.registers, config.registers);
  return out;
}

}  // namespace blindtuner::features
