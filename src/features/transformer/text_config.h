// What a text encoder is: out of its tensors' shapes and the settings that lie beside it.
#pragma once

#include <cstddef>
#include <filesystem>

#include "features/transformer/checkpoint.h"
#include "features/transformer/sentence_modules.h"
#include "features/transformer/settings_origin.h"
#include "features/transformer/text_names.h"

namespace blindtuner::features {

struct TextConfig {
  std::string kind;            ///< for messages
  std::size_t vocabulary = 0;  ///< token ids are below this
  std::size_t max_tokens = 0;  ///< of a text, those that open and close it included; cut there
  std::size_t width = 0;       ///< of a token
  std::size_t depth = 0;       ///< blocks
  std::size_t heads = 0;
  std::size_t hidden = 0;  ///< width inside the multilayer perceptron
  double epsilon = 0;      ///< of the norms
  layers::Activation activation = layers::Activation::kGelu;
  bool norm_first = false, causal = false;
  std::size_t first_position = 0;  ///< row of the position table for a text's first token
  std::size_t positions = 0;       ///< rows of that table
  std::size_t token_types = 0;     ///< rows of the table of token types; 0 without one
  std::size_t buckets = 0;         ///< of MPNet's relative positions; 0: of no other kind
  std::size_t closing = 0;         ///< CLIP's: the id of the token of the end; 0: the largest id

  /// The model's own features: tokens made one vector by each mode, side by side, then the steps.
  std::vector<TextMode> modes;
  std::vector<SentenceStep> steps;
  std::string prompt;  ///< goes before every text
  bool lower = false;  ///< texts are lowered before they are cut, whatever the tokenizer does

  std::filesystem::path tokenizer;  ///< the folder of the vocabulary
  SettingOrigins origins;           ///< of what the tensors do not say
};

/// `config.json` (Hugging Face's, needed for the number of heads) and what
/// sentence-transformers put around it; without that, tokens are averaged (CLIP's closing one is
/// taken). Sets the checkpoint's prefix. Throws DataError: no known kind, shapes that make no
/// sense, settings that contradict them or ask for what is not there.
TextConfig read_text_config(const SentenceModules& modules, Checkpoint& checkpoint,
                            const TextNames*& names);

}  // namespace blindtuner::features
