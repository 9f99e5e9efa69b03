// Pretrained vision transformers: DeiT (tiny, small, base, distilled or not) and plain ViT.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>

#include "transformer/vision_config.h"

namespace blindtuner {

/// y = W_last( .. blocks(patches W + positions) .. ) after @[Dosovitskiy21] and @[Touvron21], with
/// exact GELU, as timm and Hugging Face publish it. Immutable; one instance may be used by many
/// threads at once.
class VisionTransformer {
 public:
  /// Reads a .safetensors file in timm's or Hugging Face's naming, and the settings beside it
  /// (read_vision_config). Every tensor of the network must be there, in its shape, and none that
  /// the network has no place for; heads are optional. Throws DataError.
  static VisionTransformer load(const std::filesystem::path& path);
  ~VisionTransformer();
  VisionTransformer(VisionTransformer&&) noexcept;
  VisionTransformer& operator=(VisionTransformer&&) noexcept;

  const VisionConfig& config() const;
  /// Numbers a picture: 3 x image_size x image_size.
  std::size_t pixel_count() const;
  std::size_t feature_count() const;  ///< the width
  std::size_t class_count() const;    ///< 0 without a head

  /// Features are what the head reads: the class token after the last norm. A distilled model has
  /// two heads, on the class and the distillation token, whose logits are averaged; its features
  /// are the mean of the two tokens, as timm's `pre_logits` are (without heads too; but where the
  /// file has one head, on the class token, that token alone).
  ///
  /// pixels: batch x 3 x image_size x image_size, normalised as config() says (planes of red,
  /// green, blue); features: batch x feature_count(). Memory grows with the threads, not with the
  /// batch. Throws ContractError when sizes differ.
  void features(std::span<const float> pixels, std::size_t batch, std::span<float> features) const;
  /// The same with logits: batch x class_count().
  void classify(std::span<const float> pixels, std::size_t batch, std::span<float> features,
                std::span<float> logits) const;

 private:
  struct Network;
  explicit VisionTransformer(std::unique_ptr<const Network> network);
  void run(std::span<const float> pixels, std::size_t batch, std::span<float> features,
           std::span<float> logits) const;
  std::unique_ptr<const Network> network_;
};

}  // namespace blindtuner
