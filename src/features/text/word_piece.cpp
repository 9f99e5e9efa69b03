#include "features/text/word_piece.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <tuple>

#include "base/error.h"
#include "base/input_file.h"
#include "base/json.h"
#include "base/path.h"
#include "base/utf8.h"
#include "features/text/tokenizer_json.h"

namespace blindtuner::features {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

/// `lower` and `strip_accents`, which follows the former unless it is set.
void read_case(const json& object, const char* lower_key, BasicTokens& basic) {
  basic.lower = json_flag(object, lower_key, true);
  basic.strip_accents = json_flag(object, "strip_accents", basic.lower);
}

WordPiece word_pieces_in(const fs::path& path, bool lower) {
  const std::string where = quoted_path(path);
  const json all = read_json_object(path);
  const json &model = json_part(all, "model"), &normalizer = json_part(all, "normalizer");
  const auto expect = [&](const json& object, const char* name, const char* type) {
    const std::string is = json_word(object, "type", "");
    if (is != type)
      throw DataError(where + ": " + name + " '" + is.substr(0, 40) + "', expected " + type);
  };
  // Files of old versions do not name the model.
  if (model.contains("type")) expect(model, "model", "WordPiece");
  expect(normalizer, "normalizer", "BertNormalizer");
  expect(json_part(all, "pre_tokenizer"), "pre_tokenizer", "BertPreTokenizer");
  WordPieceSettings settings;
  settings.basic.clean = json_flag(normalizer, "clean_text", true);
  settings.basic.chinese = json_flag(normalizer, "handle_chinese_chars", true);
  read_case(normalizer, "lowercase", settings.basic);
  settings.unknown = json_word(model, "unk_token", settings.unknown);
  settings.continuation = json_word(model, "continuing_subword_prefix", settings.continuation);
  if (const auto longest = model.find("max_input_chars_per_word"); longest != model.end()) {
    if (!longest->is_number_unsigned() || longest->get<std::uint64_t>() > kMaxWordCharacters)
      throw DataError(where + ": max_input_chars_per_word, expected 0 to " +
                      std::to_string(kMaxWordCharacters));
    settings.longest_word = longest->get<std::size_t>();
  }
  std::tie(settings.opening, settings.closing) =
      template_tokens(json_part(all, "post_processor"), where);
  settings.basic.lower = settings.basic.lower || lower;
  Vocabulary vocabulary = json_vocabulary(json_part(model, "vocab"), where);
  settings.special.clear();
  for (SpecialToken& token : added_tokens(all, vocabulary, where))
    settings.special.push_back(std::move(token.text));
  return WordPiece(std::move(vocabulary), std::move(settings), where);
}

WordPiece from_vocab_txt(const fs::path& path, bool lower) {
  const std::vector<std::uint8_t> bytes = read_file(path, kMaxTokenizerBytes);
  const std::string text(bytes.begin(), bytes.end());
  Vocabulary vocabulary;
  std::int32_t id = 0;
  for (std::size_t begin = 0; begin < text.size(); ++id) {
    if (static_cast<std::size_t>(id) == kMaxVocabulary)
      throw DataError(quoted_path(path) + ": more than " + std::to_string(kMaxVocabulary) +
                      " tokens");
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    std::string piece = text.substr(begin, end - begin);
    if (piece.ends_with('\r')) piece.pop_back();
    vocabulary[std::move(piece)] = id;
    begin = end + 1;
  }
  WordPieceSettings settings;
  for (const char* name : {"special_tokens_map.json", "tokenizer_config.json"}) {
    const fs::path beside = path.parent_path() / name;
    if (!path_exists(beside)) continue;
    const json all = read_json_object(beside);
    settings.opening = json_word(all, "cls_token", settings.opening);
    settings.closing = json_word(all, "sep_token", settings.closing);
    settings.unknown = json_word(all, "unk_token", settings.unknown);
    for (const char* key : {"cls_token", "sep_token", "unk_token", "pad_token", "mask_token"})
      settings.special.push_back(json_word(all, key, ""));
    if (name[0] != 't') continue;
    read_case(all, "do_lower_case", settings.basic);
    settings.basic.chinese = json_flag(all, "tokenize_chinese_chars", true);
  }
  settings.basic.lower = settings.basic.lower || lower;
  return WordPiece(std::move(vocabulary), std::move(settings), quoted_path(path));
}

}  // namespace

WordPiece::WordPiece(Vocabulary vocabulary, WordPieceSettings settings, const std::string& where)
    : vocabulary_(std::move(vocabulary)), settings_(std::move(settings)) {
  if (vocabulary_.size() > kMaxVocabulary || settings_.special.size() > kMaxSpecialTokens)
    throw DataError(where + ": " + std::to_string(vocabulary_.size()) + " tokens and " +
                    std::to_string(settings_.special.size()) + " special ones, expected at most " +
                    std::to_string(kMaxVocabulary) + " and " + std::to_string(kMaxSpecialTokens));
  if (settings_.continuation.size() > kMaxWordCharacters)
    throw DataError(where + ": a continuing_subword_prefix of " +
                    std::to_string(settings_.continuation.size()) + " bytes, expected at most " +
                    std::to_string(kMaxWordCharacters));
  const auto id = [&](const std::string& token) { return token_id(vocabulary_, token, where); };
  opening_ = id(settings_.opening);
  closing_ = id(settings_.closing);
  unknown_ = id(settings_.unknown);
  for (const auto& [piece, number] : vocabulary_)
    longest_piece_ = std::max(longest_piece_, piece.size());
  auto& special = settings_.special;
  std::erase_if(special, [&](const std::string& token) {
    return token.empty() || vocabulary_.count(token) == 0;
  });
  // Where two begin at one place, the longer is meant.
  std::sort(special.begin(), special.end(), [](const std::string& a, const std::string& b) {
    return a.size() != b.size() ? a.size() > b.size() : a < b;
  });
  special.erase(std::unique(special.begin(), special.end()), special.end());
}

WordPiece WordPiece::load(const fs::path& folder, bool lower) {
  const fs::path file = folder / "tokenizer.json", words = folder / "vocab.txt";
  if (path_exists(file)) return word_pieces_in(file, lower);
  if (path_exists(words)) return from_vocab_txt(words, lower);
  throw DataError(quoted_path(folder) +
                  ": no tokenizer.json and no vocab.txt, which cut texts into the model's tokens");
}

void WordPiece::add_word(const std::u32string& word, std::vector<std::int32_t>& out) const {
  if (word.size() > settings_.longest_word) {
    out.push_back(unknown_);
    return;
  }
  const std::size_t before = out.size();
  for (std::size_t begin = 0; begin < word.size();) {
    std::string piece = begin == 0 ? "" : settings_.continuation;
    const std::size_t prefix = piece.size();
    piece += encode_utf8(std::u32string_view(word).substr(begin));
    // From the longest on; a piece ends where a character does.
    std::size_t taken = word.size() - begin;
    auto found = vocabulary_.end();
    for (; taken > 0; --taken) {
      if (piece.size() <= longest_piece_) found = vocabulary_.find(piece);
      if (found != vocabulary_.end()) break;
      while (piece.size() > prefix && (static_cast<unsigned char>(piece.back()) & 0xc0) == 0x80)
        piece.pop_back();
      piece.pop_back();
    }
    if (taken == 0) {
      out.resize(before);
      out.push_back(unknown_);
      return;
    }
    out.push_back(found->second);
    begin += taken;
  }
}

std::vector<std::int32_t> WordPiece::encode(std::string_view text, std::size_t max_tokens) const {
  require(max_tokens >= 2, "WordPiece::encode: no room for the opening and closing token");
  std::vector<std::int32_t> out = {opening_};
  const auto plain = [&](std::string_view piece) {
    for (const std::u32string& word : settings_.basic.split(piece)) {
      if (out.size() >= max_tokens) return;
      add_word(word, out);
    }
  };
  std::size_t begin = 0;
  for (std::size_t at = 0; at < text.size();) {
    const auto starts = [&](const std::string& token) {
      return text.substr(at).starts_with(token);
    };
    const auto token = std::find_if(settings_.special.begin(), settings_.special.end(), starts);
    if (token == settings_.special.end()) {
      ++at;
      continue;
    }
    plain(text.substr(begin, at - begin));
    out.push_back(vocabulary_.at(*token));
    at += token->size();
    begin = at;
  }
  plain(text.substr(begin));
  out.resize(std::min(out.size(), max_tokens - 1));
  out.push_back(closing_);
  return out;
}

}  // namespace blindtuner::features
