#include "features/transformer/vision_transformer.h"

#include <algorithm>

#include "base/error.h"
#include "features/transformer/vision_weights.h"

namespace blindtuner::features {

using layers::Affine;
using layers::Encoder;
using layers::Linear;

namespace {

// Small pictures are taken together, so that products have this many rows.
constexpr std::size_t kRowsTogether = 192;

using Kind = TokenPart::Kind;

}  // namespace

struct VisionTransformer::Network {
  VisionConfig config;
  PoolingPlan pooling;
  std::size_t together = 0;      // pictures a pass
  std::size_t first_tokens = 0;  // read of the last block, of every picture; all for a mean
  bool reads_mean = false;
  std::size_t embedding_width = 0;  // of the model's own features, where they are a product
  std::vector<float> tokens;  // tokens x width: positions, with the class token and others added
  Linear patches;
  layers::LayerNorm pre_norm;
  std::unique_ptr<Encoder> encoder;
  layers::LayerNorm norm;      // of `together` tokens
  layers::LayerNorm norm_all;  // of every token, before their mean
  Linear embedding;
  std::vector<Linear> heads;
  bool pre_normed = false, averaged_heads = false;

  Network(const VisionConfig& c, PoolingPlan plan)
      : config(c),
        pooling(std::move(plan)),
        together((kRowsTogether + c.tokens() - 1) / c.tokens()) {}

  void read(Checkpoint& checkpoint, const VisionNames& names);
  void read_heads(Checkpoint& checkpoint, const VisionNames& names);
  std::size_t part_width(const TokenPart& part) const {
    return part.kind == Kind::kModel && embedding_width > 0 ? embedding_width : config.width;
  }
  std::size_t feature_count() const {
    std::size_t sum = 0;
    for (const TokenPart& part : pooling.parts()) sum += part_width(part);
    return sum;
  }

  struct Buffers {
    std::unique_ptr<Encoder::Buffers> encoder;
    std::span<float> patches, logits, embedded;
    std::span<float> mean;                // together x width
    std::vector<std::span<float>> first;  // the last block's first tokens, together x width each
    std::vector<std::span<float>>
        earlier;  // class tokens of blocks before the last, the last of them first
    std::vector<std::size_t> lengths, places;
  };
  Buffers make_buffers() const;
  void embed(Buffers& buffers, std::span<const float> pixels, std::span<float> tokens) const;
  void pool(Buffers& buffers, std::size_t pictures) const;
  void put_model(Buffers& buffers, std::size_t pictures, std::span<float> features,
                 std::size_t column) const;
  void run(Buffers& buffers, std::span<const float> pixels, std::span<float> features,
           std::span<float> logits) const;
};

void VisionTransformer::Network::read(Checkpoint& checkpoint, const VisionNames& names) {
  const std::size_t width = config.width, patch = 3 * config.patch_size * config.patch_size;
  pooling = pooling.within(config.depth, checkpoint.where());
  tokens = read_vision_tokens(checkpoint, names, config);
  // A convolution whose stride is its size is a product with each patch's pixels.
  Affine kernel = {
      checkpoint.read(names.patches + ".weight", {width, 3, config.patch_size, config.patch_size}),
      std::vector<float>(width)};
  if (names.pre_norm.empty() || checkpoint.contains(names.patches + ".bias"))
    kernel.bias = checkpoint.read(names.patches + ".bias", {width});
  patches = Linear(kernel, config.patches(), patch, width, layers::After::kAdd);
  pre_normed = !names.pre_norm.empty();
  if (pre_normed)
    pre_norm = layers::LayerNorm(checkpoint.norm(names.pre_norm, width), together * config.tokens(),
                                 config.epsilon);
  read_heads(checkpoint, names);
  reads_mean =
      pooling.contains(Kind::kMean) || (pooling.contains(Kind::kModel) && config.mean_pooled);
  const auto offsets = read_all_offsets(checkpoint, names, config);
  encoder = std::make_unique<Encoder>(layers::EncoderShape{.rows = together * config.tokens(),
                                                           .width = width,
                                                           .heads = config.heads,
                                                           .hidden = config.hidden,
                                                           .epsilon = config.epsilon,
                                                           .norm_first = true,
                                                           .activation = config.activation,
                                                           .biased = !offsets.empty(),
                                                           .reads = reads_mean ? 0 : first_tokens},
                                      config.depth);
  for (std::size_t i = 0; i < config.depth; ++i) {
    layers::BlockWeights block = read_vision_block(checkpoint, names, config, i);
    if (!offsets.empty()) block.bias = offsets[i];
    encoder->add_block(std::move(block));
  }
  const Affine last =
      checkpoint.norm(config.pool_normed ? names.pool_norm : names.final_norm, width);
  norm = layers::LayerNorm(last, together, config.epsilon);
  if (reads_mean && !config.pool_normed)
    norm_all = layers::LayerNorm(last, together * config.tokens(), config.epsilon);
}

void VisionTransformer::Network::read_heads(Checkpoint& checkpoint, const VisionNames& names) {
  const auto present = [&](const std::string& name) {
    return !name.empty() && checkpoint.contains(name + ".weight");
  };
  const bool two = config.distilled && (present(names.heads[0]) || present(names.heads[1]));
  std::vector<std::string> found;
  if (two) {
    found.assign(std::begin(names.heads), std::end(names.heads));
  } else if (present(names.plain_head)) {
    found = {names.plain_head};
  }
  if (!found.empty()) config.classes = checkpoint.shape(found[0] + ".weight", 2)[0];
  for (const std::string& name : found)
    heads.emplace_back(checkpoint.linear(name, config.width, config.classes), together,
                       config.width, config.classes,
                       heads.empty() ? layers::After::kNothing : layers::After::kAdd);
  averaged_heads = found.empty() ? config.distilled : two;
  const bool own = pooling.contains(Kind::kModel);
  first_tokens = own && averaged_heads ? 2 : 1;
  if (!present(names.embedding)) return;
  const std::size_t width = checkpoint.shape(names.embedding + ".weight", 2)[0];
  if (width > kMaxWidth)
    throw DataError(checkpoint.where() + ": an embedding of " + std::to_string(width) +
                    ", expected at most " + std::to_string(kMaxWidth));
  embedding_width = width;
  embedding = Linear(checkpoint.linear(names.embedding, config.width, width, false), together,
                     config.width, width);
}

VisionTransformer::Network::Buffers VisionTransformer::Network::make_buffers() const {
  Buffers out;
  out.encoder = encoder->make_buffers(config.tokens());
  auto& workspace = out.encoder->workspace;
  const std::size_t rows = together * config.width;
  out.patches = workspace.floats(config.patches() * 3 * config.patch_size * config.patch_size);
  out.logits = workspace.floats(std::max<std::size_t>(1, together * config.classes));
  out.embedded = workspace.floats(std::max<std::size_t>(1, together * embedding_width));
  for (std::size_t i = 0; i < first_tokens; ++i) out.first.push_back(workspace.floats(rows));
  for (std::size_t i = 0; i < pooling.deepest(); ++i) out.earlier.push_back(workspace.floats(rows));
  if (reads_mean) out.mean = workspace.floats(rows);
  out.lengths.assign(together, config.tokens());
  for (std::size_t i = 0; i < together * first_tokens; ++i) out.places.push_back(i % first_tokens);
  return out;
}

/// Tokens of one picture: its patches' products, positions and the other tokens.
void VisionTransformer::Network::embed(Buffers& buffers, std::span<const float> pixels,
                                       std::span<float> out) const {
  const std::size_t size = config.image_size, patch = config.patch_size;
  float* to = buffers.patches.data();
  for (std::size_t top = 0; top < size; top += patch)
    for (std::size_t left = 0; left < size; left += patch)
      for (std::size_t channel = 0; channel < 3; ++channel)
        for (std::size_t y = top; y < top + patch; ++y, to += patch)
          std::copy_n(&pixels[(channel * size + y) * size + left], patch, to);
  std::copy(tokens.begin(), tokens.end(), out.begin());
  patches(buffers.encoder->workspace, buffers.patches,
          out.subspan(config.first_patch() * config.width));
}

/// The last norm's results: first tokens, and the mean of patches.
void VisionTransformer::Network::pool(Buffers& buffers, std::size_t pictures) const {
  auto& workspace = buffers.encoder->workspace;
  const std::size_t width = config.width, count = config.tokens();
  const auto& x = buffers.encoder->x;
  const bool all = encoder->shape().reads == 0;
  for (std::size_t token = 0; token < first_tokens; ++token) {
    for (std::size_t i = 0; i < pictures; ++i) {
      const float* from = all ? &x[(i * count + token) * width]
                              : &buffers.encoder->read[(i * first_tokens + token) * width];
      std::copy_n(from, width, &buffers.first[token][i * width]);
    }
    norm(workspace, buffers.first[token], buffers.first[token]);
  }
  for (const std::span<float> tokens_of : buffers.earlier) norm(workspace, tokens_of, tokens_of);
  if (!reads_mean) return;
  if (!config.pool_normed) norm_all(workspace, x, x);
  const std::size_t first = config.first_patch();
  const float share = 1.0f / static_cast<float>(count - first);
  std::fill(buffers.mean.begin(), buffers.mean.end(), 0.0f);
  for (std::size_t i = 0; i < pictures; ++i) {
    float* to = &buffers.mean[i * width];
    for (std::size_t token = first; token < count; ++token)
      for (std::size_t j = 0; j < width; ++j) to[j] += x[(i * count + token) * width + j];
    for (std::size_t j = 0; j < width; ++j) to[j] *= share;
  }
  if (config.pool_normed) norm(workspace, buffers.mean, buffers.mean);
}

void VisionTransformer::Network::put_model(Buffers& buffers, std::size_t pictures,
                                           std::span<float> features, std::size_t column) const {
  const std::size_t width = config.width, stride = feature_count();
  const std::span<const float> own = config.mean_pooled ? buffers.mean : buffers.first[0];
  if (embedding_width > 0) {
    embedding(buffers.encoder->workspace, own, buffers.embedded);
    for (std::size_t i = 0; i < pictures; ++i)
      std::copy_n(&buffers.embedded[i * embedding_width], embedding_width,
                  &features[i * stride + column]);
    return;
  }
  const bool two = averaged_heads && !config.mean_pooled;
  for (std::size_t i = 0; i < pictures; ++i)
    for (std::size_t j = 0; j < width; ++j) {
      const std::size_t at = i * width + j;
      features[i * stride + column + j] = two ? (own[at] + buffers.first[1][at]) / 2 : own[at];
    }
}

void VisionTransformer::Network::run(Buffers& buffers, std::span<const float> pixels,
                                     std::span<float> features, std::span<float> logits) const {
  Encoder::Buffers& inner = *buffers.encoder;
  const std::size_t width = config.width, count = config.tokens(), stride = feature_count(),
                    pixel_count = 3 * config.image_size * config.image_size;
  const std::size_t pictures = features.size() / stride;
  for (std::size_t i = 0; i < pictures; ++i)
    embed(buffers, pixels.subspan(i * pixel_count, pixel_count),
          inner.x.subspan(i * count * width));
  if (pre_normed) pre_norm(inner.workspace, inner.x, inner.x);
  const bool all = encoder->shape().reads == 0;
  encoder->run(
      inner, std::span(buffers.lengths).first(pictures),
      std::span(buffers.places).first(all ? 0 : pictures * first_tokens), [&](std::size_t blocks) {
        const std::size_t back = config.depth - blocks;
        if (back > buffers.earlier.size()) return;
        for (std::size_t i = 0; i < pictures; ++i)
          std::copy_n(&inner.x[i * count * width], width, &buffers.earlier[back - 1][i * width]);
      });
  pool(buffers, pictures);

  std::size_t column = 0;
  for (const TokenPart& part : pooling.parts()) {
    if (part.kind == Kind::kModel) {
      put_model(buffers, pictures, features, column);
    } else {
      const std::span<const float> from = part.kind == Kind::kMean ? buffers.mean
                                          : part.back == 0         ? buffers.first[0]
                                                                   : buffers.earlier[part.back - 1];
      for (std::size_t i = 0; i < pictures; ++i)
        std::copy_n(&from[i * width], width, &features[i * stride + column]);
    }
    column += part_width(part);
  }
  if (logits.empty()) return;
  for (std::size_t token = 0; token < heads.size(); ++token)
    heads[token](inner.workspace, config.mean_pooled ? buffers.mean : buffers.first[token],
                 buffers.logits);
  const float share = 1.0f / static_cast<float>(heads.size());
  for (std::size_t i = 0; i < logits.size(); ++i) logits[i] = buffers.logits[i] * share;
}

VisionTransformer::VisionTransformer(std::unique_ptr<const Network> network)
    : network_(std::move(network)) {}
VisionTransformer::~VisionTransformer() = default;
VisionTransformer::VisionTransformer(VisionTransformer&&) noexcept = default;
VisionTransformer& VisionTransformer::operator=(VisionTransformer&&) noexcept = default;

VisionTransformer VisionTransformer::load(const std::filesystem::path& path,
                                          const VisionOptions& options) {
  return load(find_model(path), options);
}

VisionTransformer VisionTransformer::load(const ModelFiles& files, const VisionOptions& options) {
  Checkpoint checkpoint(files);
  const VisionNames& names = recognise_vision_names(checkpoint);
  std::unique_ptr<Network> network;
  layers::with_memory([&] {
    network = std::make_unique<Network>(
        read_vision_config(files.folder, checkpoint, names, options.image_size), options.pooling);
    network->read(checkpoint, names);
  });
  checkpoint.refuse_unread(names.ignored);
  return VisionTransformer(std::move(network));
}

const VisionConfig& VisionTransformer::config() const { return network_->config; }
const PoolingPlan& VisionTransformer::pooling() const { return network_->pooling; }
std::size_t VisionTransformer::pixel_count() const {
  return 3 * config().image_size * config().image_size;
}
std::size_t VisionTransformer::part_width(const TokenPart& part) const {
  return network_->part_width(part);
}
std::size_t VisionTransformer::feature_count() const { return network_->feature_count(); }
std::size_t VisionTransformer::class_count() const { return config().classes; }

void VisionTransformer::features(std::span<const float> pixels, std::size_t batch,
                                 std::span<float> features) const {
  run(pixels, batch, features, {});
}

void VisionTransformer::classify(std::span<const float> pixels, std::size_t batch,
                                 std::span<float> features, std::span<float> logits) const {
  require(class_count() > 0 && logits.size() == batch * class_count() &&
              network_->pooling.contains(Kind::kModel),
          "VisionTransformer: logits must be batch x classes of a model with a head");
  run(pixels, batch, features, logits);
}

void VisionTransformer::run(std::span<const float> pixels, std::size_t batch,
                            std::span<float> features, std::span<float> logits) const {
  const std::size_t width = feature_count(), classes = logits.empty() ? 0 : class_count();
  require(pixels.size() == batch * pixel_count() && features.size() == batch * width,
          "VisionTransformer: pixels must be batch x 3 x size x size, features batch x width");
  const std::size_t step = network_->together;
  layers::for_each_pass(
      (batch + step - 1) / step, [&] { return network_->make_buffers(); },
      [&](Network::Buffers& buffers, std::size_t pass) {
        const std::size_t first = pass * step, count = std::min(step, batch - first);
        network_->run(buffers, pixels.subspan(first * pixel_count(), count * pixel_count()),
                      features.subspan(first * width, count * width),
                      logits.subspan(first * classes, count * classes));
      });
}

}  // namespace blindtuner::features
