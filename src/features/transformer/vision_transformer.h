// Pretrained vision transformers: ViT, DeiT, MAE's encoder, DINOv2, BEiT, CLIP's vision tower.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>

#include "features/transformer/pooling.h"
#include "features/transformer/vision_config.h"

namespace blindtuner::features {

struct VisionOptions {
  /// What features are made of.
  PoolingPlan pooling = PoolingPlan::of("model");
  std::size_t image_size =
      0;  ///< pictures of this size, to which positions are interpolated; 0: as settings say
};

/// y = W_last( .. blocks(patches W + positions) .. ) after @[Dosovitskiy21] and @[Touvron21], as
/// timm and Hugging Face publish it; @[He22], @[Oquab23], @[Darcet23], @[Bao21] and @[Radford21]
/// for the kinds that add to it (vision_names.cpp). Immutable; one instance may be used by many
/// threads at once.
class VisionTransformer {
 public:
  /// Reads a model in any of the forms of model_files.h, in timm's or Hugging Face's naming, and
  /// the settings beside it (read_vision_config). Every tensor of the network must be there, in its
  /// shape, and none that the network has no place for; heads are optional. Throws DataError.
  static VisionTransformer load(const std::filesystem::path& path,
                                const VisionOptions& options = {});
  static VisionTransformer load(const ModelFiles& files, const VisionOptions& options = {});
  ~VisionTransformer();
  VisionTransformer(VisionTransformer&&) noexcept;
  VisionTransformer& operator=(VisionTransformer&&) noexcept;

  const VisionConfig& config() const;
  const PoolingPlan& pooling() const;
  /// Numbers a picture: 3 x image_size x image_size.
  std::size_t pixel_count() const;
  std::size_t part_width(const TokenPart& part) const;
  std::size_t feature_count() const;  ///< of all parts of the pooling
  std::size_t class_count() const;    ///< 0 without a head

  /// Features are the parts of the pooling, side by side, from tokens after the last norm.
  ///
  /// The model's own are what its head reads: the class token; of a distilled model, which has two
  /// heads whose logits are averaged, the mean of class and distillation token, as timm's
  /// `pre_logits` are (without heads too; but where the file has one head, on the class token, that
  /// token alone); where the model pools patches, their mean; of CLIP, the projected class token.
  ///
  /// The class token after an earlier block goes through the last norm too, as DINOv2's authors
  /// have it.
  ///
  /// pixels: batch x 3 x image_size x image_size, normalised as config() says (planes of red,
  /// green, blue); features: batch x feature_count(). Memory grows with the threads, not with the
  /// batch. Throws ContractError when sizes differ.
  void features(std::span<const float> pixels, std::size_t batch, std::span<float> features) const;
  /// The same with logits: batch x class_count(). Of a pooling with the model's own part only.
  void classify(std::span<const float> pixels, std::size_t batch, std::span<float> features,
                std::span<float> logits) const;

 private:
  struct Network;
  explicit VisionTransformer(std::unique_ptr<const Network> network);
  void run(std::span<const float> pixels, std::size_t batch, std::span<float> features,
           std::span<float> logits) const;
  std::unique_ptr<const Network> network_;
};

}  // namespace blindtuner::features
