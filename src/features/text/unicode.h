// Properties of characters and normal forms, by utf8proc.
#pragma once

#include <utf8proc.h>

#include <string>

namespace blindtuner::features {

/// The general category.
utf8proc_category_t category_of(char32_t point);
/// Unicode's White_Space.
bool is_blank(char32_t point);
/// The general categories L and N.
bool is_letter(char32_t point);
bool is_number(char32_t point);
/// Every character lowered by itself; U+0130 becomes two.
std::u32string lowered(const std::u32string& points);
/// Canonical decomposition, and composition of what was decomposed (NFC). In linear time but for
/// sorting.
std::u32string decomposed(const std::u32string& points);
std::u32string composed(const std::u32string& points);

}  // namespace blindtuner::features
