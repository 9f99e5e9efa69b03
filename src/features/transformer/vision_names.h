// The kinds of vision transformers that are known, as data: what their tensors are called, and what
// else sets them apart.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "features/transformer/checkpoint.h"

namespace blindtuner::features {

/// Names are below the checkpoint's prefix, those of a block below the block; an empty one: this
/// kind has no such tensor. What is optional is known by whether it is there.
struct VisionNames {
  std::string kind;     ///< for messages
  std::string patches;  ///< .weight, and .bias where there is one
  std::string mark;     ///< a tensor that tells this kind from others with the same patches
  std::string class_token, positions;
  std::string distillation_token, registers;  ///< optional
  std::string pre_norm;                       ///< of the embeddings
  std::string blocks;                         ///< a block's tensors start with this and its number
  std::string norm1, norm2, fc1, fc2, projection;
  bool joined_qkv = false;     ///< one tensor, otherwise three
  std::string qkv[3];          ///< queries, keys, values; the first is the joined one's
  std::string qkv_bias[2];     ///< of queries and values where these are tensors of their own
  std::string scale1, scale2;  ///< optional: what each half's result is multiplied by
  /// Optional, a block's or all blocks': added to attention scores by the offset of two patches.
  std::string offsets, shared_offsets;
  std::string final_norm;  ///< of tokens, before they are pooled
  std::string pool_norm;   ///< optional, in its place: of the mean of the patches' tokens
  std::string heads[2];    ///< class and distillation head of a distilled model
  std::string plain_head;  ///< the one head
  std::string embedding;   ///< optional: a product without bias on the class token
  std::string settings;    ///< the member of config.json that describes the network, or its top
  double epsilon = 1e-6;   ///< of the norms, unless settings say otherwise
  layers::Activation activation = layers::Activation::kGelu;
  /// Positions are interpolated with antialiasing. Settings may ask for pictures of another size.
  bool antialias = false, any_size = false;
  /// What pictures of this kind are like, where no settings say so.
  double crop_pct = 0.9;
  bool clip_colours = false;         ///< CLIP's mean and deviation, otherwise ImageNet's
  std::vector<std::string> ignored;  ///< tensors that start so are of training or another tower

  std::string block(std::size_t number) const { return blocks + std::to_string(number) + "."; }
};

/// The first kind whose patches and mark are there; sets the checkpoint's prefix. Throws DataError
/// when the file holds none.
const VisionNames& recognise_vision_names(Checkpoint& checkpoint);

}  // namespace blindtuner::features
