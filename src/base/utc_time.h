// Moments as files and people have them: "2026-01-31T12:00:00Z".
#pragma once

#include <algorithm>
#include <array>
#include <ctime>
#include <string>
#include <string_view>

namespace blindtuner {

/// To the second. Of years 1000 to 9999.
inline std::string utc_time(std::time_t seconds) {
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text.data();
}

/// Whether it is written so; not whether there is such a day.
inline bool is_utc_time(std::string_view text) {
  constexpr std::string_view kForm = "0000-00-00T00:00:00Z";
  return std::ranges::equal(
      text, kForm, [](char a, char b) { return b == '0' ? a >= '0' && a <= '9' : a == b; });
}

}  // namespace blindtuner
