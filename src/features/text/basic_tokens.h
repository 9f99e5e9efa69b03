// BERT's basic tokens: text cleaned, lowered, and cut at blanks and punctuation.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace blindtuner::features {

struct BasicTokens {
  bool clean = true;    ///< drop control characters, make every blank a space
  bool chinese = true;  ///< every Chinese character is a word
  bool lower = true;
  bool strip_accents = true;  ///< canonical decomposition without its non-spacing marks

  /// The words, in order, as code points; a character of punctuation (Unicode's P, and ASCII's
  /// symbols) is a word. As Hugging Face's `tokenizers` (BertNormalizer, BertPreTokenizer) has it,
  /// except for characters that are younger than its tables (utf8proc: Unicode 15). Bytes that are
  /// not UTF-8 count as U+FFFD, which cleaning drops.
  std::vector<std::u32string> split(std::string_view text) const;
};

}  // namespace blindtuner::features
