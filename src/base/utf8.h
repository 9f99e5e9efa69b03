// UTF-8 and code points.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace blindtuner {

/// The code points of well-formed UTF-8 (no surrogates, no overlong forms, nothing above U+10FFFF),
/// or nothing.
std::optional<std::u32string> decode_utf8(std::string_view text);
/// How many bytes at the beginning of the text are well-formed UTF-8.
std::size_t utf8_prefix(std::string_view text);
/// The code points with U+FFFD for every byte that does not belong to a well-formed sequence.
std::u32string decode_utf8_leniently(std::string_view text);
/// UTF-8 of code points; U+FFFD for what is none.
std::string encode_utf8(std::u32string_view points);

/// Whether a code point moves the cursor, or turns or breaks the line that it is in: control characters
/// (C0, DEL, C1), marks and overrides of direction, separators of lines.
bool steers_display(char32_t point);
/// Text as a message can show it: what steers_display(), and bytes that are not UTF-8, as \xHH.
std::string printable(std::string_view text);

}  // namespace blindtuner
