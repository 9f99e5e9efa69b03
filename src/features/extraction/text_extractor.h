// From texts to features: a sentence encoder and its tokenizer.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "features/extraction/extraction.h"
#include "features/text/tokenizer.h"
#include "features/transformer/text_encoder.h"

namespace blindtuner::features {

class TextExtractor {
 public:
  /// `model`: as TextEncoder::load() takes it. Throws DataError.
  static TextExtractor load(const std::filesystem::path& model,
                            PoolingPlan pooling = PoolingPlan::of("model"));

  const TextEncoder& model() const { return model_; }
  const Tokenizer& tokenizer() const { return *tokenizer_; }
  /// Of what makes features of texts, whatever the pooling: Dataset::encoder. Throws DataError.
  std::string identity() const;
  /// Of everything that makes features out of a text's tokens: the key of a cache. Throws DataError.
  Sha256Digest recipe() const;
  /// Told of every text, the model's prompt before it, what its tokens are; called on many threads.
  using Seen = std::function<void(std::size_t, const std::string&, std::span<const std::int32_t>)>;
  /// `cache` may be null. Throws DataError.
  Extracted extract(std::span<const std::string> texts, FeatureCache* cache,
                    const ExtractionListener& listener, const Seen& seen = {}) const;

 private:
  std::string settings() const;
  explicit TextExtractor(TextEncoder model);
  TextEncoder model_;
  std::unique_ptr<const Tokenizer> tokenizer_;
};

}  // namespace blindtuner::features
