// Numbers in a report's text.
#pragma once

#include <cstdio>
#include <string>

namespace blindtuner::app {

/// As printf has it: one number, of fewer than 64 characters.
template <typename T>
std::string formatted(const char* format, T value) {
  char text[64];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

}  // namespace blindtuner::app
