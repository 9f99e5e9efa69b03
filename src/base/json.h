// JSON: the one place where it is parsed, and written as text.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
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

/// A whole number from `least` to `most`, for what another may have written: nlohmann's get<int>()
/// cuts fractions, wraps what an int does not hold and takes true for 1. Throws DataError.
std::int64_t whole_number(const nlohmann::json& value, std::int64_t least, std::int64_t most);
/// Any that `Integer` and std::int64_t hold.
template <std::integral Integer>
Integer whole_number(const nlohmann::json& value) {
  using Limits = std::numeric_limits<Integer>;
  constexpr auto kMost = static_cast<std::int64_t>(
      std::min<std::uint64_t>(Limits::max(), std::numeric_limits<std::int64_t>::max()));
  return static_cast<Integer>(whole_number(value, static_cast<std::int64_t>(Limits::min()), kMost));
}

/// UTF-8, on one line or, with `indent`, on many. Names come from file systems and tables, so what
/// is not UTF-8 in a string or a key becomes U+FFFD, where nlohmann's own dump() throws; what would steer
/// a terminal (steers_display()) is written as \uHHHH, which readers take for the same.
std::string json_text(const nlohmann::json& value, int indent = -1);
/// The same with such characters as they are: for what is sealed, byte for byte.
std::string plain_json_text(const nlohmann::json& value, int indent = -1);

}  // namespace blindtuner
