#include "base/utf8.h"

#include <algorithm>
#include <array>
#include <cstdio>

namespace blindtuner {
namespace {

constexpr char32_t kReplacement = 0xfffd;

bool is_scalar(char32_t point) { return point < 0xd800 || (point > 0xdfff && point <= 0x10ffff); }

/// The length of the well-formed sequence at the beginning of `text`, 0 if there is none.
std::size_t next_point(std::string_view text, char32_t& point) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) {
    point = lead;
    return 1;
  }
  const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 0;
  if (length == 0 || lead > 0xf4 || text.size() < length) return 0;
  point = lead & (0xff >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
    point = point << 6 | (byte(i) & 0x3f);
  }
  constexpr char32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  return point >= kLeast[length] && is_scalar(point) ? length : 0;
}

}  // namespace

std::optional<std::u32string> decode_utf8(std::string_view text) {
  std::u32string out;
  out.reserve(text.size());
  while (!text.empty()) {
    char32_t point = 0;
    const std::size_t length = next_point(text, point);
    if (length == 0) return std::nullopt;
    out.push_back(point);
    text.remove_prefix(length);
  }
  return out;
}

std::size_t utf8_prefix(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    char32_t point = 0;
    const std::size_t length = next_point(text.substr(at), point);
    if (length == 0) break;
    at += length;
  }
  return at;
}

std::u32string decode_utf8_leniently(std::string_view text) {
  std::u32string out;
  while (!text.empty()) {
    char32_t point = 0;
    const std::size_t length = next_point(text, point);
    out.push_back(length == 0 ? kReplacement : point);
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return out;
}

bool steers_display(char32_t point) {
  return point < ' ' || (point >= 0x7f && point < 0xa0) || point == 0x61c ||
         (point >= 0x200e && point <= 0x200f) || (point >= 0x2028 && point <= 0x202e) ||
         (point >= 0x2066 && point <= 0x2069);
}

std::string printable(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    char32_t point = 0;
    std::size_t length = next_point(text, point);
    if (length == 0 || steers_display(point)) {
      length = std::max<std::size_t>(length, 1);
      for (const char c : text.substr(0, length)) {
        std::array<char, 5> escape{};
        std::snprintf(escape.data(), escape.size(), "\\x%02x", static_cast<unsigned char>(c));
        out += escape.data();
      }
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(length);
  }
  return out;
}

std::string encode_utf8(std::u32string_view points) {
  std::string out;
  for (char32_t point : points) {
    if (!is_scalar(point)) point = kReplacement;
    if (point < 0x80) {
      out += static_cast<char>(point);
      continue;
    }
    const int more = point < 0x800 ? 1 : point < 0x10000 ? 2 : 3;
    constexpr int kLead[] = {0, 0xc0, 0xe0, 0xf0};
    out += static_cast<char>(kLead[more] | static_cast<int>(point >> (6 * more)));
    for (int i = more - 1; i >= 0; --i)
      out += static_cast<char>(0x80 | (static_cast<int>(point >> (6 * i)) & 0x3f));
  }
  return out;
}

}  // namespace blindtuner
