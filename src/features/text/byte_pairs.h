// Byte-level byte pair encoding: words cut into bytes that are joined again by a list of pairs, as
// GPT-2, RoBERTa and CLIP have it. @[Sennrich16], @[Radford19]
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "features/text/tokenizer.h"

namespace blindtuner::features {

/// Pairs of a list.
inline constexpr std::size_t kMaxMerges = std::size_t{1} << 20;

struct BytePairSettings {
  std::string opening = "<s>", closing = "</s>";
  std::string unknown;        ///< for bytes that the vocabulary lacks; empty: these are dropped
  std::string end_of_word;    ///< behind the last byte of a word ("</w>")
  bool prefix_space = false;  ///< a space before a text that begins with none
  bool lower = false;         ///< before anything else
  /// CLIP's words: composed (NFC), blanks dropped, every digit alone. Otherwise GPT-2's: blanks
  /// belong to the word behind them.
  bool clip = false;
  std::vector<SpecialToken> special;
};

/// Immutable; any number of threads at once.
class BytePairs : public Tokenizer {
 public:
  using Merges = std::vector<std::pair<std::string, std::string>>;
  /// Opening and closing token must be in the vocabulary, and so must what a pair joins and gives.
  /// `where` opens messages. Throws DataError.
  BytePairs(Vocabulary vocabulary, const Merges& merges, BytePairSettings settings,
            const std::string& where);

  /// From a model's folder: `tokenizer.json` of a BPE model, or `vocab.json` (token -> id) and
  /// `merges.txt` (a pair a line) with `tokenizer_config.json`, which says whether they are CLIP's.
  /// Throws DataError.
  static BytePairs load(const std::filesystem::path& folder, bool lower = false);

  std::size_t size() const override { return vocabulary_.size(); }
  std::int32_t unknown() const override { return unknown_; }
  const BytePairSettings& settings() const { return settings_; }
  std::vector<std::int32_t> encode(std::string_view text, std::size_t max_tokens) const override;

 private:
  struct Merge {
    std::uint32_t rank = 0;
    std::int32_t id = 0;
  };
  static std::uint64_t key(std::int32_t left, std::int32_t right) {
    return static_cast<std::uint64_t>(left) << 32 | static_cast<std::uint32_t>(right);
  }
  void add_plain(std::string_view text, std::size_t max_tokens,
                 std::vector<std::int32_t>& out) const;
  void add_word(std::string_view word, std::vector<std::int32_t>& out) const;
  void join(std::vector<std::int32_t>& symbols) const;

  Vocabulary vocabulary_;
  BytePairSettings settings_;
  std::array<std::string, 256> byte_text_;  // how a byte is written in the vocabulary
  std::unordered_map<std::uint64_t, Merge> merges_;
  std::int32_t opening_ = 0, closing_ = 0, unknown_ = -1;
};

}  // namespace blindtuner::features
