#include "features/text/unicode.h"

#include <utf8proc.h>

#include <algorithm>
#include <vector>

#include "base/error.h"

namespace blindtuner::features {
utf8proc_category_t category_of(char32_t point) {
  return utf8proc_category(static_cast<utf8proc_int32_t>(point));
}

bool is_blank(char32_t point) {
  switch (category_of(point)) {
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
      return true;
    default:
      return (point >= 9 && point <= 13) || point == 0x85;
  }
}

bool is_letter(char32_t point) {
  const auto is = category_of(point);
  return is >= UTF8PROC_CATEGORY_LU && is <= UTF8PROC_CATEGORY_LO;
}

bool is_number(char32_t point) {
  const auto is = category_of(point);
  return is >= UTF8PROC_CATEGORY_ND && is <= UTF8PROC_CATEGORY_NO;
}

std::u32string lowered(const std::u32string& points) {
  std::u32string out;
  for (const char32_t point : points) {
    if (point == 0x130)
      out += U"i\u0307";  // the one letter that becomes two
    else
      out += static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(point)));
  }
  return out;
}

// utf8proc_map would put marks in order by exchanging neighbours,
// which takes quadratic time in a long run of them.
std::u32string decomposed(const std::u32string& points) {
  std::u32string out;
  for (const char32_t point : points) {
    utf8proc_int32_t parts[4];
    int boundary = 0;
    const utf8proc_ssize_t count = utf8proc_decompose_char(
        static_cast<utf8proc_int32_t>(point), parts, 4,
        static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_DECOMPOSE), &boundary);
    require(count >= 0 && count <= 4, "a canonical decomposition has at most 4 characters");
    for (utf8proc_ssize_t i = 0; i < count; ++i) out += static_cast<char32_t>(parts[i]);
  }
  const auto mark_class = [](char32_t point) {
    return utf8proc_get_property(static_cast<utf8proc_int32_t>(point))->combining_class;
  };
  for (auto begin = out.begin(); begin != out.end();) {
    const auto starts = [&](char32_t point) { return mark_class(point) == 0; };
    begin = std::find_if_not(begin, out.end(), starts);
    const auto end = std::find_if(begin, out.end(), starts);
    std::stable_sort(begin, end,
                     [&](char32_t a, char32_t b) { return mark_class(a) < mark_class(b); });
    begin = end;
  }
  return out;
}

std::u32string composed(const std::u32string& points) {
  const std::u32string parts = decomposed(points);
  std::vector<utf8proc_int32_t> buffer(parts.begin(), parts.end());
  const utf8proc_ssize_t count =
      utf8proc_normalize_utf32(buffer.data(), static_cast<utf8proc_ssize_t>(buffer.size()),
                               static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
  require(count >= 0, "a canonical composition is no longer than what it is of");
  return {buffer.begin(), buffer.begin() + count};
}

}  // namespace blindtuner::features
