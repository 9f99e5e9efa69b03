#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/error.h"
#include "base/json.h"
#include "base/path.h"
#include "features/transformer/settings.h"
#include "features/transformer/vision_config.h"

namespace blindtuner::features {
namespace {

using nlohmann::json;

/// `lacking` takes the key of what is usual instead.
std::array<float, 3> three(const json& settings, const char* key, std::array<float, 3> otherwise,
                           const std::string& where, std::vector<std::string>& lacking) {
  const auto found = settings.find(key);
  if (found == settings.end() || found->is_null()) {
    lacking.emplace_back(key);
    return otherwise;
  }
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

/// timm's "pretrained_cfg", which older files have at the top.
void read_timm_pictures(const json& settings, const std::string& where, VisionConfig& config,
                        std::vector<std::string>& lacking) {
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
  config.mean = three(settings, "mean", config.mean, where, lacking);
  config.std = three(settings, "std", config.std, where, lacking);
  check_std(config, where);
  const auto size = settings.find("input_size");
  if (size != settings.end() && !size->is_null() &&
      *size != json::array({3, config.image_size, config.image_size}))
    throw DataError(where + ": input_size is " + json_text(*size).substr(0, 40) +
                    ", but the model's tensors have 3 x " + std::to_string(config.image_size) +
                    " x " + std::to_string(config.image_size));
  config.settings_from = where;
}

/// A size that is a number or {"height": n, "width": n} or {"shortest_edge": n}; the last sets
/// `shortest`.
std::size_t edge(const json& settings, const char* key, std::size_t otherwise, bool& shortest,
                 const std::string& where) {
  const json& parts = object_setting(settings, key);
  shortest = parts.contains("shortest_edge");
  if (parts.empty()) return whole_setting(settings, key, otherwise, 1, kMaxSize, where);
  if (shortest) return whole_setting(parts, "shortest_edge", otherwise, 1, kMaxSize, where);
  const std::size_t height = whole_setting(parts, "height", 0, 1, kMaxSize, where);
  const std::size_t width = whole_setting(parts, "width", 0, 1, kMaxSize, where);
  if (height != width || height == 0)
    throw DataError(where + ": " + key + ": expected a height and a width that are the same");
  return height;
}

void read_hugging_face_pictures(const json& settings, const std::string& where, bool any_size,
                                VisionConfig& config, std::vector<std::string>& lacking) {
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
  if (any_size && crop % config.patch_size == 0 && crop <= kMaxImage) config.image_size = crop;
  if (crop != config.image_size || config.resize < crop)
    throw DataError(where + ": pictures of " + std::to_string(std::min(crop, config.resize)) +
                    " x " + std::to_string(std::min(crop, config.resize)) +
                    ", but the model's tensors are for " + std::to_string(config.image_size) +
                    " x " + std::to_string(config.image_size));
  // Pillow's numbers for its filters.
  config.bicubic = whole_setting(settings, "resample", 3, 2, 3, where) == 3;
  if (flag_setting(settings, "do_normalize", true, where)) {
    config.mean = three(settings, "image_mean", config.mean, where, lacking);
    config.std = three(settings, "image_std", config.std, where, lacking);
    check_std(config, where);
  } else {
    config.mean = {0, 0, 0};
    config.std = {1, 1, 1};
  }
  config.settings_from = where;
}

std::string colours_text(const std::array<float, 3>& values) {
  std::ostringstream out;
  for (const float value : values) out << (out.tellp() > 0 ? " " : "") << value;
  return out.str();
}

std::string pictures_text(const VisionConfig& config) {
  std::ostringstream out;
  out << (config.keep_aspect ? "shorter side " : "both sides ") << config.resize << ", middle "
      << config.image_size << ", mean " << colours_text(config.mean) << ", deviation "
      << colours_text(config.std);
  return out.str();
}

}  // namespace

void read_picture_settings(const std::filesystem::path& folder, const json& settings,
                           const VisionNames& names, std::size_t image_size, VisionConfig& config) {
  // DINOv2's tables are for larger pictures than its authors extract features from.
  if (names.any_size && config.image_size > 224 && 224 % config.patch_size == 0)
    config.image_size = 224;
  // timm cuts 224 pixels of DeiT's out of 248, but keeps all of 384.
  config.resize =
      config.image_size >= 384
          ? config.image_size
          : static_cast<std::size_t>(static_cast<double>(config.image_size) / names.crop_pct);
  config.mean = {0.485f, 0.456f, 0.406f};
  config.std = {0.229f, 0.224f, 0.225f};
  if (names.clip_colours) {
    config.mean = {0.48145466f, 0.4578275f, 0.40821073f};
    config.std = {0.26862954f, 0.26130258f, 0.27577711f};
  }
  config.settings_from = "defaults";
  std::vector<std::string> lacking;
  const std::string where = quoted_path(folder / "config.json");
  const json& timm = object_setting(settings, "pretrained_cfg");
  if (!timm.empty()) {
    read_timm_pictures(timm, where, config, lacking);
  } else if (settings.contains("crop_pct")) {
    read_timm_pictures(settings, where, config, lacking);
  }
  const auto beside = folder / "preprocessor_config.json";
  const json pictures = read_settings(beside);
  if (!pictures.empty()) {
    lacking.clear();
    read_hugging_face_pictures(pictures, quoted_path(beside), names.any_size, config, lacking);
  }
  if (image_size > 0 && image_size != config.image_size) {
    if (image_size % config.patch_size != 0 || image_size > kMaxImage)
      throw DataError("--image-size " + std::to_string(image_size) + ": expected a multiple of " +
                      std::to_string(config.patch_size) + ", the model's patches, up to " +
                      std::to_string(kMaxImage));
    // What is cut off stays in proportion.
    config.resize = (config.resize * image_size + config.image_size / 2) / config.image_size;
    config.image_size = image_size;
  }
  const bool guessed = config.settings_from == "defaults";
  for (const std::string& key : lacking)
    config.origins.push_back({key, colours_text(key.ends_with("mean") ? config.mean : config.std),
                              "what is usual for " + names.kind, true});
  config.origins.push_back({"pictures", pictures_text(config),
                            guessed ? "what is usual for " + names.kind : config.settings_from,
                            guessed});
}

}  // namespace blindtuner::features
