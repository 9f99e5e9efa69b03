// What a vision transformer is and how its pictures are prepared: out of its tensors' shapes and
// the settings that lie beside it.
#pragma once

#include <array>
#include <cstddef>
#include <filesystem>
#include <string>

#include "transformer/checkpoint.h"

namespace blindtuner {

struct VisionConfig {
  // The network.
  std::size_t image_size = 0;  ///< it reads image_size x image_size pixels of 3 channels
  std::size_t patch_size = 0;
  std::size_t width = 0;  ///< of a token
  std::size_t depth = 0;  ///< blocks
  std::size_t heads = 0;
  std::size_t hidden = 0;   ///< width inside the multilayer perceptron
  std::size_t classes = 0;  ///< logits; 0 when the file has no head
  bool distilled = false;   ///< there is a distillation token beside the class token
  double epsilon = 0;       ///< of the norms
  layers::Activation activation = layers::Activation::kGelu;

  // Its pictures: resized, the centre cut out, (value / 255 - mean) / std for red, green, blue.
  std::size_t resize = 0;   ///< the shorter edge after resizing, before the cut to image_size
  bool keep_aspect = true;  ///< otherwise both edges become `resize`
  bool bicubic = true;      ///< otherwise bilinear; antialiased both
  std::array<float, 3> mean{}, std{};

  std::string settings_from;  ///< the file that the pictures' settings are from, or "defaults"

  std::size_t grid() const { return image_size / patch_size; }
  std::size_t patches() const { return grid() * grid(); }
  std::size_t tokens() const { return patches() + (distilled ? 2 : 1); }
};

/// The tensors' names in one scheme, below the checkpoint's prefix.
struct VisionNames {
  std::string class_token, distillation_token, positions, patches;
  std::string blocks;  ///< a block's tensors start with this and its number
  std::string norm1, norm2, fc1, fc2, projection, final_norm;
  bool joined_qkv;         ///< one tensor, otherwise three
  std::string qkv[3];      ///< queries, keys, values; the first is the joined one's
  std::string heads[2];    ///< class and distillation head of a distilled model
  std::string plain_head;  ///< the one head, of the class token

  std::string block(std::size_t number) const { return blocks + std::to_string(number) + "."; }
};

/// timm's scheme or Hugging Face's, by the name of the patches' weights; sets the checkpoint's
/// prefix. Throws DataError when the file holds neither.
const VisionNames& recognise_vision_names(Checkpoint& checkpoint);

/// Shapes first; then, from the same folder, `config.json` (timm's or Hugging Face's) for heads,
/// epsilon and activation, and it or `preprocessor_config.json` for the pictures. Without them:
/// heads of width 64, epsilon 1e-6 (timm) or 1e-12 (Hugging Face), and DeiT's pictures. Throws
/// DataError when a shape makes no sense or a setting contradicts the shapes.
VisionConfig read_vision_config(const std::filesystem::path& path, const Checkpoint& checkpoint,
                                const VisionNames& names);

}  // namespace blindtuner
