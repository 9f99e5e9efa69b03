// The three kinds of error, never mixed (docs/ARCHITECTURE.md, "Errors"): those that leave the library are
// declared where its users find them.
#pragma once

#include <blindtuner/errors.h>

#include <stdexcept>
#include <string>

namespace blindtuner {

/// The system does not say what is there (a disk or a network that fails, no descriptors left): nobody may conclude
/// anything from it, as from a file that is not there or is another's.
class NotTold : public DataError {
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
