// JSON: the one place where it is parsed, and written as text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <string_view>

namespace blindtuner {

/// Containers within containers: whoever copies or destroys the result recurses once for each.
inline constexpr int kMaxJsonDepth = 32;
/// Numbers, words, containers and members' names of one text: in memory each takes 16 to 150 bytes,
/// though it may be two bytes of text.
inline constexpr std::size_t kMaxJsonValues = std::size_t{1} << 24;
/// Bytes of a file, unless its reader expects less.
inline constexpr std::uint64_t kMaxJsonBytes = std::uint64_t{1} << 28;

/// One JSON text with nothing behind it, in UTF-8. Refused, besides what is no JSON: more than the
/// maxima above, a name that is twice in one object (readers disagree on which of the two counts),
/// numbers that a double cannot hold. `where` opens every message. Throws DataError.
nlohmann::json parse_json(std::string_view text, const std::string& where);
/// The same out of a regular file of at most `max_bytes`. Throws DataError.
nlohmann::json read_json(const std::filesystem::path& path,
                         std::uint64_t max_bytes = kMaxJsonBytes);

/// UTF-8, on one line or, with `indent`, on many. Names come from file systems and tables, so what
/// is not UTF-8 in a string or a key becomes U+FFFD, where nlohmann's own dump() throws; what would steer
/// a terminal (steers_display()) is written as \uHHHH, which readers take for the same.
std::string json_text(const nlohmann::json& value, int indent = -1);
/// The same with such characters as they are: for what is sealed, byte for byte.
std::string plain_json_text(const nlohmann::json& value, int indent = -1);

}  // namespace blindtuner
