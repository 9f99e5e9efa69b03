#include "transformer/encoder.h"

#include <cmath>
#include <numeric>

#include "base/error.h"
#include "base/interrupt.h"

namespace blindtuner::layers {

Encoder::Encoder(const EncoderShape& shape, RelativeBias bias)
    : shape_(shape),
      attention_(shape.heads, shape.heads == 0 ? 0 : shape.width / shape.heads, std::move(bias)) {
  require(shape.width % shape.heads == 0, "Encoder: heads must divide the width");
}

void Encoder::add_block(BlockWeights weights) {
  const auto [rows, width, heads, hidden, epsilon, norm_first, activation] = shape_;
  require(weights.qkv.weight.size() == 3 * width * width && weights.qkv.bias.size() == 3 * width,
          "Encoder: sizes");
  // The softmax's scale goes into the queries.
  const auto scale = static_cast<float>(1 / std::sqrt(static_cast<double>(width / heads)));
  for (std::size_t i = 0; i < width * width; ++i) weights.qkv.weight[i] *= scale;
  for (std::size_t i = 0; i < width; ++i) weights.qkv.bias[i] *= scale;
  blocks_.push_back({LayerNorm(weights.norm1, rows, epsilon),
                     Linear(weights.qkv, rows, width, 3 * width),
                     Linear(weights.projection, rows, width, width, After::kAdd),
                     LayerNorm(weights.norm2, rows, epsilon),
                     Linear(weights.fc1, rows, width, hidden, After::kActivation, activation),
                     Linear(weights.fc2, rows, hidden, width, After::kAdd)});
}

std::unique_ptr<Encoder::Buffers> Encoder::make_buffers(std::size_t longest) const {
  auto out = std::make_unique<Buffers>();
  const std::size_t tokens = shape_.rows * shape_.width;
  out->x = out->workspace.floats(tokens);
  if (shape_.norm_first) out->normed = out->workspace.floats(tokens);
  out->qkv = out->workspace.floats(3 * tokens);
  out->scores = out->workspace.floats(attention_.score_count(longest));
  out->mixed = out->workspace.floats(tokens);
  out->hidden = out->workspace.floats(shape_.rows * shape_.hidden);
  return out;
}

void Encoder::run(Buffers& buffers, std::span<const std::size_t> lengths) const {
  auto& [workspace, x, normed, qkv, scores, mixed, hidden] = buffers;
  const std::size_t width = shape_.width;
  require(std::accumulate(lengths.begin(), lengths.end(), std::size_t{0}) <= shape_.rows,
          "Encoder: more tokens than rows");
  const bool norm_first = shape_.norm_first;
  const std::span<const float> tokens = norm_first ? normed : x;
  for (const Block& block : blocks_) {
    throw_if_interrupted();
    if (norm_first) block.norm1(workspace, x, normed);
    block.qkv(workspace, tokens, qkv);
    std::size_t row = 0;
    for (const std::size_t length : lengths) {
      attention_(workspace, qkv.subspan(3 * width * row), scores, mixed.subspan(width * row),
                 length);
      row += length;
    }
    block.projection(workspace, mixed, x);
    norm_first ? block.norm2(workspace, x, normed) : block.norm1(workspace, x, x);
    block.fc1(workspace, tokens, hidden);
    block.fc2(workspace, hidden, x);
    if (!norm_first) block.norm2(workspace, x, x);
  }
}

}  // namespace blindtuner::layers
