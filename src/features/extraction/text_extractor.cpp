#include "features/extraction/text_extractor.h"

#include <sstream>
#include <utility>

#include "base/sha256.h"

namespace blindtuner::features {
namespace {

/// To be raised when the same model makes other features of the same tokens.
constexpr const char* kTextRecipe = "blindtuner features of texts, 2";

}  // namespace

TextExtractor::TextExtractor(TextEncoder model)
    : model_(std::move(model)),
      tokenizer_(
          Tokenizer::load(model_.config().tokenizer.empty() ? "." : model_.config().tokenizer,
                          model_.config().lower)) {}

TextExtractor TextExtractor::load(const std::filesystem::path& model, PoolingPlan pooling) {
  return TextExtractor(TextEncoder::load(model, std::move(pooling)));
}

std::string TextExtractor::settings() const {
  const TextConfig& config = model_.config();
  std::ostringstream text;
  text.precision(17);
  text << kTextRecipe << "; " << config.kind << ", " << config.heads << " heads, epsilon "
       << config.epsilon << ", activation " << static_cast<int>(config.activation)
       << ", first position " << config.first_position << ", closing " << config.closing
       << ", modes";
  for (const TextMode mode : config.modes) text << ' ' << static_cast<int>(mode);
  return text.str();
}

std::string TextExtractor::identity() const {
  // The prompt is before every text, and so among the tokens that the cache knows.
  return encoder_name(
      Sha256().add(model_.digest()).add(settings()).add(model_.config().prompt).finish());
}

Sha256Digest TextExtractor::recipe() const {
  const std::string text = settings() + "; pooling " + model_.pooling().text();
  return Sha256().add(model_.digest()).add(text).finish();
}

Extracted TextExtractor::extract(std::span<const std::string> texts, FeatureCache* cache,
                                 const ExtractionListener& listener, const Seen& seen) const {
  const TextConfig& config = model_.config();
  using Tokens = std::vector<std::int32_t>;
  const auto load = [&](std::size_t i, Tokens& tokens) {
    const std::string text = config.prompt + texts[i];
    tokens = tokenizer_->encode(text, config.max_tokens);
    if (seen) seen(i, text, tokens);
    return Sha256().add(tokens.data(), tokens.size() * sizeof(tokens[0])).finish();
  };
  const auto prepare = [](std::size_t, const Tokens&) {};
  const auto encode = [&](std::span<const Tokens> inputs, std::span<float> features) {
    std::vector<std::int32_t> tokens;
    std::vector<std::size_t> lengths;
    for (const Tokens& input : inputs) {
      tokens.insert(tokens.end(), input.begin(), input.end());
      lengths.push_back(input.size());
    }
    model_.embed(tokens, lengths, features);
  };
  return extract_features<Tokens>(texts.size(), model_.feature_count(), {256, false}, cache,
                                  listener, load, prepare, encode);
}

}  // namespace blindtuner::features
