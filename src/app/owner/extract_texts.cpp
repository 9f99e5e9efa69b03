// From texts to features, with a pretrained sentence encoder.
#include <sstream>

#include "app/owner/extraction.h"
#include "data/file_bytes.h"
#include "text/word_piece.h"
#include "transformer/text_encoder.h"

namespace blindtuner {
namespace {

namespace fs = std::filesystem;

/// To be raised when the same model makes other features of the same tokens.
constexpr const char* kRecipe = "blindtuner features of texts, 1";

/// Everything that makes features out of a text's tokens.
Sha256Digest recipe_digest(const fs::path& weights, const TextConfig& config) {
  std::ostringstream text;
  text.precision(17);
  text << kRecipe << "; " << config.heads << " heads, epsilon " << config.epsilon << ", activation "
       << static_cast<int>(config.activation) << ", first position " << config.first_position
       << (config.mpnet ? ", MPNet" : "") << (config.mean_pooling ? ", mean" : ", first token")
       << (config.normalised ? ", normalised" : "");
  return Sha256().add(file_digest(weights)).add(text.str()).finish();
}

}  // namespace

void extract_texts(const CommonOptions& common, const ExtractOptions& options) {
  TextSource source = options.texts;
  source.classes.names = options.class_names();
  const TextSet texts = read_text_set(source);
  std::error_code ignored;
  const bool folder = fs::is_directory(options.model, ignored);
  const fs::path home = folder ? fs::path(options.model) : fs::path(options.model).parent_path();
  const fs::path weights = folder ? home / "model.safetensors" : fs::path(options.model);
  const TextEncoder model = TextEncoder::load(options.model);
  const WordPiece pieces = WordPiece::load(home.empty() ? "." : home);
  const auto cache =
      options.open_cache(recipe_digest(weights, model.config()), model.feature_count());

  using Tokens = std::vector<std::int32_t>;
  const auto load = [&](std::size_t i, Tokens& tokens) {
    tokens = pieces.encode(texts.texts[i], model.config().max_tokens);
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
    model.embed(tokens, lengths, features);
  };
  const ExtractionSettings settings{256, false, common.quiet, "texts"};
  const Extracted extracted = extract_features<Tokens>(
      texts.texts.size(), model.feature_count(), settings, cache.get(), load, prepare, encode);
  finish_extraction(common, options, settings, extracted,
                    {texts.names, texts.labels, texts.classes},
                    {{"vocabulary", pieces.size()}, {"max_tokens", model.config().max_tokens}});
}

}  // namespace blindtuner
