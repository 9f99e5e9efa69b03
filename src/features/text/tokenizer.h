// Texts cut into the tokens of a model's vocabulary.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace blindtuner::features {

/// Of a vocabulary's files: their bytes, tokens (ids are below this), and special tokens.
inline constexpr std::uint64_t kMaxTokenizerBytes = std::uint64_t{1} << 26;
inline constexpr std::size_t kMaxVocabulary = std::size_t{1} << 20, kMaxSpecialTokens = 1024;

using Vocabulary = std::unordered_map<std::string, std::int32_t>;

/// The id of a token that must be there: DataError, which `where` opens, if it is not.
std::int32_t token_id(const Vocabulary& vocabulary, const std::string& token,
                      const std::string& where);

/// A token that is recognised in a text before it is cut.
struct SpecialToken {
  std::string text;
  bool strips_left = false, strips_right = false;  ///< takes the blanks beside it
};

/// Immutable; any number of threads at once.
class Tokenizer {
 public:
  virtual ~Tokenizer() = default;
  virtual std::size_t size() const = 0;
  /// The id of what the vocabulary lacks; -1 where nothing does.
  virtual std::int32_t unknown() const = 0;
  /// The ids of a text, between those that open and close it; at most `max_tokens` (2 or more) in
  /// all, what is behind is cut off.
  virtual std::vector<std::int32_t> encode(std::string_view text, std::size_t max_tokens) const = 0;

  /// From a model's folder: `tokenizer.json` of a WordPiece or a byte-level BPE model, or
  /// `vocab.txt`, or `vocab.json` with `merges.txt`. `lower`: texts are lowered first, whatever
  /// these say. Throws DataError, which names other kinds.
  static std::unique_ptr<const Tokenizer> load(const std::filesystem::path& folder,
                                               bool lower = false);
};

}  // namespace blindtuner::features
