#include "features/text/basic_tokens.h"

#include <utf8proc.h>

#include "base/utf8.h"
#include "features/text/unicode.h"

namespace blindtuner::features {
namespace {

/// What cleaning drops. Tabs and line breaks are blanks instead.
bool is_control(char32_t point) {
  if (point == '\t' || point == '\n' || point == '\r') return false;
  switch (category_of(point)) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CO:
      return true;
    default:
      return point == 0xfffd;
  }
}

bool is_punctuation(char32_t point) {
  if (point < 128)
    return (point >= 33 && point <= 47) || (point >= 58 && point <= 64) ||
           (point >= 91 && point <= 96) || (point >= 123 && point <= 126);
  switch (category_of(point)) {
    case UTF8PROC_CATEGORY_PC:
    case UTF8PROC_CATEGORY_PD:
    case UTF8PROC_CATEGORY_PS:
    case UTF8PROC_CATEGORY_PE:
    case UTF8PROC_CATEGORY_PI:
    case UTF8PROC_CATEGORY_PF:
    case UTF8PROC_CATEGORY_PO:
      return true;
    default:
      return false;
  }
}

/// Blocks of Chinese characters, as `tokenizers` has them (one begins 256 characters late).
bool is_chinese(char32_t point) {
  struct Block {
    char32_t first, last;
  };
  constexpr Block kBlocks[] = {{0x3400, 0x4dbf},   {0x4e00, 0x9fff},   {0xf900, 0xfaff},
                               {0x20000, 0x2a6df}, {0x2a700, 0x2b81f}, {0x2b920, 0x2ceaf},
                               {0x2f800, 0x2fa1f}};
  for (const Block& block : kBlocks)
    if (point >= block.first && point <= block.last) return true;
  return false;
}

}  // namespace

std::vector<std::u32string> BasicTokens::split(std::string_view text) const {
  std::u32string points;
  for (const char32_t point : decode_utf8_leniently(text)) {
    if (clean && is_control(point)) continue;
    const bool alone = chinese && is_chinese(point);
    if (alone) points += U' ';
    points += point;
    if (alone) points += U' ';
  }
  if (strip_accents) points = decomposed(points);
  std::vector<std::u32string> words;
  bool open = false;  // the last word may grow
  for (const char32_t point : points) {
    if (strip_accents && category_of(point) == UTF8PROC_CATEGORY_MN) continue;
    if (is_blank(point)) {
      open = false;
      continue;
    }
    const bool punctuation = is_punctuation(point);
    if (!open || punctuation) words.emplace_back();
    open = !punctuation;
    words.back() += lower ? lowered({point}) : std::u32string{point};
  }
  return words;
}

}  // namespace blindtuner::features
