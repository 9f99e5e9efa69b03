// What a vision transformer is and how its pictures are prepared: out of its tensors' shapes and
// the settings that lie beside it.
#pragma once

#include <array>
#include <cstddef>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "features/transformer/checkpoint.h"
#include "features/transformer/settings_origin.h"
#include "features/transformer/vision_names.h"

namespace blindtuner::features {

/// Pixels a side that an encoder reads, and of what a setting may ask for before that is cut out.
inline constexpr std::size_t kMaxImage = 4096, kMaxSize = std::size_t{1} << 20;

struct VisionConfig {
  // The network.
  std::size_t image_size = 0;  ///< it reads image_size x image_size pixels of 3 channels
  std::size_t patch_size = 0;
  std::size_t position_grid = 0;  ///< patches a side that the file has positions for; 0: no table
  std::size_t width = 0;          ///< of a token
  std::size_t depth = 0;          ///< blocks
  std::size_t heads = 0;
  std::size_t hidden = 0;        ///< width inside the multilayer perceptron
  std::size_t classes = 0;       ///< logits; 0 when the file has no head
  bool distilled = false;        ///< there is a distillation token beside the class token
  std::size_t registers = 0;     ///< further tokens that nobody reads
  bool patch_positions = false;  ///< positions of patches alone, not of the class token
  bool mean_pooled = false;      ///< the model's own features are the mean of the patches' tokens
  bool pool_normed = false;      ///< ... and the last norm is that mean's
  double epsilon = 0;            ///< of the norms
  layers::Activation activation = layers::Activation::kGelu;

  // Its pictures: resized, the centre cut out, (value / 255 - mean) / std for red, green, blue.
  std::size_t resize = 0;   ///< the shorter edge after resizing, before the cut to image_size
  bool keep_aspect = true;  ///< otherwise both edges become `resize`
  bool bicubic = true;      ///< otherwise bilinear; antialiased both
  std::array<float, 3> mean{}, std{};

  std::string settings_from;  ///< the file that the pictures' settings are from, or "defaults"
  SettingOrigins origins;     ///< of everything that the tensors do not say

  std::size_t grid() const { return image_size / patch_size; }
  std::size_t patches() const { return grid() * grid(); }
  std::size_t first_patch() const { return 1 + (distilled ? 1 : 0) + registers; }
  std::size_t tokens() const { return patches() + first_patch(); }
};

/// Shapes first; then, from `folder`, `config.json` (timm's or Hugging Face's) for heads,
/// epsilon and activation, and it or `preprocessor_config.json` for the pictures. Without them:
/// heads of width 64 (or of the published model of that width), and the kind's epsilon and
/// pictures, all of which `origins` tells. `image_size`: pictures of this size, whatever the
/// settings say; 0: of theirs. Throws DataError when a shape makes no sense or a setting
/// contradicts the shapes.
VisionConfig read_vision_config(const std::filesystem::path& folder, const Checkpoint& checkpoint,
                                const VisionNames& names, std::size_t image_size = 0);

/// The pictures' part of it (vision_pictures.cpp): image_size and what is below it in `config`,
/// whose image_size is that of the file's positions at first.
void read_picture_settings(const std::filesystem::path& folder, const nlohmann::json& settings,
                           const VisionNames& names, std::size_t image_size, VisionConfig& config);

}  // namespace blindtuner::features
