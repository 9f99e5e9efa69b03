// Pretrained text encoders: BERT, RoBERTa, DistilBERT, MPNet, CLIP's text tower; with what
// sentence-transformers put behind one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>

#include "features/transformer/pooling.h"
#include "features/transformer/text_config.h"

namespace blindtuner::features {

/// Token ids in, one row of features a text out. @[Devlin19], @[Liu19], @[Sanh19], @[Song20],
/// @[Reimers19], @[Radford21]. Immutable; one instance may be used by many threads at once.
class TextEncoder {
 public:
  /// A model in any of the forms of model_files.h, or a folder of sentence-transformers' whose
  /// encoder lies in a folder of its own; settings are read from the folder (read_text_config).
  /// Throws DataError.
  static TextEncoder load(const std::filesystem::path& path,
                          PoolingPlan pooling = PoolingPlan::of("model"));
  ~TextEncoder();
  TextEncoder(TextEncoder&&) noexcept;
  TextEncoder& operator=(TextEncoder&&) noexcept;

  const TextConfig& config() const;
  const PoolingPlan& pooling() const;
  /// The weights' digest, of those behind the encoder too. Throws DataError.
  Sha256Digest digest() const;
  std::size_t part_width(const TokenPart& part) const;
  std::size_t feature_count() const;  ///< of all parts of the pooling

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

}  // namespace blindtuner::features
