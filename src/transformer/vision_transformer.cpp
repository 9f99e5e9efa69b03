#include "transformer/vision_transformer.h"

#include <algorithm>

#include "base/error.h"
#include "transformer/encoder.h"

namespace blindtuner {

using layers::Affine;
using layers::Encoder;
using layers::Linear;

namespace {

// Small pictures are taken together, so that products have this many rows.
constexpr std::size_t kRows = 192;

layers::BlockWeights read_block(Checkpoint& checkpoint, const VisionNames& names,
                                const VisionConfig& config, std::size_t number) {
  const std::string block = names.block(number);
  const std::size_t width = config.width, hidden = config.hidden;
  // Some models have no biases here; one that has them in some blocks only is damaged.
  bool biased = false;
  for (std::size_t i = 0; i < config.depth; ++i)
    biased |= checkpoint.contains(names.block(i) + names.qkv[0] + ".bias");
  const auto part = [&](int i, std::size_t out) {
    return checkpoint.linear(block + names.qkv[i], width, out, biased);
  };
  layers::BlockWeights weights;
  weights.norm1 = checkpoint.norm(block + names.norm1, width);
  weights.qkv =
      names.joined_qkv ? part(0, 3 * width) : stack(part(0, width), part(1, width), part(2, width));
  weights.projection = checkpoint.linear(block + names.projection, width, width);
  weights.norm2 = checkpoint.norm(block + names.norm2, width);
  weights.fc1 = checkpoint.linear(block + names.fc1, width, hidden);
  weights.fc2 = checkpoint.linear(block + names.fc2, hidden, width);
  return weights;
}

}  // namespace

struct VisionTransformer::Network {
  VisionConfig config;
  std::size_t together = 0;      // pictures a pass
  std::size_t read_tokens = 0;   // tokens that features are the mean of
  std::vector<float> positions;  // tokens x width, the class and distillation tokens added
  Linear patches;
  Encoder encoder;
  layers::LayerNorm final_norm;  // on the tokens that are read
  std::vector<Linear> heads;

  explicit Network(const VisionConfig& c)
      : config(c),
        together((kRows + c.tokens() - 1) / c.tokens()),
        encoder({.rows = together * c.tokens(),
                 .width = c.width,
                 .heads = c.heads,
                 .hidden = c.hidden,
                 .epsilon = c.epsilon,
                 .norm_first = true,
                 .activation = c.activation}) {}

  void read(Checkpoint& checkpoint, const VisionNames& names);
  void read_heads(Checkpoint& checkpoint, const VisionNames& names);

  struct Buffers {
    std::unique_ptr<Encoder::Buffers> encoder;
    std::span<float> patches, read, logits;
    std::vector<std::size_t> lengths;
  };
  Buffers make_buffers() const;
  void embed(Buffers& buffers, std::span<const float> pixels, std::span<float> tokens) const;
  void run(Buffers& buffers, std::span<const float> pixels, std::span<float> features,
           std::span<float> logits) const;
};

void VisionTransformer::Network::read(Checkpoint& checkpoint, const VisionNames& names) {
  const std::size_t width = config.width, patch = 3 * config.patch_size * config.patch_size;
  positions = checkpoint.read(names.positions, {1, config.tokens(), width});
  const auto add_token = [&](const std::string& name, std::size_t row) {
    const auto token = checkpoint.read(name, {1, 1, width});
    for (std::size_t i = 0; i < width; ++i) positions[row * width + i] += token[i];
  };
  add_token(names.class_token, 0);
  if (config.distilled) add_token(names.distillation_token, 1);
  // A convolution whose stride is its size is a product with each patch's pixels.
  const Affine kernel = {
      checkpoint.read(names.patches + ".weight", {width, 3, config.patch_size, config.patch_size}),
      checkpoint.read(names.patches + ".bias", {width})};
  patches = Linear(kernel, config.patches(), patch, width, layers::After::kAdd);
  for (std::size_t i = 0; i < config.depth; ++i)
    encoder.add_block(read_block(checkpoint, names, config, i));
  read_heads(checkpoint, names);
  final_norm = layers::LayerNorm(checkpoint.norm(names.final_norm, width), read_tokens * together,
                                 config.epsilon);
}

void VisionTransformer::Network::read_heads(Checkpoint& checkpoint, const VisionNames& names) {
  const auto present = [&](const std::string& name) {
    return checkpoint.contains(name + ".weight");
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
  read_tokens = found.empty() ? (config.distilled ? 2 : 1) : found.size();
}

VisionTransformer::Network::Buffers VisionTransformer::Network::make_buffers() const {
  Buffers out{encoder.make_buffers(config.tokens()), {}, {}, {}, {}};
  auto& workspace = out.encoder->workspace;
  out.patches = workspace.floats(config.patches() * 3 * config.patch_size * config.patch_size);
  out.read = workspace.floats(read_tokens * together * config.width);
  out.logits = workspace.floats(std::max<std::size_t>(1, together * config.classes));
  out.lengths.assign(together, config.tokens());
  return out;
}

/// Tokens of one picture: its patches' products, positions and the class and distillation tokens.
void VisionTransformer::Network::embed(Buffers& buffers, std::span<const float> pixels,
                                       std::span<float> tokens) const {
  const std::size_t size = config.image_size, patch = config.patch_size, grid = config.grid();
  float* out = buffers.patches.data();
  for (std::size_t top = 0; top < size; top += patch)
    for (std::size_t left = 0; left < size; left += patch)
      for (std::size_t channel = 0; channel < 3; ++channel)
        for (std::size_t y = top; y < top + patch; ++y, out += patch)
          std::copy_n(&pixels[(channel * size + y) * size + left], patch, out);
  std::copy(positions.begin(), positions.end(), tokens.begin());
  patches(buffers.encoder->workspace, buffers.patches,
          tokens.subspan((config.tokens() - grid * grid) * config.width));
}

void VisionTransformer::Network::run(Buffers& buffers, std::span<const float> pixels,
                                     std::span<float> features, std::span<float> logits) const {
  auto& [workspace, x, normed, qkv, scores, mixed, hidden] = *buffers.encoder;
  const std::size_t width = config.width, tokens = config.tokens(),
                    pixel_count = 3 * config.image_size * config.image_size;
  const std::size_t pictures = features.size() / width;
  for (std::size_t i = 0; i < pictures; ++i)
    embed(buffers, pixels.subspan(i * pixel_count, pixel_count), x.subspan(i * tokens * width));
  encoder.run(*buffers.encoder, std::span(buffers.lengths).first(pictures));

  // read: all pictures' class tokens, then all their distillation tokens.
  const std::size_t block = together * width;
  for (std::size_t token = 0; token < read_tokens; ++token)
    for (std::size_t i = 0; i < pictures; ++i)
      std::copy_n(&x[(i * tokens + token) * width], width,
                  &buffers.read[token * block + i * width]);
  final_norm(workspace, buffers.read, buffers.read);
  for (std::size_t i = 0; i < pictures * width; ++i)
    features[i] =
        read_tokens == 1 ? buffers.read[i] : (buffers.read[i] + buffers.read[block + i]) / 2;
  if (logits.empty()) return;
  for (std::size_t token = 0; token < heads.size(); ++token)
    heads[token](workspace, buffers.read.subspan(token * block), buffers.logits);
  const float share = 1.0f / static_cast<float>(heads.size());
  for (std::size_t i = 0; i < logits.size(); ++i) logits[i] = buffers.logits[i] * share;
}

VisionTransformer::VisionTransformer(std::unique_ptr<const Network> network)
    : network_(std::move(network)) {}
VisionTransformer::~VisionTransformer() = default;
VisionTransformer::VisionTransformer(VisionTransformer&&) noexcept = default;
VisionTransformer& VisionTransformer::operator=(VisionTransformer&&) noexcept = default;

VisionTransformer VisionTransformer::load(const std::filesystem::path& path) {
  Checkpoint checkpoint(path);
  const VisionNames& names = recognise_vision_names(checkpoint);
  std::unique_ptr<Network> network;
  layers::with_memory([&] {
    network = std::make_unique<Network>(read_vision_config(path, checkpoint, names));
    network->read(checkpoint, names);
  });
  // Parts of training that inference does not run.
  checkpoint.refuse_unread({"pooler.", "embeddings.mask_token"});
  return VisionTransformer(std::move(network));
}

const VisionConfig& VisionTransformer::config() const { return network_->config; }
std::size_t VisionTransformer::pixel_count() const {
  return 3 * config().image_size * config().image_size;
}
std::size_t VisionTransformer::feature_count() const { return config().width; }
std::size_t VisionTransformer::class_count() const { return config().classes; }

void VisionTransformer::features(std::span<const float> pixels, std::size_t batch,
                                 std::span<float> features) const {
  run(pixels, batch, features, {});
}

void VisionTransformer::classify(std::span<const float> pixels, std::size_t batch,
                                 std::span<float> features, std::span<float> logits) const {
  require(class_count() > 0 && logits.size() == batch * class_count(),
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

}  // namespace blindtuner
