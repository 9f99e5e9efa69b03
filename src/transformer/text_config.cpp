#include "transformer/text_config.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "data/file_bytes.h"

namespace blindtuner {
namespace {

using nlohmann::json;

// Of relative positions: nearer than a quarter of them each has its own, and those end before 128.
constexpr std::size_t kMaxBuckets = 256;

void read_pooling(const std::filesystem::path& path, TextConfig& config) {
  const std::string where = quoted_path(path);
  const json settings = read_settings(path);
  std::string mode = word_setting(settings, "pooling_mode", "", where);
  for (const auto& [key, value] : settings.items())
    if (key.starts_with("pooling_mode_") && value == true)
      mode += (mode.empty() ? "" : " and ") + key.substr(13);
  config.mean_pooling = mode.starts_with("mean");
  if (!settings.empty() && mode != "mean" && mode != "mean_tokens" && mode != "cls" &&
      mode != "cls_token")
    throw DataError(where + ": pooling is '" + mode.substr(0, 80) + "', expected mean or cls");
  if (settings.empty()) config.mean_pooling = true;
}

/// The steps that sentence-transformers takes, in order: the encoder, pooling, perhaps a norm.
void read_modules(const std::filesystem::path& folder, TextConfig& config) {
  const auto path = folder / "modules.json";
  const std::string where = quoted_path(path);
  for (const json& module : read_settings(path, true)) {
    if (!module.is_object()) throw DataError(where + ": expected a list of objects");
    const std::string type = word_setting(module, "type", "", where);
    const std::string inside = word_setting(module, "path", "", where);
    if (inside.find('/') != std::string::npos || inside == "..")
      throw DataError(where + ": a path is '" + inside.substr(0, 80) +
                      "', expected a folder's name");
    if (type.ends_with("Pooling")) {
      read_pooling(folder / inside / "config.json", config);
    } else if (type.ends_with("Normalize")) {
      config.normalised = true;
    } else if (!type.ends_with("Transformer")) {
      throw DataError(where + ": a module is '" + type.substr(0, 80) +
                      "', expected Transformer, Pooling or Normalize");
    }
  }
}

}  // namespace

TextConfig read_text_config(const std::filesystem::path& folder, Checkpoint& checkpoint) {
  const auto prefix = checkpoint.prefix_of("embeddings.word_embeddings.weight");
  if (!prefix)
    throw DataError(checkpoint.where() +
                    ": not a text encoder of BERT's family: 'embeddings.word_embeddings.weight' is "
                    "not among its tensors");
  checkpoint.set_prefix(*prefix);
  TextConfig config;
  const Shape& words = checkpoint.shape("embeddings.word_embeddings.weight", 2);
  config.vocabulary = words[0];
  config.width = words[1];
  config.positions = checkpoint.shape("embeddings.position_embeddings.weight", 2)[0];
  if (checkpoint.contains("embeddings.token_type_embeddings.weight"))
    config.token_types = checkpoint.shape("embeddings.token_type_embeddings.weight", 2)[0];
  config.mpnet = checkpoint.contains("encoder.relative_attention_bias.weight");
  if (config.mpnet)
    config.buckets = checkpoint.shape("encoder.relative_attention_bias.weight", 2)[0];
  config.depth = checkpoint.count_blocks("encoder.layer.");
  config.hidden = checkpoint.shape("encoder.layer.0.intermediate.dense.weight", 2)[0];

  const std::string where = quoted_path(folder / "config.json");
  const json settings = read_settings(folder / "config.json");
  const std::string family = config.mpnet ? "mpnet" : "bert";
  if (const auto type = word_setting(settings, "model_type", family, where); type != family)
    throw DataError(where + ": model_type is '" + type.substr(0, 40) + "', expected " + family +
                    " by the names of the tensors");
  if (word_setting(settings, "position_embedding_type", "absolute", where) != "absolute")
    throw DataError(where + ": expected a position_embedding_type of absolute");
  config.heads = whole_setting(settings, "num_attention_heads", 0, 1, config.width, where);
  if (config.heads == 0 || config.width % config.heads != 0)
    throw DataError(where + ": expected num_attention_heads, a divisor of " +
                    std::to_string(config.width));
  config.epsilon = setting(settings, "layer_norm_eps", 1e-12, 0, 1, where);
  config.activation = activation_named(word_setting(settings, "hidden_act", "gelu", where), where);
  if (config.mpnet)  // positions are counted from behind the padding's
    config.first_position = 1 + whole_setting(settings, "pad_token_id", 1, 0, kMaxTokens, where);
  if (config.width > kMaxWidth || config.hidden > kMaxWidth)
    throw DataError(checkpoint.where() + ": widths of " + std::to_string(config.width) + " and " +
                    std::to_string(config.hidden) + ", expected at most " +
                    std::to_string(kMaxWidth));
  // A text has two tokens at least.
  if (config.first_position + 2 > config.positions || config.buckets % 4 != 0 ||
      config.buckets > kMaxBuckets)
    throw DataError(checkpoint.where() + ": " + std::to_string(config.positions) +
                    " positions and " + std::to_string(config.buckets) +
                    " buckets of relative ones make no sense");
  const std::size_t room = std::min(config.positions - config.first_position, kMaxTokens);
  const auto sentences = folder / "sentence_bert_config.json";
  config.max_tokens = std::min(room, whole_setting(read_settings(sentences), "max_seq_length", room,
                                                   2, 1u << 30, quoted_path(sentences)));
  read_modules(folder, config);
  return config;
}

}  // namespace blindtuner
