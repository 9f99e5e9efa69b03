#include "features/transformer/text_encoder.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "base/error.h"
#include "features/transformer/encoder.h"

namespace blindtuner::features {

using layers::Encoder;
using layers::ScoreBias;

namespace {

// Texts are taken together, without padding, until they fill this many rows.
constexpr std::size_t kRows = 256;
// Rows of the last norm, where it is not of every token.
constexpr std::size_t kNormRows = 16;

using Kind = TokenPart::Kind;

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

/// What a kind adds to attention scores: MPNet its buckets' numbers, CLIP's text tower what keeps
/// tokens from those behind them.
std::shared_ptr<const ScoreBias> read_bias(Checkpoint& checkpoint, const TextNames& names,
                                           const TextConfig& config) {
  if (config.buckets == 0 && !config.causal) return nullptr;
  std::vector<float> values;
  if (config.buckets > 0) values = checkpoint.read(names.distances, {config.buckets, config.heads});
  auto bias = std::make_shared<ScoreBias>();
  bias->longest = config.max_tokens;
  const auto longest = static_cast<std::ptrdiff_t>(config.max_tokens);
  for (std::size_t head = 0; head < config.heads; ++head)
    for (std::ptrdiff_t distance = 1 - longest; distance < longest; ++distance)
      bias->table.push_back(config.causal
                                ? (distance > 0 ? -1e30f : 0.0f)
                                : values[bucket(distance, config.buckets) * config.heads + head]);
  return bias;
}

layers::BlockWeights read_block(Checkpoint& checkpoint, const TextNames& names,
                                const TextConfig& config, std::size_t number) {
  const std::string block = names.block(number);
  const std::size_t width = config.width, hidden = config.hidden;
  const auto square = [&](const std::string& name) {
    return checkpoint.linear(block + name, width, width);
  };
  layers::BlockWeights weights;
  weights.qkv = stack(square(names.queries), square(names.keys), square(names.values));
  weights.projection = square(names.projection);
  weights.norm1 = checkpoint.norm(block + names.norm1, width);
  weights.fc1 = checkpoint.linear(block + names.fc1, width, hidden);
  weights.fc2 = checkpoint.linear(block + names.fc2, hidden, width);
  weights.norm2 = checkpoint.norm(block + names.norm2, width);
  return weights;
}

/// One token of a text is enough.
bool is_place(TextMode mode) {
  return mode == TextMode::kFirst || mode == TextMode::kLast || mode == TextMode::kClosing;
}

/// `count` tokens behind each other, made one vector of `width` behind `out`.
void pool_tokens(TextMode mode, const float* tokens, std::size_t count, std::size_t width,
                 std::vector<float>& out) {
  std::vector<float> sum(width, mode == TextMode::kMax ? -INFINITY : 0.0f);
  float weights = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const float weight = mode == TextMode::kWeightedMean ? static_cast<float>(i + 1) : 1.0f;
    weights += weight;
    for (std::size_t j = 0; j < width; ++j) {
      const float value = tokens[i * width + j];
      sum[j] = mode == TextMode::kMax ? std::max(sum[j], value) : sum[j] + weight * value;
    }
  }
  const float divisor = mode == TextMode::kMax        ? 1.0f
                        : mode == TextMode::kMeanSqrt ? std::sqrt(weights)
                                                      : weights;
  for (float& value : sum) value /= divisor;
  out.insert(out.end(), sum.begin(), sum.end());
}

}  // namespace

struct TextEncoder::Network {
  TextConfig config;
  PoolingPlan pooling;
  Sha256Digest digest{};
  std::size_t rows;
  std::vector<TextMode> places;  // tokens of a text that are read of the last block; none: all
  std::vector<float> words;      // vocabulary x width
  std::vector<float> positions;  // positions x width, the first token type added
  layers::LayerNorm norm;
  std::unique_ptr<Encoder> encoder;
  layers::LayerNorm final_norm, final_norm_all;  // of kNormRows and of all rows
  bool embedding_normed = false, final_normed = false;

  Network(const TextConfig& c, const TextNames& names, Checkpoint& checkpoint, PoolingPlan plan);

  struct Buffers {
    std::unique_ptr<Encoder::Buffers> encoder;
    std::vector<std::span<float>> earlier;  // class tokens of blocks before the last, texts x width
  };
  Buffers make_buffers() const;
  TextMode class_mode() const { return config.causal ? TextMode::kClosing : TextMode::kFirst; }
  std::size_t place(TextMode mode, std::span<const std::int32_t> text) const;
  std::size_t part_width(const TokenPart& part) const;
  std::size_t feature_count() const {
    std::size_t sum = 0;
    for (const TokenPart& part : pooling.parts()) sum += part_width(part);
    return sum;
  }
  void apply_final_norm(layers::Workspace& workspace, std::span<float> tokens,
                        std::size_t count) const;
  void run(Buffers& buffers, std::span<const std::int32_t> tokens,
           std::span<const std::size_t> lengths, std::span<float> features) const;
  void append_mode(TextMode mode, std::span<const float> x, std::span<const std::int32_t> text,
                   std::vector<float>& out) const;
};

TextEncoder::Network::Network(const TextConfig& c, const TextNames& names, Checkpoint& checkpoint,
                              PoolingPlan plan)
    : config(c),
      pooling(std::move(plan)),
      rows(std::max(kRows, c.max_tokens)),
      words(checkpoint.read(names.words, {c.vocabulary, c.width})),
      positions(checkpoint.read(names.positions, {c.positions, c.width})) {
  pooling = pooling.within(c.depth, checkpoint.where());
  if (c.token_types > 0) {
    const auto types = checkpoint.read(names.types, {c.token_types, c.width});
    for (std::size_t i = 0; i < positions.size(); ++i) positions[i] += types[i % c.width];
  }
  embedding_normed = !names.embedding_norm.empty();
  if (embedding_normed)
    norm = layers::LayerNorm(checkpoint.norm(names.embedding_norm, c.width), rows, c.epsilon);
  if (!names.embedding.empty() && checkpoint.contains(names.embedding + ".weight")) {
    const std::size_t out = checkpoint.shape(names.embedding + ".weight", 2)[0];
    if (out > kMaxWidth)
      throw DataError(checkpoint.where() + ": an embedding of " + std::to_string(out) +
                      ", expected at most " + std::to_string(kMaxWidth));
    SentenceStep projection;
    projection.kind = SentenceStep::Kind::kDense;
    projection.dense = checkpoint.linear(names.embedding, c.width, out, false);
    config.steps.insert(config.steps.begin(), std::move(projection));
  }
  std::size_t step_in = config.modes.size() * c.width;
  for (const SentenceStep& step : config.steps) {
    if (step.kind == SentenceStep::Kind::kDense &&
        step.dense.weight.size() != step_in * step.dense.bias.size())
      throw DataError(checkpoint.where() + ": pooling gives " + std::to_string(step_in) +
                      " numbers, but the product behind it takes " +
                      std::to_string(step.dense.weight.size() / step.dense.bias.size()));
    step_in = step.out(step_in);
  }

  const bool own = pooling.contains(Kind::kModel);
  bool all = pooling.contains(Kind::kMean);
  if (own)
    for (const TextMode mode : config.modes) {
      all = all || !is_place(mode);
      places.push_back(mode);
    }
  if (pooling.contains(Kind::kClass)) places.push_back(class_mode());
  std::sort(places.begin(), places.end());
  places.erase(std::unique(places.begin(), places.end()), places.end());
  if (all) places.clear();
  encoder = std::make_unique<Encoder>(layers::EncoderShape{.rows = rows,
                                                           .width = c.width,
                                                           .heads = c.heads,
                                                           .hidden = c.hidden,
                                                           .epsilon = c.epsilon,
                                                           .norm_first = c.norm_first,
                                                           .activation = c.activation,
                                                           .biased = c.buckets > 0 || c.causal,
                                                           .reads = places.size()},
                                      c.depth);
  const auto bias = read_bias(checkpoint, names, c);
  for (std::size_t i = 0; i < c.depth; ++i) {
    layers::BlockWeights block = read_block(checkpoint, names, c, i);
    block.bias = bias;
    encoder->add_block(std::move(block));
  }
  final_normed = !names.final_norm.empty();
  if (!final_normed) return;
  const layers::Affine last = checkpoint.norm(names.final_norm, c.width);
  final_norm = layers::LayerNorm(last, kNormRows, c.epsilon);
  final_norm_all = layers::LayerNorm(last, rows, c.epsilon);
}

TextEncoder::Network::Buffers TextEncoder::Network::make_buffers() const {
  Buffers out;
  out.encoder = encoder->make_buffers(config.max_tokens);
  for (std::size_t i = 0; i < pooling.deepest(); ++i)
    out.earlier.push_back(out.encoder->workspace.floats((rows + kNormRows) * config.width));
  return out;
}

std::size_t TextEncoder::Network::part_width(const TokenPart& part) const {
  if (part.kind != Kind::kModel) return config.width;
  std::size_t width = config.modes.size() * config.width;
  for (const SentenceStep& step : config.steps) width = step.out(width);
  return width;
}

std::size_t TextEncoder::Network::place(TextMode mode, std::span<const std::int32_t> text) const {
  if (mode == TextMode::kFirst) return 0;
  if (mode == TextMode::kLast) return text.size() - 1;
  const auto largest = std::max_element(text.begin(), text.end());
  const auto found = std::find(text.begin(), text.end(), static_cast<std::int32_t>(config.closing));
  const auto at = config.closing == 0 || found == text.end() ? largest : found;
  return static_cast<std::size_t>(at - text.begin());
}

void TextEncoder::Network::apply_final_norm(layers::Workspace& workspace, std::span<float> tokens,
                                            std::size_t count) const {
  if (!final_normed) return;
  for (std::size_t row = 0; row < count; row += kNormRows) {
    const auto some = tokens.subspan(row * config.width, kNormRows * config.width);
    final_norm(workspace, some, some);
  }
}

/// `x`: the text's tokens, or those of `places`.
void TextEncoder::Network::append_mode(TextMode mode, std::span<const float> x,
                                       std::span<const std::int32_t> text,
                                       std::vector<float>& out) const {
  const std::size_t width = config.width;
  if (!is_place(mode)) {
    pool_tokens(mode, x.data(), text.size(), width, out);
    return;
  }
  const auto at = places.empty()
                      ? place(mode, text)
                      : static_cast<std::size_t>(std::find(places.begin(), places.end(), mode) -
                                                 places.begin());
  const auto token = x.subspan(at * width, width);
  out.insert(out.end(), token.begin(), token.end());
}

void TextEncoder::Network::run(Buffers& buffers, std::span<const std::int32_t> tokens,
                               std::span<const std::size_t> lengths,
                               std::span<float> features) const {
  Encoder::Buffers& inner = *buffers.encoder;
  const std::size_t width = config.width;
  std::vector<std::span<const std::int32_t>> texts;
  std::vector<std::size_t> reads, begins;
  std::size_t row = 0;
  for (const std::size_t length : lengths) {
    begins.push_back(row);
    texts.push_back(tokens.subspan(row, length));
    for (const TextMode mode : places) reads.push_back(place(mode, texts.back()));
    for (std::size_t i = 0; i < length; ++i, ++row) {
      const float* word = &words[static_cast<std::size_t>(tokens[row]) * width];
      const float* position = &positions[(config.first_position + i) * width];
      for (std::size_t j = 0; j < width; ++j) inner.x[row * width + j] = word[j] + position[j];
    }
  }
  if (embedding_normed) norm(inner.workspace, inner.x, inner.x);
  encoder->run(inner, lengths, reads, [&](std::size_t blocks) {
    const std::size_t back = config.depth - blocks;
    if (back > buffers.earlier.size()) return;
    for (std::size_t i = 0; i < texts.size(); ++i)
      std::copy_n(&inner.x[(begins[i] + place(class_mode(), texts[i])) * width], width,
                  &buffers.earlier[back - 1][i * width]);
  });
  if (places.empty() && final_normed) final_norm_all(inner.workspace, inner.x, inner.x);
  if (!places.empty()) apply_final_norm(inner.workspace, inner.read, reads.size());
  for (const std::span<float> some : buffers.earlier)
    apply_final_norm(inner.workspace, some, texts.size());

  float* out = features.data();
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const std::span<const float> x = places.empty() ? inner.x.subspan(begins[i] * width)
                                                    : inner.read.subspan(i * places.size() * width);
    for (const TokenPart& part : pooling.parts()) {
      std::vector<float> piece;
      if (part.kind == Kind::kModel) {
        for (const TextMode mode : config.modes) append_mode(mode, x, texts[i], piece);
        for (const SentenceStep& step : config.steps) step.apply(piece);
      } else if (part.kind == Kind::kMean) {
        append_mode(TextMode::kMean, x, texts[i], piece);
      } else if (part.back == 0) {
        append_mode(class_mode(), x, texts[i], piece);
      } else {
        const float* token = &buffers.earlier[part.back - 1][i * width];
        piece.assign(token, token + width);
      }
      out = std::copy(piece.begin(), piece.end(), out);
    }
  }
}

TextEncoder::TextEncoder(std::unique_ptr<const Network> network) : network_(std::move(network)) {}
TextEncoder::~TextEncoder() = default;
TextEncoder::TextEncoder(TextEncoder&&) noexcept = default;
TextEncoder& TextEncoder::operator=(TextEncoder&&) noexcept = default;

TextEncoder TextEncoder::load(const std::filesystem::path& path, PoolingPlan pooling) {
  std::error_code ignored;
  const bool is_folder = std::filesystem::is_directory(path, ignored);
  const SentenceModules modules = read_sentence_modules(is_folder ? path : path.parent_path());
  const ModelFiles files = find_model(is_folder ? modules.transformer : path);
  Checkpoint checkpoint(files);
  const TextNames* names = nullptr;
  const TextConfig config = read_text_config(modules, checkpoint, names);
  std::unique_ptr<Network> network;
  layers::with_memory(
      [&] { network = std::make_unique<Network>(config, *names, checkpoint, std::move(pooling)); });
  checkpoint.refuse_unread(names->ignored);
  Sha256 digest;
  digest.add(files.digest());
  for (const SentenceStep& step : modules.steps) {
    const auto& [weight, bias] = step.dense;
    digest.add(weight.data(), weight.size() * sizeof(float));
    digest.add(bias.data(), bias.size() * sizeof(float));
    digest.add_number(static_cast<std::uint64_t>(step.kind) * 8 +
                      static_cast<std::uint64_t>(step.after));
  }
  network->digest = digest.finish();
  return TextEncoder(std::move(network));
}

const TextConfig& TextEncoder::config() const { return network_->config; }
const PoolingPlan& TextEncoder::pooling() const { return network_->pooling; }
Sha256Digest TextEncoder::digest() const { return network_->digest; }
std::size_t TextEncoder::part_width(const TokenPart& part) const {
  return network_->part_width(part);
}
std::size_t TextEncoder::feature_count() const { return network_->feature_count(); }

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
  require(
      token == tokens.size() && features.size() == lengths.size() * width,
      "TextEncoder: lengths must add up to the tokens, features must be texts x feature_count()");
  layers::for_each_pass(
      passes.size(), [&] { return network_->make_buffers(); },
      [&](Network::Buffers& buffers, std::size_t number) {
        const Pass& pass = passes[number];
        network_->run(buffers, tokens.subspan(pass.token, pass.tokens),
                      lengths.subspan(pass.text, pass.texts),
                      features.subspan(pass.text * width, pass.texts * width));
      });
}

}  // namespace blindtuner::features
