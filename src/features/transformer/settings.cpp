#include "features/transformer/settings.h"

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json.h"
#include "base/path.h"
#include "features/transformer/settings_origin.h"

namespace blindtuner::features {

using nlohmann::json;

json read_settings(const std::filesystem::path& path, bool list) {
  if (!path_exists(path)) return list ? json::array() : json::object();
  json settings = read_json(path, kMaxSettingsBytes);
  if (list ? !settings.is_array() : !settings.is_object())
    throw DataError(quoted_path(path) + ": expected a JSON " + (list ? "array" : "object"));
  return settings;
}

namespace {

/// The member, or null.
const json& member(const json& settings, const char* key) {
  static const json absent;
  const auto found = settings.find(key);
  return found == settings.end() ? absent : *found;
}

[[noreturn]] void refuse(const std::string& where, const char* key, const json& is,
                         const std::string& expected) {
  std::string text = json_text(is);
  if (text.size() > 40) text = text.substr(0, 40) + "..";
  throw DataError(where + ": " + key + " is " + text + ", expected " + expected);
}

}  // namespace

double setting(const json& settings, const char* key, double otherwise, double least, double most,
               const std::string& where) {
  const json& is = member(settings, key);
  if (is.is_null()) return otherwise;
  if (!is.is_number() || !(is.get<double>() >= least && is.get<double>() <= most))
    refuse(where, key, is, "a number from " + json_text(least) + " to " + json_text(most));
  return is.get<double>();
}

std::size_t whole_setting(const json& settings, const char* key, std::size_t otherwise,
                          std::size_t least, std::size_t most, const std::string& where) {
  const json& is = member(settings, key);
  if (is.is_null()) return otherwise;
  if (!is.is_number_unsigned() || is.get<std::size_t>() < least || is.get<std::size_t>() > most)
    refuse(where, key, is,
           "a whole number from " + std::to_string(least) + " to " + std::to_string(most));
  return is.get<std::size_t>();
}

std::string word_setting(const json& settings, const char* key, const std::string& otherwise,
                         const std::string& where) {
  const json& is = member(settings, key);
  if (is.is_null()) return otherwise;
  if (!is.is_string()) refuse(where, key, is, "a word");
  return is.get<std::string>();
}

bool flag_setting(const json& settings, const char* key, bool otherwise, const std::string& where) {
  const json& is = member(settings, key);
  if (is.is_null()) return otherwise;
  if (!is.is_boolean()) refuse(where, key, is, "true or false");
  return is.get<bool>();
}

const json& object_setting(const json& settings, const char* key) {
  static const json empty = json::object();
  const json& is = member(settings, key);
  return is.is_object() ? is : empty;
}

layers::Activation activation_named(const std::string& name, const std::string& where) {
  if (name == "gelu" || name == "gelu_python") return layers::Activation::kGelu;
  if (name == "gelu_new" || name == "gelu_fast" || name == "gelu_pytorch_tanh")
    return layers::Activation::kGeluTanh;
  if (name == "relu") return layers::Activation::kRelu;
  if (name == "quick_gelu") return layers::Activation::kQuickGelu;
  throw DataError(where + ": hidden_act is '" + name.substr(0, 40) +
                  "', expected gelu, gelu_new, quick_gelu or relu");
}

std::string guessed_settings(const std::filesystem::path& model, const SettingOrigins& origins) {
  std::string list;
  for (const SettingOrigin& origin : origins)
    if (origin.guessed)
      list += (list.empty() ? "" : "; ") + origin.setting + " " + origin.value + " (" +
              origin.from + ")";
  return list.empty()
             ? ""
             : quoted_path(model) + ": no settings beside the weights say so, guessed: " + list;
}

}  // namespace blindtuner::features
