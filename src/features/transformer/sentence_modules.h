// What sentence-transformers does before and after an encoder: the files that it puts beside one.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "features/transformer/layers.h"

namespace blindtuner::features {

inline constexpr std::size_t kMaxModules = 32;  ///< of a modules.json
inline constexpr std::size_t kMaxPromptBytes = 4096;

/// How the tokens of a text become one vector. kClosing: CLIP's token of the end.
enum class TextMode { kFirst, kMax, kMean, kMeanSqrt, kWeightedMean, kLast, kClosing };

/// A step behind pooling: a product with what follows it, or division by the length.
struct SentenceStep {
  enum class Kind { kDense, kNormalize };
  enum class After { kNothing, kTanh, kRelu };
  Kind kind = Kind::kNormalize;
  layers::Affine dense;  ///< out x in, and out
  After after = After::kNothing;

  std::size_t out(std::size_t in) const { return kind == Kind::kDense ? dense.bias.size() : in; }
  void apply(std::vector<float>& vector) const;
};

struct SentenceModules {
  std::filesystem::path transformer;  ///< the encoder's own folder
  bool known = false;                 ///< there is a modules.json
  std::vector<TextMode> modes;        ///< side by side; none without a pooling module
  std::vector<SentenceStep> steps;    ///< in order
  std::string prompt;                 ///< before every text
  bool lower = false;                 ///< texts are lowered, whatever the tokenizer does
  std::size_t max_tokens = 0;         ///< of a text; 0: as many as fit
};

/// modules.json (Transformer, Pooling, Dense, Normalize, Dropout), the modules' own config.json,
/// sentence_bert_config.json and config_sentence_transformers.json. Without modules.json: the
/// folder itself, and nothing else. Throws DataError: damaged, or asks for what is not known (it
/// is named).
SentenceModules read_sentence_modules(const std::filesystem::path& folder);

}  // namespace blindtuner::features
