#include "features/transformer/text_config.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json.h"
#include "base/path.h"
#include "features/transformer/settings.h"

namespace blindtuner::features {
namespace {

using nlohmann::json;

// Of relative positions: nearer than a quarter of them each has its own, and those end before 128.
constexpr std::size_t kMaxBuckets = 256;

void read_shapes(const Checkpoint& checkpoint, const TextNames& names, TextConfig& config) {
  const Shape& words = checkpoint.shape(names.words, 2);
  config.vocabulary = words[0];
  config.width = words[1];
  config.positions = checkpoint.shape(names.positions, 2)[0];
  if (!names.types.empty() && checkpoint.contains(names.types))
    config.token_types = checkpoint.shape(names.types, 2)[0];
  if (!names.distances.empty()) config.buckets = checkpoint.shape(names.distances, 2)[0];
  config.depth = checkpoint.count_blocks(names.blocks);
  config.hidden = checkpoint.shape(names.block(0) + names.fc1 + ".weight", 2)[0];
  if (config.width > kMaxWidth || config.hidden > kMaxWidth)
    throw DataError(checkpoint.where() + ": widths of " + std::to_string(config.width) + " and " +
                    std::to_string(config.hidden) + ", expected at most " +
                    std::to_string(kMaxWidth));
}

void read_network_settings(const json& all, const std::string& where, const TextNames& names,
                           TextConfig& config) {
  const json& part = object_setting(all, names.settings.c_str());
  const json& settings = names.settings.empty() || part.empty() ? all : part;
  if (word_setting(settings, "position_embedding_type", "absolute", where) != "absolute")
    throw DataError(where + ": expected a position_embedding_type of absolute");
  if (flag_setting(settings, "is_decoder", false, where))
    throw DataError(where + ": is_decoder is true, expected an encoder");
  const char* const heads = names.heads_key.c_str();
  config.heads = whole_setting(settings, heads, 0, 1, config.width, where);
  if (config.heads == 0 || config.width % config.heads != 0)
    throw DataError(where + ": expected " + names.heads_key + ", a divisor of " +
                    std::to_string(config.width));
  config.epsilon = setting(settings, "layer_norm_eps", names.epsilon, 0, 1, where);
  const std::string activation = word_setting(settings, names.activation_key.c_str(), "", where);
  config.activation = activation.empty() ? names.activation : activation_named(activation, where);
  if (names.after_padding)
    config.first_position = 1 + whole_setting(settings, "pad_token_id", 1, 0, kMaxTokens, where);
  if (names.causal) {
    // 2 is what old files say, wrongly: the token of the end has the largest id then.
    const std::size_t most = std::max<std::size_t>(config.vocabulary, 50000);
    config.closing = whole_setting(settings, "eos_token_id", 2, 0, most, where);
    if (config.closing == 2) config.closing = 0;
  }
  const auto origin = [&](const char* setting, const char* key, const std::string& value) {
    const bool said = settings.contains(key);
    config.origins.push_back(
        {setting, value, said ? where : "what is usual for " + names.kind, false});
  };
  origin("heads", heads, std::to_string(config.heads));
  origin("epsilon", "layer_norm_eps", json_text(config.epsilon));
}

/// Tokens of a text at most: as many as there are positions for, or as settings say.
void read_length(const SentenceModules& modules, TextConfig& config) {
  const std::size_t room = std::min(config.positions - config.first_position, kMaxTokens);
  std::size_t said = modules.max_tokens;
  const auto path = modules.transformer / "tokenizer_config.json";
  const json settings = read_settings(path);
  if (const auto side = word_setting(settings, "truncation_side", "right", quoted_path(path));
      side != "right")
    throw DataError(quoted_path(path) + ": truncation_side is '" + side.substr(0, 40) +
                    "', expected right");
  if (said == 0) {
    // "Without limit" is written as a very large number of any type.
    const auto longest = settings.find("model_max_length");
    if (longest != settings.end() && longest->is_number_unsigned() &&
        longest->get<std::size_t>() >= 2)
      said = longest->get<std::size_t>();
  }
  config.max_tokens = said == 0 ? room : std::min(room, said);
}

}  // namespace

TextConfig read_text_config(const SentenceModules& modules, Checkpoint& checkpoint,
                            const TextNames*& names) {
  const auto file = modules.transformer / "config.json";
  const std::string where = quoted_path(file);
  const json settings = read_settings(file);
  names = &recognise_text_names(checkpoint, word_setting(settings, "model_type", "", where), where);
  TextConfig config;
  config.kind = names->kind;
  config.norm_first = names->norm_first;
  config.causal = names->causal;
  read_shapes(checkpoint, *names, config);
  read_network_settings(settings, where, *names, config);
  // A text has two tokens at least.
  if (config.first_position + 2 > config.positions || config.buckets % 4 != 0 ||
      config.buckets > kMaxBuckets)
    throw DataError(checkpoint.where() + ": " + std::to_string(config.positions) +
                    " positions and " + std::to_string(config.buckets) +
                    " buckets of relative ones make no sense");
  read_length(modules, config);
  config.modes = modules.modes;
  config.steps = modules.steps;
  config.prompt = modules.prompt;
  config.lower = modules.lower;
  config.tokenizer = modules.transformer;
  const bool said = !config.modes.empty();
  if (!said) config.modes = {names->causal ? TextMode::kClosing : TextMode::kMean};
  config.origins.push_back({"pooling",
                            said            ? "as its modules say"
                            : names->causal ? "the closing token"
                                            : "the mean of all tokens",
                            said ? "modules.json" : "what is usual for " + names->kind,
                            !said && !names->causal});
  return config;
}

}  // namespace blindtuner::features
