// Pretrained sentence encoders of BERT's family (MiniLM and others) and MPNet.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>

#include "transformer/text_config.h"

namespace blindtuner {

/// Token ids in, one embedding a text out: word, position and type embeddings, blocks that are
/// normalised after each half, the mean over a text's tokens, as sentence-transformers has it.
/// @[Devlin19], @[Song20], @[Reimers19]. Immutable; one instance may be used by many threads at
/// once.
class TextEncoder {
 public:
  /// A .safetensors file, or a folder with `model.safetensors`; settings are read from the folder
  /// (read_text_config). Throws DataError.
  static TextEncoder load(const std::filesystem::path& path);
  ~TextEncoder();
  TextEncoder(TextEncoder&&) noexcept;
  TextEncoder& operator=(TextEncoder&&) noexcept;

  const TextConfig& config() const;
  std::size_t feature_count() const;  ///< the width

  /// tokens: the ids of all texts, one text behind the other, each with the tokens that open and
  /// close it ([CLS], [SEP]) and without padding; lengths: each text's number of them, from 1 to
  /// config().max_tokens; features: texts x feature_count(). An id beyond the vocabulary is a
  /// DataError (the vocabulary's file is another model's); sizes that differ are a ContractError.
  void embed(std::span<const std::int32_t> tokens, std::span<const std::size_t> lengths,
             std::span<float> features) const;

 private:
  struct Network;
  explicit TextEncoder(std::unique_ptr<const Network> network);
  std::unique_ptr<const Network> network_;
};

}  // namespace blindtuner
