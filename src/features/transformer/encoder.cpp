#include "features/transformer/encoder.h"

#include <cmath>
#include <numeric>

#include "base/error.h"
#include "base/interrupt.h"

namespace blindtuner::features::layers {
namespace {

// Rows of the products on tokens that are read: the processor's tiles are full, and few are wasted.
constexpr std::size_t kReadRows = 16;

}  // namespace

Encoder::Encoder(const EncoderShape& shape, std::size_t depth)
    : shape_(shape),
      depth_(depth),
      read_rows_(
          std::max(shape.reads, kReadRows - kReadRows % std::max<std::size_t>(1, shape.reads))),
      attention_(shape.heads, shape.heads == 0 ? 0 : shape.width / shape.heads, shape.biased) {
  require(shape.width % shape.heads == 0 && depth > 0, "Encoder: heads must divide the width");
}

void Encoder::add_block(BlockWeights weights) {
  const std::size_t rows = shape_.rows, width = shape_.width, hidden = shape_.hidden;
  require(weights.qkv.weight.size() == 3 * width * width && weights.qkv.bias.size() == 3 * width &&
              (weights.bias != nullptr) == shape_.biased && blocks_.size() < depth_ && !last_,
          "Encoder: sizes");
  // The softmax's scale goes into the queries.
  const std::size_t head_width = width / shape_.heads;
  const auto scale = static_cast<float>(1 / std::sqrt(static_cast<double>(head_width)));
  for (std::size_t i = 0; i < width * width; ++i) weights.qkv.weight[i] *= scale;
  for (std::size_t i = 0; i < width; ++i) weights.qkv.bias[i] *= scale;
  if (shape_.reads > 0 && blocks_.size() + 1 == depth_) {
    add_last(std::move(weights));
    return;
  }
  blocks_.push_back(
      {LayerNorm(weights.norm1, rows, shape_.epsilon), Linear(weights.qkv, rows, width, 3 * width),
       Linear(weights.projection, rows, width, width, After::kAdd),
       LayerNorm(weights.norm2, rows, shape_.epsilon),
       Linear(weights.fc1, rows, width, hidden, After::kActivation, shape_.activation),
       Linear(weights.fc2, rows, hidden, width, After::kAdd), weights.bias});
}

void Encoder::add_last(BlockWeights weights) {
  const std::size_t width = shape_.width, rows = read_rows_;
  const auto part = [](const std::vector<float>& of, std::size_t begin, std::size_t end) {
    return std::vector<float>(of.begin() + static_cast<std::ptrdiff_t>(begin),
                              of.begin() + static_cast<std::ptrdiff_t>(end));
  };
  const Affine& qkv = weights.qkv;
  const Affine queries{part(qkv.weight, 0, width * width), part(qkv.bias, 0, width)};
  const Affine keys_values{part(qkv.weight, width * width, 3 * width * width),
                           part(qkv.bias, width, 3 * width)};
  last_.emplace(LastBlock{
      LayerNorm(weights.norm1, shape_.rows, shape_.epsilon),
      Linear(keys_values, shape_.rows, width, 2 * width, After::kNothing, Activation::kGelu,
             3 * width),
      {LayerNorm(weights.norm1, rows, shape_.epsilon), Linear(queries, rows, width, width),
       Linear(weights.projection, rows, width, width, After::kAdd),
       LayerNorm(weights.norm2, rows, shape_.epsilon),
       Linear(weights.fc1, rows, width, shape_.hidden, After::kActivation, shape_.activation),
       Linear(weights.fc2, rows, shape_.hidden, width, After::kAdd), weights.bias}});
}

std::unique_ptr<Encoder::Buffers> Encoder::make_buffers(std::size_t longest) const {
  auto out = std::make_unique<Buffers>();
  Workspace& workspace = out->workspace;
  const std::size_t tokens = shape_.rows * shape_.width;
  out->x = workspace.floats(tokens);
  if (shape_.norm_first) out->normed = workspace.floats(tokens);
  // The last block's keys and values begin behind room for queries in the first row.
  out->qkv = workspace.floats(3 * tokens + shape_.width);
  out->scores = workspace.floats(attention_.score_count(longest));
  out->mixed = workspace.floats(std::max(shape_.rows, read_rows_) * shape_.width);
  out->hidden = workspace.floats(std::max(shape_.rows, read_rows_) * shape_.hidden);
  if (shape_.reads > 0) {
    // As many sequences as a pass can hold, and what the last products write behind them.
    out->read = workspace.floats(shape_.reads * tokens + read_rows_ * shape_.width);
    out->queries = workspace.floats(2 * read_rows_ * shape_.width);
  }
  return out;
}

void Encoder::run(Buffers& buffers, std::span<const std::size_t> lengths,
                  std::span<const std::size_t> places, const Between& between) const {
  require(std::accumulate(lengths.begin(), lengths.end(), std::size_t{0}) <= shape_.rows &&
              places.size() == lengths.size() * shape_.reads,
          "Encoder: more tokens than rows, or not the reads of every sequence");
  for (std::size_t i = 0; i < depth_; ++i) {
    throw_if_interrupted();
    if (i > 0 && between) between(i);
    if (i < blocks_.size())
      run_block(blocks_[i], buffers, lengths);
    else
      run_last(buffers, lengths, places);
  }
}

void Encoder::run_block(const Block& block, Buffers& buffers,
                        std::span<const std::size_t> lengths) const {
  auto& [workspace, x, read, normed, qkv, scores, mixed, hidden, queries] = buffers;
  const std::size_t width = shape_.width;
  const bool norm_first = shape_.norm_first;
  const std::span<const float> tokens = norm_first ? normed : x;
  if (norm_first) block.norm1(workspace, x, normed);
  block.qkv(workspace, tokens, qkv);
  std::size_t row = 0;
  for (const std::size_t length : lengths) {
    const auto sequence = qkv.subspan(3 * width * row);
    attention_(workspace, {sequence, 3 * width, {}}, sequence, block.bias.get(), scores,
               mixed.subspan(width * row), length);
    row += length;
  }
  block.projection(workspace, mixed, x);
  norm_first ? block.norm2(workspace, x, normed) : block.norm1(workspace, x, x);
  block.fc1(workspace, tokens, hidden);
  block.fc2(workspace, hidden, x);
  if (!norm_first) block.norm2(workspace, x, x);
}

void Encoder::run_last(Buffers& buffers, std::span<const std::size_t> lengths,
                       std::span<const std::size_t> places) const {
  require(last_.has_value(), "Encoder: blocks are missing");
  const Block& block = last_->block;
  auto& [workspace, x, read, normed, qkv, scores, mixed, hidden, queries] = buffers;
  const std::size_t width = shape_.width, reads = shape_.reads;
  const bool norm_first = shape_.norm_first;
  const std::span<const float> tokens = norm_first ? normed : x;
  if (norm_first) last_->norm_all(workspace, x, normed);
  last_->keys_values(workspace, tokens, qkv.subspan(width));

  // Some sequences at a time, as many as fill the rows of the products.
  const auto asking = queries.first(read_rows_ * width);
  const auto query = queries.subspan(read_rows_ * width);
  std::size_t row = 0;
  for (std::size_t first = 0; first < lengths.size(); first += read_rows_ / reads) {
    const std::size_t end = std::min(lengths.size(), first + read_rows_ / reads);
    const auto out = read.subspan(first * reads * width);
    std::size_t begin = row;
    for (std::size_t i = first * reads; i < end * reads; ++i) {
      const std::size_t length = lengths[i / reads], at = (i - first * reads) * width;
      require(places[i] < length, "Encoder: a read beyond its sequence");
      std::copy_n(&x[(begin + places[i]) * width], width, &out[at]);
      std::copy_n(&tokens[(begin + places[i]) * width], width, &asking[at]);
      if (i % reads == reads - 1) begin += length;
    }
    block.qkv(workspace, asking, query);
    for (std::size_t i = first; i < end; ++i) {
      const std::size_t at = (i - first) * reads * width;
      attention_(workspace, {query.subspan(at), width, places.subspan(i * reads, reads)},
                 qkv.subspan(3 * width * row), block.bias.get(), scores, mixed.subspan(at),
                 lengths[i]);
      row += lengths[i];
    }
    block.projection(workspace, mixed, out);
    const auto normed_out = norm_first ? asking : out;
    norm_first ? block.norm2(workspace, out, asking) : block.norm1(workspace, out, out);
    block.fc1(workspace, normed_out, hidden);
    block.fc2(workspace, hidden, out);
    if (!norm_first) block.norm2(workspace, out, out);
  }
}

}  // namespace blindtuner::features::layers
