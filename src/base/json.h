// JSON: the one place where it is parsed, and written as text.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace blindtuner {

/// Containers within containers: whoever copies or destroys the result recurses once for each.
inline constexpr int kMaxJsonDepth = 32;
/// Numbers, words, containers and members' names of one text: in memory each takes 16 to 150 bytes,
/// though it may be two bytes of text.
inline constexpr std::size_t kMaxJsonValues = std::size_t{1} << 24;
/// Bytes of a file, unless its reader expects less.
inline constexpr std::uint64_t kMaxJsonBytes = std::uint64_t{1} << 28;

/// One JSON text with nothing behind it, in UTF-8. Refused, besides what is no JSON: more than the
/// maxima above, or than `max_values`, a name that is twice in one object (readers disagree on which of the two
/// counts), numbers that a double cannot hold. `where` opens every message. Throws DataError.
nlohmann::json parse_json(std::string_view text, const std::string& where,
                          std::size_t max_values = kMaxJsonValues);
/// The same out of a regular file of at most `max_bytes`. Throws DataError.
nlohmann::json read_json(const std::filesystem::path& path,
                         std::uint64_t max_bytes = kMaxJsonBytes);

/// A value that another may have written, and where it is. Reading what is not there, or is of another
/// kind, throws DataError: "'run.json': 'files.model.enc.bytes' is missing". nlohmann's own readers abort where a
/// constant object has no such member, throw what is no DataError, cut fractions, wrap what an int does not hold
/// and take true for 1; tools/lint.py keeps them out of files that parse.
class JsonIn {
 public:
  /// `where` opens every message. The value must outlive it, and whatever it gives.
  JsonIn(const nlohmann::json& value, std::string where)
      : value_(&value), where_(std::move(where)) {}

  const nlohmann::json& value() const { return *value_; }
  bool is_null() const;

  /// Of an object.
  bool has(std::string_view name) const;
  JsonIn at(std::string_view name) const;
  std::vector<std::pair<std::string, JsonIn>> members() const;
  /// Of a list.
  std::size_t size() const;
  JsonIn at(std::size_t place) const;

  /// std::string, bool, double, any whole number that `T` and std::int64_t hold, and lists of these.
  template <typename T>
  T as() const;
  std::int64_t whole(std::int64_t least, std::int64_t most) const;
  /// Leaves `out` as it is where there is no such member.
  template <typename T>
  void take(std::string_view name, T& out) const {
    if (has(name)) out = at(name).as<T>();
  }

  [[noreturn]] void refuse(const std::string& expected) const;

 private:
  JsonIn(const nlohmann::json& value, const JsonIn& whole, const std::string& part);
  [[noreturn]] void fail(const std::string& what) const;
  std::string text() const;
  bool flag() const;
  double number() const;

  const nlohmann::json* value_;
  std::string where_, path_;
};

template <typename T>
T JsonIn::as() const {
  if constexpr (std::is_same_v<T, std::string>) {
    return text();
  } else if constexpr (std::is_same_v<T, bool>) {
    return flag();
  } else if constexpr (std::is_same_v<T, double>) {
    return number();
  } else if constexpr (std::is_integral_v<T>) {
    using Limits = std::numeric_limits<T>;
    constexpr auto kMost = static_cast<std::int64_t>(
        std::min<std::uint64_t>(Limits::max(), std::numeric_limits<std::int64_t>::max()));
    return static_cast<T>(whole(static_cast<std::int64_t>(Limits::min()), kMost));
  } else {
    T out;
    for (std::size_t i = 0, count = size(); i < count; ++i)
      out.push_back(at(i).template as<typename T::value_type>());
    return out;
  }
}

/// UTF-8, on one line or, with `indent`, on many. Names come from file systems and tables, so what
/// is not UTF-8 in a string or a key becomes U+FFFD, where nlohmann's own dump() throws; what would steer
/// a terminal (steers_display()) is written as \uHHHH, which readers take for the same.
std::string json_text(const nlohmann::json& value, int indent = -1);
/// The same with such characters as they are: for what is sealed, byte for byte.
std::string plain_json_text(const nlohmann::json& value, int indent = -1);

}  // namespace blindtuner
