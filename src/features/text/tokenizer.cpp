#include "features/text/tokenizer.h"

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/path.h"
#include "features/text/byte_pairs.h"
#include "features/text/tokenizer_json.h"
#include "features/text/word_piece.h"

namespace blindtuner::features {

std::int32_t token_id(const Vocabulary& vocabulary, const std::string& token,
                      const std::string& where) {
  const auto found = vocabulary.find(token);
  if (found == vocabulary.end())
    throw DataError(where + ": no token '" + token.substr(0, 40) + "' in the vocabulary of " +
                    std::to_string(vocabulary.size()));
  return found->second;
}

std::unique_ptr<const Tokenizer> Tokenizer::load(const std::filesystem::path& folder, bool lower) {
  const auto has = [&](const char* name) { return path_exists(folder / name); };
  bool pairs = !has("tokenizer.json") && !has("vocab.txt") && has("vocab.json");
  if (has("tokenizer.json")) {
    const auto all = read_json_object(folder / "tokenizer.json");
    const std::string type = json_word(json_part(all, "model"), "type", "WordPiece");
    pairs = type == "BPE";
    if (!pairs && type != "WordPiece")
      throw DataError(quoted_path(folder / "tokenizer.json") + ": model '" + type.substr(0, 40) +
                      "', expected WordPiece or BPE");
  }
  if (pairs) return std::make_unique<const BytePairs>(BytePairs::load(folder, lower));
  return std::make_unique<const WordPiece>(WordPiece::load(folder, lower));
}

}  // namespace blindtuner::features
