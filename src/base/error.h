// The three kinds of error, never mixed (docs/ARCHITECTURE.md, "Errors"): those that leave the library are
// declared where its users find them.
#pragma once

#include <blindtuner/errors.h>

#include <stdexcept>
#include <string>

namespace blindtuner {

/// Always-on O(1) check of a caller's contract.
inline void require(bool condition, const char* message) {
  if (!condition) [[unlikely]]
    throw ContractError(message);
}
inline void require(bool condition, const std::string& message) {
  if (!condition) [[unlikely]]
    throw ContractError(message);
}

#ifdef BLINDTUNER_VERIFY
/// Internal invariant, checked in the verify preset only.
inline void verify(bool condition, const char* message) {
  if (!condition) throw std::logic_error(std::string("internal: ") + message);
}
#else
inline void verify(bool, const char*) {}
#endif

}  // namespace blindtuner
