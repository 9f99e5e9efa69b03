// The kinds of text encoders that are known, as data: what their tensors are called, and what else
// sets them apart.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "features/transformer/checkpoint.h"

namespace blindtuner::features {

/// Names are below the checkpoint's prefix, those of a block below the block; an empty one: this
/// kind has no such tensor.
struct TextNames {
  std::string kind;  ///< for messages
  std::vector<std::string>
      model_types;  ///< what config.json calls it; the first, where it is silent
  std::string words, positions, embedding_norm;
  std::string mark;       ///< a tensor that tells this kind from others with the same words
  std::string types;      ///< optional: token types
  std::string distances;  ///< biases of attention by the distance of two tokens, in buckets
  std::string blocks;     ///< a block's tensors start with this and its number
  std::string queries, keys, values, projection, norm1, fc1, fc2, norm2;
  std::string final_norm;  ///< of tokens, before they are pooled
  std::string embedding;   ///< optional: a product without bias on the pooled token
  std::string settings;    ///< the member of config.json that describes the network, or its top
  std::string heads_key = "num_attention_heads", activation_key = "hidden_act";
  bool norm_first = false;  ///< x + f(norm(x)), otherwise norm(x + f(x))
  bool causal = false;  ///< tokens attend to themselves and those before; the closing one is pooled
  bool after_padding = false;  ///< positions are counted from behind the padding's
  double epsilon = 1e-12;
  layers::Activation activation = layers::Activation::kGelu;
  std::vector<std::string> ignored;  ///< tensors that start so are of training or another tower

  std::string block(std::size_t number) const { return blocks + std::to_string(number) + "."; }
};

/// The kind whose tensors are there and whose model_types hold `model_type`, if that is not empty;
/// sets the checkpoint's prefix. `where`: the file that names the type. Throws DataError.
const TextNames& recognise_text_names(Checkpoint& checkpoint, const std::string& model_type,
                                      const std::string& where);

}  // namespace blindtuner::features
