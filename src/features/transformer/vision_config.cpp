#include "features/transformer/vision_config.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json.h"
#include "base/path.h"
#include "features/transformer/settings.h"

namespace blindtuner::features {
namespace {

using nlohmann::json;

/// Settings that repeat what the shapes say must agree with them.
void agree(const json& settings, const char* key, std::size_t shapes, const std::string& where) {
  const std::size_t said = whole_setting(settings, key, shapes, 1, kMaxSize, where);
  if (said != shapes)
    throw DataError(where + ": " + key + " is " + std::to_string(said) +
                    ", but the model's tensors have " + std::to_string(shapes));
}

/// The side of a square; 0 when the number is none.
std::size_t root(std::size_t square) {
  const auto side = static_cast<std::size_t>(std::lround(std::sqrt(static_cast<double>(square))));
  return side * side == square ? side : 0;
}

/// Patches a side, out of the table of positions or that of offsets.
void read_grid(const Checkpoint& checkpoint, const VisionNames& names, VisionConfig& config) {
  const std::size_t extra = config.distilled ? 2 : 1;
  if (checkpoint.contains(names.positions)) {
    const auto [rows, width] = checkpoint.rows(names.positions);
    config.patch_positions = rows > 1 && root(rows) > 0;
    config.position_grid = config.patch_positions ? root(rows)
                           : rows > extra         ? root(rows - extra)
                                                  : 0;
    if (config.position_grid == 0 || width != config.width || rows > kMaxTokens)
      throw DataError(checkpoint.where() + ": tensor '" + checkpoint.prefix() + names.positions +
                      "' has shape " + shape_text(checkpoint.shape(names.positions)) +
                      ", expected [1, a square + " + std::to_string(extra) + " up to " +
                      std::to_string(kMaxTokens) + ", " + std::to_string(config.width) + "]");
    config.image_size = config.position_grid * config.patch_size;
    return;
  }
  // (2 grid - 1)^2 offsets of two patches, and three of the class token.
  const std::string own = names.block(0) + names.offsets;
  const std::string& table = checkpoint.contains(own) ? own : names.shared_offsets;
  if (names.offsets.empty() || !checkpoint.contains(table))
    throw DataError(checkpoint.where() + ": tensor '" + checkpoint.prefix() + names.positions +
                    "' is missing");
  const Shape& shape = checkpoint.shape(table, 2);
  const std::size_t side = shape[0] > 3 ? root(shape[0] - 3) : 0;
  if (side % 2 == 0 || side > 2 * kMaxTokens)
    throw DataError(checkpoint.where() + ": tensor '" + checkpoint.prefix() + table +
                    "' has shape " + shape_text(shape) +
                    ", expected [the square of an odd number + 3, heads]");
  config.image_size = (side + 1) / 2 * config.patch_size;
}

/// Where settings do not tell: of width 64, but for the widths of these published models.
std::size_t usual_heads(std::size_t width) {
  constexpr std::pair<std::size_t, std::size_t> kOthers[] = {
      {1152, 16}, {1280, 16}, {1408, 16}, {1664, 16}};
  for (const auto& [of, heads] : kOthers)
    if (of == width) return heads;
  return width / 64;
}

const char* activation_text(layers::Activation activation) {
  constexpr const char* kNames[] = {"gelu", "gelu_new", "relu", "quick_gelu"};
  return kNames[static_cast<std::size_t>(activation)];
}

/// Heads, epsilon and activation: what shapes cannot say.
void read_network_settings(const json& all, const std::string& where, const VisionNames& names,
                           VisionConfig& config) {
  const json& part = object_setting(all, names.settings.c_str());
  const json& settings = names.settings.empty() || part.empty() ? all : part;
  agree(settings, "hidden_size", config.width, where);
  agree(settings, "num_features", config.width, where);
  agree(settings, "num_hidden_layers", config.depth, where);
  agree(settings, "intermediate_size", config.hidden, where);
  agree(settings, "image_size", config.image_size, where);
  agree(settings, "patch_size", config.patch_size, where);
  if (flag_setting(settings, "use_swiglu_ffn", false, where))
    throw DataError(where + ": use_swiglu_ffn is true (DINOv2's giant), which is not known");
  const bool guessed = all.empty();
  const auto origin = [&](const char* setting, bool said, std::string value,
                          const std::string& otherwise) {
    config.origins.push_back(
        {setting, std::move(value), said ? where : otherwise, !said && guessed});
  };
  const std::string usual = "what is usual for " + names.kind;

  const json& arguments = object_setting(settings, "model_args");
  const bool heads = settings.contains("num_attention_heads") || arguments.contains("num_heads");
  config.heads =
      whole_setting(arguments, "num_heads", usual_heads(config.width), 1, config.width, where);
  config.heads =
      whole_setting(settings, "num_attention_heads", config.heads, 1, config.width, where);
  if (config.heads == 0 || config.width % config.heads != 0)
    throw DataError("how many heads share the width of " + std::to_string(config.width) +
                    "? expected num_attention_heads in " + where);
  origin("heads", heads, std::to_string(config.heads),
         "the width of " + std::to_string(config.width));

  config.epsilon = setting(settings, "layer_norm_eps", names.epsilon, 0, 1, where);
  origin("epsilon", settings.contains("layer_norm_eps"), json_text(config.epsilon), usual);
  config.activation = names.activation;
  const std::string named = word_setting(settings, "hidden_act", "", where);
  // timm has it in the architecture's name.
  const std::string architecture = word_setting(settings, "architecture", "", where);
  if (!named.empty()) config.activation = activation_named(named, where);
  if (architecture.find("quickgelu") != std::string::npos)
    config.activation = layers::Activation::kQuickGelu;
  origin("activation", !named.empty() || !architecture.empty(), activation_text(config.activation),
         usual);

  const std::string expected = config.pool_normed ? "avg" : "token";
  const std::string pool = word_setting(settings, "global_pool", expected, where);
  if (pool != expected && (pool != "avg" || config.distilled))
    throw DataError(where + ": global_pool is '" + pool.substr(0, 40) + "', expected " +
                    (config.pool_normed ? "avg" : "token or avg"));
  config.mean_pooled = pool == "avg";
}

}  // namespace

VisionConfig read_vision_config(const std::filesystem::path& folder, const Checkpoint& checkpoint,
                                const VisionNames& names, std::size_t image_size) {
  VisionConfig config;
  const Shape& patches = checkpoint.shape(names.patches + ".weight", 4);
  config.width = patches[0];
  config.patch_size = patches[2];
  if (patches[1] != 3 || patches[3] != patches[2] || config.patch_size > kMaxSize)
    throw DataError(checkpoint.where() + ": tensor '" + checkpoint.prefix() + names.patches +
                    ".weight' has shape " + shape_text(patches) +
                    ", expected [width, 3, patch, patch]");
  config.distilled =
      !names.distillation_token.empty() && checkpoint.contains(names.distillation_token);
  if (!names.registers.empty() && checkpoint.contains(names.registers))
    config.registers = checkpoint.rows(names.registers).first;
  if (config.registers > kMaxTokens)
    throw DataError(checkpoint.where() + ": " + std::to_string(config.registers) +
                    " register tokens, expected at most " + std::to_string(kMaxTokens));
  read_grid(checkpoint, names, config);
  config.depth = checkpoint.count_blocks(names.blocks);
  config.hidden = checkpoint.shape(names.block(0) + names.fc1 + ".weight", 2)[0];
  config.pool_normed = !names.pool_norm.empty() && checkpoint.contains(names.pool_norm + ".weight");
  if (config.image_size > kMaxImage || config.width > kMaxWidth || config.hidden > kMaxWidth)
    throw DataError(checkpoint.where() + ": pictures of " + std::to_string(config.image_size) +
                    " and widths of " + std::to_string(config.width) + " and " +
                    std::to_string(config.hidden) + ", expected at most " +
                    std::to_string(kMaxImage) + " and " + std::to_string(kMaxWidth));

  const json settings = read_settings(folder / "config.json");
  read_network_settings(settings, quoted_path(folder / "config.json"), names, config);
  const std::size_t own = config.image_size;
  read_picture_settings(folder, settings, names, image_size, config);
  if (config.image_size != own && config.position_grid == 0)
    throw DataError(checkpoint.where() + ": pictures of " + std::to_string(config.image_size) +
                    ", but this kind's table of offsets is for " + std::to_string(own));
  if (config.tokens() > kMaxTokens)
    throw DataError(checkpoint.where() + ": " + std::to_string(config.tokens()) +
                    " tokens a picture, expected at most " + std::to_string(kMaxTokens));
  return config;
}

}  // namespace blindtuner::features
