#include "features/text/tokenizer_json.h"

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json.h"
#include "base/path.h"

namespace blindtuner::features {

namespace fs = std::filesystem;
using nlohmann::json;

json read_json_object(const fs::path& path) {
  json out = read_json(path, kMaxTokenizerBytes);
  if (!out.is_object()) throw DataError(quoted_path(path) + ": expected a JSON object");
  return out;
}

const json& json_part(const json& object, const char* key) {
  static const json empty = json::object();
  const auto found = object.find(key);
  return found != object.end() && found->is_object() ? *found : empty;
}

std::string json_word(const json& object, const char* key, const std::string& otherwise) {
  const auto found = object.find(key);
  if (found == object.end()) return otherwise;
  if (found->is_string()) return found->get<std::string>();
  // Hugging Face's files have tokens as objects too.
  const json& token = json_part(object, key);
  const auto content = token.find("content");
  return content != token.end() && content->is_string() ? content->get<std::string>() : otherwise;
}

bool json_flag(const json& object, const char* key, bool otherwise) {
  const auto found = object.find(key);
  return found != object.end() && found->is_boolean() ? found->get<bool>() : otherwise;
}

std::pair<std::string, std::string> template_tokens(const json& processor,
                                                    const std::string& where) {
  const std::string type = json_word(processor, "type", "");
  if (type == "TemplateProcessing") {
    const auto single = processor.find("single");
    if (single != processor.end() && single->is_array() && single->size() == 3) {
      const json &first = (*single)[0], &last = (*single)[2];
      return {json_word(json_part(first, "SpecialToken"), "id", ""),
              json_word(json_part(last, "SpecialToken"), "id", "")};
    }
  } else if (type == "BertProcessing" || type == "RobertaProcessing") {
    const auto token = [&](const char* key) {
      const auto found = processor.find(key);
      const bool good = found != processor.end() && found->is_array() && !found->empty() &&
                        (*found)[0].is_string();
      return good ? (*found)[0].get<std::string>() : std::string();
    };
    return {token("cls"), token("sep")};
  }
  throw DataError(where + ": post_processor '" + type.substr(0, 40) +
                  "', expected one that puts a token before and behind a text");
}

Vocabulary json_vocabulary(const json& object, const std::string& where) {
  Vocabulary vocabulary;
  for (const auto& [piece, id] : object.items()) {
    if (!id.is_number_unsigned() || id.get<std::uint64_t>() >= kMaxVocabulary)
      throw DataError(where + ": a token of the vocabulary has no id below " +
                      std::to_string(kMaxVocabulary));
    vocabulary.emplace(piece, id.get<std::int32_t>());
  }
  return vocabulary;
}

std::vector<SpecialToken> added_tokens(const json& all, Vocabulary& vocabulary,
                                       const std::string& where) {
  std::vector<SpecialToken> out;
  const auto added = all.find("added_tokens");
  if (added == all.end() || !added->is_array()) return out;
  for (const json& token : *added) {
    if (!token.is_object()) continue;
    out.push_back({json_word(token, "content", ""), json_flag(token, "lstrip", false),
                   json_flag(token, "rstrip", false)});
    if (const auto id = token.find("id"); id != token.end() && !out.back().text.empty())
      for (auto& [piece, number] : json_vocabulary(json::object({{out.back().text, *id}}), where))
        vocabulary.emplace(piece, number);
  }
  return out;
}

}  // namespace blindtuner::features
