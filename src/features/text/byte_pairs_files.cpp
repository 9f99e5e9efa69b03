#include <algorithm>
#include <nlohmann/json.hpp>
#include <tuple>

#include "base/error.h"
#include "base/input_file.h"
#include "base/json.h"
#include "base/path.h"
#include "features/text/byte_pairs.h"
#include "features/text/tokenizer_json.h"

namespace blindtuner::features {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// As CLIP's files have it.
constexpr const char* kClipWords = "'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+";

[[noreturn]] void refuse(const std::string& where, const char* what, const json& is,
                         const std::string& expected) {
  throw DataError(where + ": " + what + " " + json_text(is).substr(0, 100) + ", expected " +
                  expected);
}

/// "left right", or a list of the two.
std::pair<std::string, std::string> parse_pair(const json& merge, const std::string& where) {
  if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string())
    return {merge[0].get<std::string>(), merge[1].get<std::string>()};
  const std::string text = merge.is_string() ? merge.get<std::string>() : std::string();
  const std::size_t space = text.find(' ');
  if (space == 0 || space == std::string::npos || space + 1 == text.size() ||
      text.find(' ', space + 1) != std::string::npos)
    refuse(where, "a pair is", merge, "two tokens with a space between them");
  return {text.substr(0, space), text.substr(space + 1)};
}

/// Refuses one too many where it is read: a file may have sixteen times as many as may be, of 64 bytes each in memory.
void add_pair(BytePairs::Merges& merges, const json& merge, const std::string& where) {
  if (merges.size() == kMaxMerges)
    throw DataError(where + ": more than " + std::to_string(kMaxMerges) + " pairs");
  merges.push_back(parse_pair(merge, where));
}

/// The steps of a sequence, or the one there is.
std::vector<json> steps_of(const json& part, const char* key) {
  if (json_word(part, "type", "") != "Sequence")
    return part.empty() ? std::vector<json>{} : std::vector<json>{part};
  const auto found = part.find(key);
  return found != part.end() && found->is_array() ? std::vector<json>(found->begin(), found->end())
                                                  : std::vector<json>{};
}

void read_normalizer(const json& normalizer, const std::string& where, BytePairSettings& settings,
                     bool& composes) {
  for (const json& step : steps_of(normalizer, "normalizers")) {
    const std::string type = step.is_object() ? json_word(step, "type", "") : "";
    if (type == "NFC")
      composes = true;
    else if (type == "Lowercase")
      settings.lower = true;
    else if (type != "Replace" || json_word(json_part(step, "pattern"), "Regex", "") != "\\s+" ||
             json_word(step, "content", "") != " ")
      refuse(where, "normalizer", step, "NFC, Lowercase or blanks made one space");
  }
}

void read_pre_tokenizer(const json& part, const std::string& where, BytePairSettings& settings) {
  bool bytes = false;
  for (const json& step : steps_of(part, "pretokenizers")) {
    const std::string type = step.is_object() ? json_word(step, "type", "") : "";
    if (type == "ByteLevel") {
      bytes = true;
      settings.prefix_space = json_flag(step, "add_prefix_space", true);
      if (!json_flag(step, "use_regex", true) && !settings.clip)
        refuse(where, "pre_tokenizer", step, "use_regex to be true");
    } else if (type == "Split" &&
               json_word(json_part(step, "pattern"), "Regex", "") == kClipWords) {
      settings.clip = true;
    } else {
      refuse(where, "pre_tokenizer", step, "ByteLevel, behind CLIP's Split or alone");
    }
  }
  if (!bytes) refuse(where, "pre_tokenizer", part, "ByteLevel");
}

BytePairs from_tokenizer_json(const fs::path& path, bool lower) {
  const std::string where = quoted_path(path);
  const json all = read_json_object(path);
  const json& model = json_part(all, "model");
  for (const char* key : {"byte_fallback", "ignore_merges"})
    if (json_flag(model, key, false))
      throw DataError(where + ": " + key + " is true, which is not known");
  if (const auto dropout = model.find("dropout"); dropout != model.end() && !dropout->is_null())
    refuse(where, "dropout", *dropout, "none");
  if (const auto prefix = json_word(model, "continuing_subword_prefix", ""); !prefix.empty())
    refuse(where, "continuing_subword_prefix", prefix, "none");
  BytePairSettings settings;
  bool composes = false;
  read_normalizer(json_part(all, "normalizer"), where, settings, composes);
  read_pre_tokenizer(json_part(all, "pre_tokenizer"), where, settings);
  if (composes != settings.clip)
    throw DataError(where +
                    ": normalizer and pre_tokenizer are not of the same kind, expected "
                    "RoBERTa's or CLIP's");
  settings.unknown = json_word(model, "unk_token", "");
  settings.end_of_word = json_word(model, "end_of_word_suffix", "");
  std::tie(settings.opening, settings.closing) =
      template_tokens(json_part(all, "post_processor"), where);
  settings.lower = settings.lower || lower;
  Vocabulary vocabulary = json_vocabulary(json_part(model, "vocab"), where);
  settings.special = added_tokens(all, vocabulary, where);
  BytePairs::Merges merges;
  if (const auto list = model.find("merges"); list != model.end() && list->is_array())
    for (const json& merge : *list) add_pair(merges, merge, where);
  return BytePairs(std::move(vocabulary), merges, std::move(settings), where);
}

BytePairs from_vocab_json(const fs::path& folder, bool lower) {
  const fs::path words = folder / "vocab.json", pairs = folder / "merges.txt";
  const json config = path_exists(folder / "tokenizer_config.json")
                          ? read_json_object(folder / "tokenizer_config.json")
                          : json::object();
  const json special = path_exists(folder / "special_tokens_map.json")
                           ? read_json_object(folder / "special_tokens_map.json")
                           : json::object();
  Vocabulary vocabulary = json_vocabulary(read_json_object(words), quoted_path(words));
  BytePairSettings settings;
  settings.clip = vocabulary.count("<|startoftext|>") != 0;
  settings.prefix_space = json_flag(config, "add_prefix_space", false);
  const auto token = [&](const char* key, const char* roberta, const char* clip) {
    return json_word(config, key, json_word(special, key, settings.clip ? clip : roberta));
  };
  settings.opening = token("bos_token", "<s>", "<|startoftext|>");
  settings.closing = token("eos_token", "</s>", "<|endoftext|>");
  settings.unknown = token("unk_token", "<unk>", "<|endoftext|>");
  settings.lower = settings.clip || lower;
  if (settings.clip) settings.end_of_word = "</w>";
  settings.special = {{settings.opening, false, false},
                      {settings.closing, false, false},
                      {settings.unknown, false, false},
                      {token("pad_token", "<pad>", "<|endoftext|>"), false, false}};
  if (!settings.clip) settings.special.push_back({token("mask_token", "<mask>", ""), true, false});
  const std::vector<std::uint8_t> bytes = read_file(pairs, kMaxTokenizerBytes);
  const std::string text(bytes.begin(), bytes.end());
  BytePairs::Merges merges;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    std::string line = text.substr(begin, end - begin);
    if (line.ends_with('\r')) line.pop_back();
    if (!line.empty() && !(begin == 0 && line.starts_with("#version")))
      add_pair(merges, line, quoted_path(pairs));
    begin = end + 1;
  }
  return BytePairs(std::move(vocabulary), merges, std::move(settings), quoted_path(words));
}

}  // namespace

BytePairs BytePairs::load(const fs::path& folder, bool lower) {
  const fs::path file = folder / "tokenizer.json";
  return path_exists(file) ? from_tokenizer_json(file, lower) : from_vocab_json(folder, lower);
}

}  // namespace blindtuner::features
