// What a sentence encoder is: out of its tensors' shapes and the settings that lie beside it.
#pragma once

#include <cstddef>
#include <filesystem>

#include "transformer/checkpoint.h"

namespace blindtuner {

struct TextConfig {
  std::size_t vocabulary = 0;  ///< token ids are below this
  std::size_t max_tokens = 0;  ///< of a text, those that open and close it included; cut there
  std::size_t width = 0;       ///< of a token, and of an embedding
  std::size_t depth = 0;       ///< blocks
  std::size_t heads = 0;
  std::size_t hidden = 0;  ///< width inside the multilayer perceptron
  double epsilon = 0;      ///< of the norms
  layers::Activation activation = layers::Activation::kGelu;
  bool mpnet = false;              ///< MPNet, otherwise BERT
  std::size_t first_position = 0;  ///< row of the position table for a text's first token
  std::size_t positions = 0;       ///< rows of that table
  std::size_t token_types = 0;     ///< rows of the table of token types; 0 without one
  std::size_t buckets = 0;         ///< of MPNet's relative positions

  bool mean_pooling = true;  ///< of all tokens, otherwise the first token is the embedding
  bool normalised = false;   ///< embeddings have length 1
};

/// `folder` holds `config.json` (Hugging Face's, needed for the number of heads) and, where they
/// came from sentence-transformers, `sentence_bert_config.json`, `modules.json` and the pooling's
/// own `config.json`; without these, tokens are averaged and embeddings keep their length. Sets the
/// checkpoint's prefix. Throws DataError: not of BERT's or MPNet's family, shapes that make no
/// sense, settings that contradict them or ask for what is not there.
TextConfig read_text_config(const std::filesystem::path& folder, Checkpoint& checkpoint);

}  // namespace blindtuner
