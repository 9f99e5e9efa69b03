#include "features/transformer/sentence_modules.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

#include "base/error.h"
#include "base/json.h"
#include "base/path.h"
#include "features/transformer/checkpoint.h"
#include "features/transformer/settings.h"

namespace blindtuner::features {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

struct NamedMode {
  const char* name;
  const char* old;  // a flag of older files
  TextMode mode;
};
/// In the order in which older files' modes stand side by side.
constexpr NamedMode kModes[] = {
    {"cls", "pooling_mode_cls_token", TextMode::kFirst},
    {"max", "pooling_mode_max_tokens", TextMode::kMax},
    {"mean", "pooling_mode_mean_tokens", TextMode::kMean},
    {"mean_sqrt_len_tokens", "pooling_mode_mean_sqrt_len_tokens", TextMode::kMeanSqrt},
    {"weightedmean", "pooling_mode_weightedmean_tokens", TextMode::kWeightedMean},
    {"lasttoken", "pooling_mode_lasttoken", TextMode::kLast},
};

TextMode mode_named(const std::string& name, const std::string& where) {
  for (const NamedMode& mode : kModes)
    if (name == mode.name) return mode.mode;
  throw DataError(where + ": pooling is '" + name.substr(0, 80) +
                  "', expected cls, max, mean, mean_sqrt_len_tokens, weightedmean or lasttoken");
}

std::vector<TextMode> read_pooling(const fs::path& path, bool& includes_prompt) {
  const std::string where = quoted_path(path);
  if (!path_exists(path)) throw DataError("cannot read " + where + ": no such file");
  const json settings = read_settings(path);
  includes_prompt = flag_setting(settings, "include_prompt", true, where);
  std::vector<TextMode> out;
  if (const auto found = settings.find("pooling_mode"); found != settings.end()) {
    const json modes = found->is_array() ? *found : json::array({*found});
    for (const json& mode : modes)
      out.push_back(
          mode_named(mode.is_string() ? mode.get<std::string>() : json_text(mode), where));
    if (out.size() > std::size(kModes))
      throw DataError(where + ": " + std::to_string(out.size()) + " poolings side by side");
  } else {
    // Older files say all flags but what is usual: the mean is taken unless they say that it is not.
    for (const NamedMode& mode : kModes)
      if (flag_setting(settings, mode.old, mode.mode == TextMode::kMean, where))
        out.push_back(mode.mode);
    for (const auto& [key, value] : settings.items())
      if (key.starts_with("pooling_mode_") && value == true &&
          std::none_of(std::begin(kModes), std::end(kModes),
                       [&, &name = key](const NamedMode& mode) { return name == mode.old; }))
        mode_named(key.substr(13), where);
  }
  if (out.empty()) throw DataError(where + ": no pooling is asked for");
  return out;
}

SentenceStep read_dense(const fs::path& folder) {
  const std::string where = quoted_path(folder / "config.json");
  const json settings = read_settings(folder / "config.json");
  SentenceStep step;
  step.kind = SentenceStep::Kind::kDense;
  const std::string activation =
      word_setting(settings, "activation_function", "torch.nn.modules.activation.Tanh", where);
  if (activation.ends_with(".Tanh"))
    step.after = SentenceStep::After::kTanh;
  else if (activation.ends_with(".ReLU"))
    step.after = SentenceStep::After::kRelu;
  else if (!activation.ends_with(".Identity"))
    throw DataError(where + ": activation_function is '" + activation.substr(0, 80) +
                    "', expected Tanh, ReLU or Identity");
  for (const char* key : {"module_input_name", "module_output_name"})
    if (const auto name = word_setting(settings, key, "sentence_embedding", where);
        name != "sentence_embedding")
      throw DataError(where + ": " + key + " is '" + name.substr(0, 40) +
                      "', expected sentence_embedding");
  if (flag_setting(settings, "use_residual", false, where))
    throw DataError(where + ": use_residual is true, which is not known");
  Checkpoint checkpoint(folder);
  const Shape shape = checkpoint.shape("linear.weight", 2);
  if (shape[0] > kMaxWidth || shape[1] > kMaxWidth)
    throw DataError(checkpoint.where() + ": a product of " + shape_text(shape) +
                    ", expected at most " + std::to_string(kMaxWidth));
  step.dense =
      checkpoint.linear("linear", shape[1], shape[0], flag_setting(settings, "bias", true, where));
  checkpoint.refuse_unread({});
  return step;
}

/// The prompt that stands before every text, as far as nobody chooses another.
std::string read_prompt(const fs::path& path) {
  const std::string where = quoted_path(path);
  const json settings = read_settings(path);
  const std::string name = word_setting(settings, "default_prompt_name", "", where);
  if (name.empty()) return {};
  const json& prompts = object_setting(settings, "prompts");
  if (!prompts.contains(name))
    throw DataError(where + ": default_prompt_name is '" + name.substr(0, 40) +
                    "', which is none of the prompts");
  std::string prompt = word_setting(prompts, name.c_str(), "", where);
  if (prompt.size() > kMaxPromptBytes)
    throw DataError(where + ": a prompt of " + std::to_string(prompt.size()) +
                    " bytes, expected at most " + std::to_string(kMaxPromptBytes));
  return prompt;
}

}  // namespace

void SentenceStep::apply(std::vector<float>& vector) const {
  if (kind == Kind::kNormalize) {
    const float square = std::inner_product(vector.begin(), vector.end(), vector.begin(), 0.0f);
    // As PyTorch's normalize has it.
    const float length = std::max(std::sqrt(square), 1e-12f);
    for (float& value : vector) value /= length;
    return;
  }
  const std::size_t in = vector.size();
  require(dense.weight.size() == in * dense.bias.size(), "SentenceStep: width");
  std::vector<float> out = dense.bias;
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i] = std::inner_product(vector.begin(), vector.end(),
                                dense.weight.begin() + static_cast<std::ptrdiff_t>(i * in), out[i]);
    if (after == After::kTanh) out[i] = std::tanh(out[i]);
    if (after == After::kRelu) out[i] = std::max(out[i], 0.0f);
  }
  vector = std::move(out);
}

SentenceModules read_sentence_modules(const fs::path& folder) {
  SentenceModules out;
  out.transformer = folder;
  const fs::path path = folder / "modules.json";
  const std::string where = quoted_path(path);
  const json modules = read_settings(path, true);
  out.known = path_exists(path);
  if (modules.size() > kMaxModules)
    throw DataError(where + ": " + std::to_string(modules.size()) + " modules, expected at most " +
                    std::to_string(kMaxModules));
  bool includes_prompt = true;
  std::size_t at = 0;
  for (const json& module : modules) {
    if (!module.is_object()) throw DataError(where + ": expected a list of objects");
    const std::string type = word_setting(module, "type", "", where);
    const std::string inside = word_setting(module, "path", "", where);
    const auto refuse = [&](const std::string& why) {
      return DataError(where + ": a module is '" + type.substr(0, 80) + "'" + why);
    };
    if (inside.find('/') != std::string::npos || inside == "..")
      throw DataError(where + ": a path is '" + inside.substr(0, 80) +
                      "', expected a folder's name");
    if (!type.starts_with("sentence_transformers."))
      throw refuse(", expected one of sentence_transformers");
    if (type.ends_with("Transformer")) {
      if (at > 0) throw refuse(", expected as the first one");
      if (!inside.empty()) out.transformer = folder / inside;
    } else if (type.ends_with("Pooling")) {
      if (!out.modes.empty()) throw refuse(", expected one only");
      out.modes = read_pooling(folder / inside / "config.json", includes_prompt);
    } else if (type.ends_with(".Dense") || type.ends_with("Normalize")) {
      if (out.modes.empty()) throw refuse(" before a Pooling");
      out.steps.push_back(type.ends_with("Normalize") ? SentenceStep{}
                                                      : read_dense(folder / inside));
    } else if (!type.ends_with("Dropout")) {
      throw refuse(", expected Transformer, Pooling, Dense or Normalize");
    }
    ++at;
  }
  const fs::path sentences = out.transformer / "sentence_bert_config.json";
  const json settings = read_settings(sentences);
  out.lower = flag_setting(settings, "do_lower_case", false, quoted_path(sentences));
  out.max_tokens =
      whole_setting(settings, "max_seq_length", 0, 2, 1u << 30, quoted_path(sentences));
  const fs::path prompts = folder / "config_sentence_transformers.json";
  out.prompt = read_prompt(prompts);
  if (!out.prompt.empty() && !includes_prompt)
    throw DataError(quoted_path(prompts) +
                    ": a default prompt that the pooling leaves out (include_prompt is false), "
                    "which is not known");
  return out;
}

}  // namespace blindtuner::features
