#include "transformer/text_encoder.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <vector>

#include "base/error.h"
#include "transformer/encoder.h"

namespace blindtuner {

using layers::Encoder;
using layers::RelativeBias;

namespace {

// Texts are taken together, without padding, until they fill this many rows.
constexpr std::size_t kRows = 256;

/// MPNet's bucket of a distance (key minus query), as its authors compute it, in single precision:
/// near ones have their own, those up to 128 share on a logarithmic scale.
std::size_t bucket(std::ptrdiff_t distance, std::size_t buckets) {
  const std::size_t half = buckets / 2, exact = half / 2;
  const auto n = static_cast<std::size_t>(std::abs(distance));
  const std::size_t side = distance > 0 ? half : 0;
  if (n < exact) return side + n;
  const float scale = static_cast<float>(std::log(128.0 / static_cast<double>(exact)));
  const float steps = std::log(static_cast<float>(n) / static_cast<float>(exact)) / scale *
                      static_cast<float>(half - exact);
  return side + std::min(half - 1, exact + static_cast<std::size_t>(steps));
}

RelativeBias read_bias(Checkpoint& checkpoint, const TextConfig& config) {
  if (!config.mpnet) return {};
  const auto values =
      checkpoint.read("encoder.relative_attention_bias.weight", {config.buckets, config.heads});
  RelativeBias bias;
  bias.longest = config.max_tokens;
  const auto longest = static_cast<std::ptrdiff_t>(config.max_tokens);
  for (std::size_t head = 0; head < config.heads; ++head)
    for (std::ptrdiff_t distance = 1 - longest; distance < longest; ++distance)
      bias.table.push_back(values[bucket(distance, config.buckets) * config.heads + head]);
  return bias;
}

layers::BlockWeights read_block(Checkpoint& checkpoint, const TextConfig& config,
                                std::size_t number) {
  const std::string block = "encoder.layer." + std::to_string(number) + ".";
  const std::size_t width = config.width, hidden = config.hidden;
  const auto square = [&](const char* bert, const char* mpnet) {
    return checkpoint.linear(block + "attention." + (config.mpnet ? mpnet : bert), width, width);
  };
  layers::BlockWeights weights;
  weights.qkv = stack(square("self.query", "attn.q"), square("self.key", "attn.k"),
                      square("self.value", "attn.v"));
  weights.projection = square("output.dense", "attn.o");
  weights.norm1 = checkpoint.norm(
      block + (config.mpnet ? "attention.LayerNorm" : "attention.output.LayerNorm"), width);
  weights.fc1 = checkpoint.linear(block + "intermediate.dense", width, hidden);
  weights.fc2 = checkpoint.linear(block + "output.dense", hidden, width);
  weights.norm2 = checkpoint.norm(block + "output.LayerNorm", width);
  return weights;
}

}  // namespace

struct TextEncoder::Network {
  TextConfig config;
  std::size_t rows;
  std::vector<float> words;      // vocabulary x width
  std::vector<float> positions;  // positions x width, the first token type added
  layers::LayerNorm norm;
  Encoder encoder;

  Network(const TextConfig& c, Checkpoint& checkpoint);
  void run(Encoder::Buffers& buffers, std::span<const std::int32_t> tokens,
           std::span<const std::size_t> lengths, std::span<float> features) const;
};

TextEncoder::Network::Network(const TextConfig& c, Checkpoint& checkpoint)
    : config(c),
      rows(std::max(kRows, c.max_tokens)),
      words(checkpoint.read("embeddings.word_embeddings.weight", {c.vocabulary, c.width})),
      positions(checkpoint.read("embeddings.position_embeddings.weight", {c.positions, c.width})),
      norm(checkpoint.norm("embeddings.LayerNorm", c.width), rows, c.epsilon),
      encoder({.rows = rows,
               .width = c.width,
               .heads = c.heads,
               .hidden = c.hidden,
               .epsilon = c.epsilon,
               .norm_first = false,
               .activation = c.activation},
              read_bias(checkpoint, c)) {
  if (c.token_types > 0) {
    const auto types =
        checkpoint.read("embeddings.token_type_embeddings.weight", {c.token_types, c.width});
    for (std::size_t i = 0; i < positions.size(); ++i) positions[i] += types[i % c.width];
  }
  for (std::size_t i = 0; i < c.depth; ++i) encoder.add_block(read_block(checkpoint, c, i));
}

void TextEncoder::Network::run(Encoder::Buffers& buffers, std::span<const std::int32_t> tokens,
                               std::span<const std::size_t> lengths,
                               std::span<float> features) const {
  const std::size_t width = config.width;
  std::size_t row = 0;
  for (const std::size_t length : lengths)
    for (std::size_t i = 0; i < length; ++i, ++row) {
      const float* word = &words[static_cast<std::size_t>(tokens[row]) * width];
      const float* position = &positions[(config.first_position + i) * width];
      for (std::size_t j = 0; j < width; ++j) buffers.x[row * width + j] = word[j] + position[j];
    }
  norm(buffers.workspace, buffers.x, buffers.x);
  encoder.run(buffers, lengths);

  const float* token = buffers.x.data();
  float* out = features.data();
  for (const std::size_t length : lengths) {
    const std::size_t read = config.mean_pooling ? length : 1;
    std::fill_n(out, width, 0.0f);
    for (std::size_t i = 0; i < read; ++i)
      for (std::size_t j = 0; j < width; ++j) out[j] += token[i * width + j];
    float divisor = static_cast<float>(read);
    if (config.normalised) divisor = std::sqrt(std::inner_product(out, out + width, out, 0.0f));
    // As PyTorch's normalize has it.
    divisor = std::max(divisor, 1e-12f);
    for (std::size_t j = 0; j < width; ++j) out[j] /= divisor;
    token += length * width;
    out += width;
  }
}

TextEncoder::TextEncoder(std::unique_ptr<const Network> network) : network_(std::move(network)) {}
TextEncoder::~TextEncoder() = default;
TextEncoder::TextEncoder(TextEncoder&&) noexcept = default;
TextEncoder& TextEncoder::operator=(TextEncoder&&) noexcept = default;

TextEncoder TextEncoder::load(const std::filesystem::path& path) {
  std::error_code ignored;
  const bool is_folder = std::filesystem::is_directory(path, ignored);
  Checkpoint checkpoint(is_folder ? path / "model.safetensors" : path);
  const TextConfig config = read_text_config(is_folder ? path : path.parent_path(), checkpoint);
  std::unique_ptr<const Network> network;
  layers::with_memory([&] { network = std::make_unique<const Network>(config, checkpoint); });
  // Parts of training that embeddings do not use.
  checkpoint.refuse_unread({"pooler.", "embeddings.position_ids", "cls.", "lm_head."});
  return TextEncoder(std::move(network));
}

const TextConfig& TextEncoder::config() const { return network_->config; }
std::size_t TextEncoder::feature_count() const { return config().width; }

void TextEncoder::embed(std::span<const std::int32_t> tokens, std::span<const std::size_t> lengths,
                        std::span<float> features) const {
  struct Pass {
    std::size_t text, texts, token, tokens;
  };
  const std::size_t width = feature_count();
  std::vector<Pass> passes;
  std::size_t token = 0;
  for (std::size_t text = 0; text < lengths.size(); ++text) {
    const std::size_t length = lengths[text];
    require(length > 0 && length <= config().max_tokens && length <= tokens.size() - token,
            "TextEncoder: lengths must be from 1 to max_tokens and add up to the tokens");
    if (passes.empty() || passes.back().tokens + length > network_->rows)
      passes.push_back({text, 0, token, 0});
    ++passes.back().texts;
    passes.back().tokens += length;
    for (const std::size_t end = token + length; token < end; ++token)
      if (tokens[token] < 0 || static_cast<std::size_t>(tokens[token]) >= config().vocabulary)
        throw DataError("token " + std::to_string(tokens[token]) + " in text " +
                        std::to_string(text) + ", but the model's vocabulary has " +
                        std::to_string(config().vocabulary) +
                        ": is the vocabulary's file another model's?");
  }
  require(token == tokens.size() && features.size() == lengths.size() * width,
          "TextEncoder: lengths must add up to the tokens, features must be texts x width");
  layers::for_each_pass(
      passes.size(), [&] { return network_->encoder.make_buffers(config().max_tokens); },
      [&](std::unique_ptr<Encoder::Buffers>& buffers, std::size_t number) {
        const Pass& pass = passes[number];
        network_->run(*buffers, tokens.subspan(pass.token, pass.tokens),
                      lengths.subspan(pass.text, pass.texts),
                      features.subspan(pass.text * width, pass.texts * width));
      });
}

}  // namespace blindtuner
