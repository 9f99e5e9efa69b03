#include "transformer/checkpoint.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json.h"
#include "base/path.h"
#include "data/file_bytes.h"

namespace blindtuner {

using nlohmann::json;

std::optional<std::string> Checkpoint::prefix_of(const std::string& name) const {
  for (const auto& [full, tensor] : file_.tensors()) {
    if (!full.ends_with(name)) continue;
    const std::string prefix = full.substr(0, full.size() - name.size());
    if (prefix.empty() || prefix.back() == '.') return prefix;
  }
  return std::nullopt;
}

std::string Checkpoint::full(const std::string& name) const {
  return !file_.contains(prefix_ + name) && file_.contains(name) ? name : prefix_ + name;
}

const Shape& Checkpoint::shape(const std::string& name, std::size_t dimensions) const {
  const Shape& shape = file_.tensor(full(name)).shape;
  const bool positive = std::find(shape.begin(), shape.end(), 0u) == shape.end();
  if (shape.size() != dimensions || !positive)
    throw DataError(where() + ": tensor '" + full(name) + "' has shape " + shape_text(shape) +
                    ", expected " + std::to_string(dimensions) + " dimensions, none empty");
  return shape;
}

std::vector<float> Checkpoint::read(const std::string& name, const Shape& expected) {
  read_.insert(full(name));
  return file_.read(full(name), expected);
}

layers::Affine Checkpoint::linear(const std::string& name, std::size_t in, std::size_t out,
                                  bool biased) {
  layers::Affine affine{read(name + ".weight", {out, in}), std::vector<float>(out)};
  if (biased) affine.bias = read(name + ".bias", {out});
  return affine;
}

layers::Affine Checkpoint::norm(const std::string& name, std::size_t width) {
  return {read(name + ".weight", {width}), read(name + ".bias", {width})};
}

std::size_t Checkpoint::count_blocks(const std::string& before) const {
  std::size_t blocks = 0;
  const std::string start = prefix_ + before;
  for (const auto& [full, tensor] : file_.tensors()) {
    if (!full.starts_with(start)) continue;
    std::size_t number = 0;
    const auto [end, error] =
        std::from_chars(full.data() + start.size(), full.data() + full.size(), number);
    if (error != std::errc() || *end != '.' || number >= kMaxBlocks)
      throw DataError(where() + ": tensor '" + full + "': expected a block's number after '" +
                      start + "'");
    blocks = std::max(blocks, number + 1);
  }
  if (blocks == 0) throw DataError(where() + ": no tensor starts with '" + start + "'");
  return blocks;
}

void Checkpoint::refuse_unread(const std::vector<std::string>& ignored) const {
  for (const auto& [name, tensor] : file_.tensors()) {
    const bool known = std::any_of(ignored.begin(), ignored.end(), [&, &all = name](auto& start) {
      return all.starts_with(start) || all.starts_with(prefix_ + start);
    });
    if (!known && read_.count(name) == 0)
      throw DataError(where() + ": tensor '" + name + "' has no place in this kind of model");
  }
}

layers::Affine stack(const layers::Affine& queries, const layers::Affine& keys,
                     const layers::Affine& values) {
  layers::Affine out;
  for (const layers::Affine* part : {&queries, &keys, &values}) {
    out.weight.insert(out.weight.end(), part->weight.begin(), part->weight.end());
    out.bias.insert(out.bias.end(), part->bias.begin(), part->bias.end());
  }
  return out;
}

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

layers::Activation activation_named(const std::string& name, const std::string& where) {
  if (name == "gelu" || name == "gelu_python") return layers::Activation::kGelu;
  if (name == "gelu_new" || name == "gelu_fast" || name == "gelu_pytorch_tanh")
    return layers::Activation::kGeluTanh;
  if (name == "relu") return layers::Activation::kRelu;
  throw DataError(where + ": hidden_act is '" + name.substr(0, 40) +
                  "', expected gelu, gelu_new or relu");
}

}  // namespace blindtuner
