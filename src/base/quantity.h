// Durations and sizes, for people.
#pragma once

#include <string>

namespace blindtuner {

/// "12 s", "3 min 05 s", "2 h 10 min".
std::string duration_text(double seconds);
/// "1.2 MB", in powers of 1000.
std::string bytes_text(double bytes);

}  // namespace blindtuner
