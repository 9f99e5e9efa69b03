// The three kinds of error, never mixed (docs/ARCHITECTURE.md, "Errors").
#pragma once

#include <stdexcept>
#include <string>

namespace blindtuner {

/// Data from outside (files, wire, arguments) is not what it must be. The message names what, where
/// and what was expected; programs print it as one line and exit with 1.
class DataError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A caller broke a function's contract (level, scale, missing key, shape).
class ContractError : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

/// Parameters that do not reach the required security, or a key beyond its secret's bound.
class SecurityError : public DataError {
 public:
  using DataError::DataError;
};

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
