// WordPiece: words cut into the longest pieces that a vocabulary knows. @[Devlin19]
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "features/text/basic_tokens.h"
#include "features/text/tokenizer.h"

namespace blindtuner::features {

/// A word of n characters takes up to n^2 / 2 look-ups, so no file may ask for more than this.
inline constexpr std::size_t kMaxWordCharacters = 1000;

struct WordPieceSettings {
  BasicTokens basic;
  std::string opening = "[CLS]", closing = "[SEP]", unknown = "[UNK]";
  std::string continuation = "##";  ///< before pieces that do not begin a word
  std::size_t longest_word = 100;   ///< characters; longer ones are unknown
  /// Tokens that are recognised in a text before it is cut.
  std::vector<std::string> special = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};
};

/// Immutable; any number of threads at once.
class WordPiece : public Tokenizer {
 public:
  /// Opening, closing and unknown token must be in the vocabulary, special ones may be. `where`
  /// opens messages. Throws DataError.
  WordPiece(Vocabulary vocabulary, WordPieceSettings settings, const std::string& where);

  /// From a model's folder: `tokenizer.json` (Hugging Face's, of a WordPiece model), or `vocab.txt`
  /// (a token a line) with `tokenizer_config.json` and `special_tokens_map.json` where they are.
  /// `lower`: whatever these say. Throws DataError.
  static WordPiece load(const std::filesystem::path& folder, bool lower = false);

  std::size_t size() const override { return vocabulary_.size(); }
  std::int32_t unknown() const override { return unknown_; }
  const WordPieceSettings& settings() const { return settings_; }

  std::vector<std::int32_t> encode(std::string_view text, std::size_t max_tokens) const override;

 private:
  void add_word(const std::u32string& word, std::vector<std::int32_t>& out) const;

  Vocabulary vocabulary_;
  WordPieceSettings settings_;
  std::int32_t opening_ = 0, closing_ = 0, unknown_ = 0;
  std::size_t longest_piece_ = 0;  // bytes
};

}  // namespace blindtuner::features
