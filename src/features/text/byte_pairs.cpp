#include "features/text/byte_pairs.h"

#include <algorithm>
#include <queue>

#include "base/error.h"
#include "base/utf8.h"
#include "features/text/unicode.h"

namespace blindtuner::features {
namespace {

/// Bytes that are printable in Latin-1 stand for themselves, the others for what follows U+00FF.
std::array<std::string, 256> byte_texts() {
  std::array<std::string, 256> out;
  char32_t next = 256;
  for (char32_t byte = 0; byte < 256; ++byte) {
    const bool itself = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
    out[byte] = encode_utf8(std::u32string(1, itself ? byte : next++));
  }
  return out;
}

bool is_other(char32_t point) { return !is_blank(point) && !is_letter(point) && !is_number(point); }

/// How many characters of 's, 't, 're, 've, 'm, 'll, 'd are at this place.
std::size_t contraction(const std::u32string& text, std::size_t at) {
  for (const std::u32string_view tail : {U"'s", U"'t", U"'re", U"'ve", U"'m", U"'ll", U"'d"})
    if (std::u32string_view(text).substr(at).starts_with(tail)) return tail.size();
  return 0;
}

std::size_t run(const std::u32string& text, std::size_t at, bool (*is)(char32_t)) {
  std::size_t end = at;
  while (end < text.size() && is(text[end])) ++end;
  return end - at;
}

/// The length of GPT-2's word at this place:
/// contraction | ?letters | ?numbers | ?others | blanks not before a word | blanks
std::size_t gpt2_word(const std::u32string& text, std::size_t at) {
  if (const std::size_t length = contraction(text, at)) return length;
  const std::size_t space = text[at] == U' ' ? 1 : 0;
  for (const auto is : {is_letter, is_number, is_other})
    if (const std::size_t length = run(text, at + space, is)) return space + length;
  const std::size_t blanks = run(text, at, is_blank);
  // The last blank belongs to the word behind, or is a word of its own.
  return at + blanks < text.size() && blanks > 1 ? blanks - 1 : blanks;
}

/// CLIP's, where no blank is: contraction | letters | number | others.
std::size_t clip_word(const std::u32string& text, std::size_t at) {
  if (const std::size_t length = contraction(text, at)) return length;
  if (const std::size_t length = run(text, at, is_letter)) return length;
  return is_number(text[at]) ? 1 : run(text, at, is_other);
}

}  // namespace

BytePairs::BytePairs(Vocabulary vocabulary, const Merges& merges, BytePairSettings settings,
                     const std::string& where)
    : vocabulary_(std::move(vocabulary)), settings_(std::move(settings)), byte_text_(byte_texts()) {
  if (vocabulary_.size() > kMaxVocabulary || settings_.special.size() > kMaxSpecialTokens ||
      merges.size() > kMaxMerges)
    throw DataError(where + ": " + std::to_string(vocabulary_.size()) + " tokens, " +
                    std::to_string(settings_.special.size()) + " special ones and " +
                    std::to_string(merges.size()) + " pairs, expected at most " +
                    std::to_string(kMaxVocabulary) + ", " + std::to_string(kMaxSpecialTokens) +
                    " and " + std::to_string(kMaxMerges));
  const auto id = [&](const std::string& token) { return token_id(vocabulary_, token, where); };
  opening_ = id(settings_.opening);
  closing_ = id(settings_.closing);
  if (!settings_.unknown.empty()) unknown_ = id(settings_.unknown);
  for (const auto& [left, right] : merges) {
    const Merge merge{static_cast<std::uint32_t>(merges_.size()), id(left + right)};
    merges_.emplace(key(id(left), id(right)), merge);
  }
  auto& special = settings_.special;
  std::erase_if(special, [&](const SpecialToken& token) {
    return token.text.empty() || vocabulary_.count(token.text) == 0;
  });
  // Where two begin at one place, the longer is meant.
  std::stable_sort(special.begin(), special.end(),
                   [](const auto& a, const auto& b) { return a.text.size() > b.text.size(); });
}

void BytePairs::join(std::vector<std::int32_t>& symbols) const {
  // A chain of the symbols that are left, and the pairs in it that can be joined, first rank first.
  const std::size_t count = symbols.size();
  std::vector<std::size_t> next(count), before(count);
  struct Candidate {
    std::uint32_t rank;
    std::size_t left;
    std::int32_t first, second, joined;
    bool operator<(const Candidate& other) const {
      return rank != other.rank ? rank > other.rank : left > other.left;
    }
  };
  std::priority_queue<Candidate> queue;
  const auto offer = [&](std::size_t left) {
    if (left >= count || next[left] >= count) return;
    const std::int32_t first = symbols[left], second = symbols[next[left]];
    const auto found = merges_.find(key(first, second));
    if (found != merges_.end())
      queue.push({found->second.rank, left, first, second, found->second.id});
  };
  for (std::size_t i = 0; i < count; ++i) {
    next[i] = i + 1;
    before[i] = i == 0 ? count : i - 1;
  }
  for (std::size_t i = 0; i + 1 < count; ++i) offer(i);
  while (!queue.empty()) {
    const Candidate best = queue.top();
    queue.pop();
    const std::size_t left = best.left;
    const std::size_t right = symbols[left] == best.first ? next[left] : count;
    if (right >= count || symbols[right] != best.second) continue;  // joined with others since
    symbols[left] = best.joined;
    symbols[right] = -1;
    next[left] = next[right];
    if (next[left] < count) before[next[left]] = left;
    offer(before[left]);
    offer(left);
  }
  std::erase(symbols, -1);
}

void BytePairs::add_word(std::string_view word, std::vector<std::int32_t>& out) const {
  std::vector<std::int32_t> symbols;
  for (std::size_t i = 0; i < word.size(); ++i) {
    std::string text = byte_text_[static_cast<unsigned char>(word[i])];
    if (i + 1 == word.size()) text += settings_.end_of_word;
    const auto found = vocabulary_.find(text);
    if (found != vocabulary_.end())
      symbols.push_back(found->second);
    else if (unknown_ >= 0)
      symbols.push_back(unknown_);
  }
  join(symbols);
  out.insert(out.end(), symbols.begin(), symbols.end());
}

void BytePairs::add_plain(std::string_view text, std::size_t max_tokens,
                          std::vector<std::int32_t>& out) const {
  std::u32string points = decode_utf8_leniently(text);
  if (settings_.lower) points = lowered(points);
  if (settings_.clip) points = composed(points);
  if (points.empty()) return;
  if (settings_.prefix_space && !is_blank(points[0])) points.insert(points.begin(), U' ');
  for (std::size_t at = 0; at < points.size() && out.size() < max_tokens;) {
    if (settings_.clip && is_blank(points[at])) {
      ++at;
      continue;
    }
    const std::size_t length = settings_.clip ? clip_word(points, at) : gpt2_word(points, at);
    add_word(encode_utf8(std::u32string_view(points).substr(at, length)), out);
    at += length;
  }
}

std::vector<std::int32_t> BytePairs::encode(std::string_view text, std::size_t max_tokens) const {
  require(max_tokens >= 2, "BytePairs::encode: no room for the opening and closing token");
  std::vector<std::int32_t> out = {opening_};
  constexpr std::string_view kBlanks = " \t\n\v\f\r";
  std::size_t begin = 0;
  for (std::size_t at = 0; at < text.size() && out.size() < max_tokens;) {
    const auto token =
        std::find_if(settings_.special.begin(), settings_.special.end(),
                     [&](const auto& one) { return text.substr(at).starts_with(one.text); });
    if (token == settings_.special.end()) {
      ++at;
      continue;
    }
    std::string_view plain = text.substr(begin, at - begin);
    if (token->strips_left) plain = plain.substr(0, plain.find_last_not_of(kBlanks) + 1);
    add_plain(plain, max_tokens, out);
    out.push_back(vocabulary_.at(token->text));
    at += token->text.size();
    if (token->strips_right) at = std::min(text.find_first_not_of(kBlanks, at), text.size());
    begin = at;
  }
  add_plain(text.substr(begin), max_tokens, out);
  out.resize(std::min(out.size(), max_tokens - 1));
  out.push_back(closing_);
  return out;
}

}  // namespace blindtuner::features
