// From texts to features, with a pretrained sentence encoder.
#include <sstream>

#include "app/common/report.h"
#include "app/owner/extraction.h"
#include "features/text/tokenizer.h"
#include "features/transformer/text_encoder.h"

namespace blindtuner::app {
namespace {

/// To be raised when the same model makes other features of the same tokens.
constexpr const char* kRecipe = "blindtuner features of texts, 2";

/// Everything that makes features out of a text's tokens.
Sha256Digest recipe_digest(const TextEncoder& model) {
  const TextConfig& config = model.config();
  std::ostringstream text;
  text.precision(17);
  text << kRecipe << "; " << config.kind << ", " << config.heads << " heads, epsilon "
       << config.epsilon << ", activation " << static_cast<int>(config.activation)
       << ", first position " << config.first_position << ", closing " << config.closing
       << ", modes";
  for (const TextMode mode : config.modes) text << ' ' << static_cast<int>(mode);
  text << "; pooling " << model.pooling().text();
  return Sha256().add(model.digest()).add(text.str()).finish();
}

}  // namespace

EncoderFeatures text_features(const CommonOptions& common, const ExtractOptions& options,
                              const PoolingPlan& pooling) {
  TextSource source = options.texts;
  source.classes.names = options.class_names();
  const TextSet texts = read_text_set(source);
  print_notes(common, texts.reading.notes);
  const TextEncoder model = TextEncoder::load(options.model, pooling);
  const TextConfig& config = model.config();
  const std::unique_ptr<const Tokenizer> tokenizer =
      Tokenizer::load(config.tokenizer.empty() ? "." : config.tokenizer, config.lower);
  nlohmann::json report = {{"notes", texts.reading.notes},
                           {"reading", texts.reading.details},
                           {"vocabulary", tokenizer->size()},
                           {"max_tokens", config.max_tokens}};
  if (!config.prompt.empty()) report["prompt"] = config.prompt;
  report_origins(options.model, config.origins, report);
  const auto cache = options.open_cache(recipe_digest(model), model.feature_count());

  using Tokens = std::vector<std::int32_t>;
  const auto load = [&](std::size_t i, Tokens& tokens) {
    tokens = tokenizer->encode(config.prompt + texts.texts[i], config.max_tokens);
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
  Extracted extracted = extract_features<Tokens>(texts.texts.size(), model.feature_count(),
                                                 settings, cache.get(), load, prepare, encode);
  return {std::move(extracted), columns_of_poolings(model),
          texts.names,          texts.classes,
          texts.labels,         settings,
          std::move(report),    16,
          texts.groups};
}

}  // namespace blindtuner::app
