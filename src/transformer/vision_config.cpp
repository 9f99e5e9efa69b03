#include "transformer/vision_config.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json.h"
#include "data/file_bytes.h"

namespace blindtuner {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxImage = 4096;
constexpr std::size_t kMaxSize = std::size_t{1} << 20;

const VisionNames kTimm = {
    .class_token = "cls_token",
    .distillation_token = "dist_token",
    .positions = "pos_embed",
    .patches = "patch_embed.proj",
    .blocks = "blocks.",
    .norm1 = "norm1",
    .norm2 = "norm2",
    .fc1 = "mlp.fc1",
    .fc2 = "mlp.fc2",
    .projection = "attn.proj",
    .final_norm = "norm",
    .joined_qkv = true,
    .qkv = {"attn.qkv", "", ""},
    .heads = {"head", "head_dist"},
    .plain_head = "head",
};

const VisionNames kHuggingFace = {
    .class_token = "embeddings.cls_token",
    .distillation_token = "embeddings.distillation_token",
    .positions = "embeddings.position_embeddings",
    .patches = "embeddings.patch_embeddings.projection",
    .blocks = "encoder.layer.",
    .norm1 = "layernorm_before",
    .norm2 = "layernorm_after",
    .fc1 = "intermediate.dense",
    .fc2 = "output.dense",
    .projection = "attention.output.dense",
    .final_norm = "layernorm",
    .joined_qkv = false,
    .qkv = {"attention.attention.query", "attention.attention.key", "attention.attention.value"},
    .heads = {"cls_classifier", "distillation_classifier"},
    .plain_head = "classifier",
};

/// Settings that repeat what the shapes say must agree with them.
void agree(const json& settings, const char* key, std::size_t shapes, const std::string& where) {
  const std::size_t said = whole_setting(settings, key, shapes, 1, kMaxSize, where);
  if (said != shapes)
    throw DataError(where + ": " + key + " is " + std::to_string(said) +
                    ", but the model's tensors have " + std::to_string(shapes));
}

std::array<float, 3> three(const json& settings, const char* key, std::array<float, 3> otherwise,
                           const std::string& where) {
  const auto found = settings.find(key);
  if (found == settings.end() || found->is_null()) return otherwise;
  std::array<float, 3> out{};
  bool good = found->is_array() && found->size() == 3;
  for (std::size_t i = 0; good && i < 3; ++i) {
    good = (*found)[i].is_number() && std::abs((*found)[i].get<double>()) <= 1000;
    if (good) out[i] = (*found)[i].get<float>();
  }
  if (!good) throw DataError(where + ": " + key + ": expected three numbers");
  return out;
}

void check_std(const VisionConfig& config, const std::string& where) {
  for (const float deviation : config.std)
    if (!(deviation >= 1e-6f)) throw DataError(where + ": std: expected three positive numbers");
}

const json& object(const json& settings, const char* key) {
  static const json empty = json::object();
  const auto found = settings.find(key);
  return found != settings.end() && found->is_object() ? *found : empty;
}

/// timm's "pretrained_cfg", which older files have at the top.
void read_timm_pictures(const json& settings, const std::string& where, VisionConfig& config) {
  const double crop = setting(settings, "crop_pct", 0.875, 0.1, 1.0, where);
  const std::string mode = word_setting(settings, "crop_mode", "center", where);
  if (mode != "center" && mode != "squash")
    throw DataError(where + ": crop_mode is '" + mode.substr(0, 40) +
                    "', expected center or squash");
  config.resize =
      static_cast<std::size_t>(std::floor(static_cast<double>(config.image_size) / crop));
  config.keep_aspect = mode == "center";
  const std::string how = word_setting(settings, "interpolation", "bicubic", where);
  if (how != "bicubic" && how != "bilinear")
    throw DataError(where + ": interpolation is '" + how.substr(0, 40) +
                    "', expected bicubic or bilinear");
  config.bicubic = how == "bicubic";
  config.mean = three(settings, "mean", config.mean, where);
  config.std = three(settings, "std", config.std, where);
  check_std(config, where);
  const auto size = settings.find("input_size");
  if (size != settings.end() && *size != json::array({3, config.image_size, config.image_size}))
    throw DataError(where + ": input_size is " + json_text(*size).substr(0, 40) +
                    ", but the model's tensors have 3 x " + std::to_string(config.image_size) +
                    " x " + std::to_string(config.image_size));
  config.settings_from = where;
}

/// A size that is a number or {"height": n, "width": n} or {"shortest_edge": n}; the last sets
/// `shortest`.
std::size_t edge(const json& settings, const char* key, std::size_t otherwise, bool& shortest,
                 const std::string& where) {
  const json& parts = object(settings, key);
  shortest = parts.contains("shortest_edge");
  if (parts.empty()) return whole_setting(settings, key, otherwise, 1, kMaxSize, where);
  if (shortest) return whole_setting(parts, "shortest_edge", otherwise, 1, kMaxSize, where);
  const std::size_t height = whole_setting(parts, "height", 0, 1, kMaxSize, where);
  const std::size_t width = whole_setting(parts, "width", 0, 1, kMaxSize, where);
  if (height != width || height == 0)
    throw DataError(where + ": " + key + ": expected a height and a width that are the same");
  return height;
}

void read_hugging_face_pictures(const json& settings, const std::string& where,
                                VisionConfig& config) {
  if (!flag_setting(settings, "do_resize", true, where) ||
      !flag_setting(settings, "do_rescale", true, where) ||
      std::abs(setting(settings, "rescale_factor", 1 / 255.0, 0, 1, where) * 255 - 1) > 1e-4)
    throw DataError(where + ": expected pictures resized and divided by 255");
  bool shortest = false, ignored = false;
  config.resize = edge(settings, "size", config.image_size, shortest, where);
  config.keep_aspect = shortest;
  const bool crops = flag_setting(settings, "do_center_crop", false, where);
  const std::size_t crop =
      crops ? edge(settings, "crop_size", config.image_size, ignored, where) : config.resize;
  if (crop != config.image_size || config.resize < crop)
    throw DataError(where + ": pictures of " + std::to_string(std::min(crop, config.resize)) +
                    " x " + std::to_string(std::min(crop, config.resize)) +
                    ", but the model's tensors are for " + std::to_string(config.image_size) +
                    " x " + std::to_string(config.image_size));
  // Pillow's numbers for its filters.
  config.bicubic = whole_setting(settings, "resample", 3, 2, 3, where) == 3;
  if (flag_setting(settings, "do_normalize", true, where)) {
    config.mean = three(settings, "image_mean", config.mean, where);
    config.std = three(settings, "image_std", config.std, where);
    check_std(config, where);
  } else {
    config.mean = {0, 0, 0};
    config.std = {1, 1, 1};
  }
  config.settings_from = where;
}

}  // namespace

const VisionNames& recognise_vision_names(Checkpoint& checkpoint) {
  for (const VisionNames* names : {&kTimm, &kHuggingFace})
    if (const auto prefix = checkpoint.prefix_of(names->patches + ".weight")) {
      checkpoint.set_prefix(*prefix);
      return *names;
    }
  throw DataError(checkpoint.where() + ": not a vision transformer: neither '" + kTimm.patches +
                  ".weight' (timm) nor '" + kHuggingFace.patches +
                  ".weight' (Hugging Face) is among its tensors");
}

VisionConfig read_vision_config(const std::filesystem::path& path, const Checkpoint& checkpoint,
                                const VisionNames& names) {
  VisionConfig config;
  const Shape& patches = checkpoint.shape(names.patches + ".weight", 4);
  const Shape& positions = checkpoint.shape(names.positions, 3);
  config.width = patches[0];
  config.patch_size = patches[2];
  if (patches[1] != 3 || patches[3] != patches[2] || config.patch_size > kMaxSize)
    throw DataError(checkpoint.where() + ": tensor '" + checkpoint.prefix() + names.patches +
                    ".weight' has shape " + shape_text(patches) +
                    ", expected [width, 3, patch, patch]");
  config.distilled = checkpoint.contains(names.distillation_token);
  const std::size_t extra = config.distilled ? 2 : 1;
  const auto grid = static_cast<std::size_t>(
      std::lround(std::sqrt(static_cast<double>(positions[1]) - static_cast<double>(extra))));
  if (positions[0] != 1 || positions[2] != config.width || positions[1] > kMaxTokens ||
      positions[1] <= extra || grid * grid + extra != positions[1])
    throw DataError(checkpoint.where() + ": tensor '" + checkpoint.prefix() + names.positions +
                    "' has shape " + shape_text(positions) + ", expected [1, a square + " +
                    std::to_string(extra) + " up to " + std::to_string(kMaxTokens) + ", " +
                    std::to_string(config.width) + "]");
  config.image_size = grid * config.patch_size;
  config.depth = checkpoint.count_blocks(names.blocks);
  config.hidden = checkpoint.shape(names.block(0) + names.fc1 + ".weight", 2)[0];

  if (config.image_size > kMaxImage || config.width > kMaxWidth || config.hidden > kMaxWidth)
    throw DataError(checkpoint.where() + ": pictures of " + std::to_string(config.image_size) +
                    " and widths of " + std::to_string(config.width) + " and " +
                    std::to_string(config.hidden) + ", expected at most " +
                    std::to_string(kMaxImage) + " and " + std::to_string(kMaxWidth));

  const auto folder = path.parent_path();
  const std::string where = quoted_path(folder / "config.json");
  const json settings = read_settings(folder / "config.json");
  agree(settings, "hidden_size", config.width, where);
  agree(settings, "num_features", config.width, where);
  agree(settings, "num_hidden_layers", config.depth, where);
  agree(settings, "intermediate_size", config.hidden, where);
  agree(settings, "image_size", config.image_size, where);
  agree(settings, "patch_size", config.patch_size, where);
  config.heads = whole_setting(object(settings, "model_args"), "num_heads", config.width / 64, 1,
                               config.width, where);
  config.heads =
      whole_setting(settings, "num_attention_heads", config.heads, 1, config.width, where);
  if (config.heads == 0 || config.width % config.heads != 0)
    throw DataError(checkpoint.where() + ": how many heads share the width of " +
                    std::to_string(config.width) + "? expected num_attention_heads in " + where);
  if (const auto pool = word_setting(settings, "global_pool", "token", where); pool != "token")
    throw DataError(where + ": global_pool is '" + pool.substr(0, 40) + "', expected token");
  config.epsilon =
      setting(settings, "layer_norm_eps", names.joined_qkv ? 1e-6 : 1e-12, 0, 1, where);
  config.activation = activation_named(word_setting(settings, "hidden_act", "gelu", where), where);

  // DeiT's own: timm cuts 224 pixels out of 248, but keeps all of 384.
  config.resize = config.image_size >= 384
                      ? config.image_size
                      : static_cast<std::size_t>(static_cast<double>(config.image_size) / 0.9);
  config.mean = {0.485f, 0.456f, 0.406f};
  config.std = {0.229f, 0.224f, 0.225f};
  config.settings_from = "defaults";
  const json& timm = object(settings, "pretrained_cfg");
  if (!timm.empty()) {
    read_timm_pictures(timm, where, config);
  } else if (settings.contains("crop_pct")) {
    read_timm_pictures(settings, where, config);
  }
  const json pictures = read_settings(folder / "preprocessor_config.json");
  if (!pictures.empty())
    read_hugging_face_pictures(pictures, quoted_path(folder / "preprocessor_config.json"), config);
  return config;
}

}  // namespace blindtuner
