// What functions throw. Three kinds, never mixed; whatever else is thrown comes from the system (memory, threads)
// or from a caller's own callback.
#pragma once

#include <stdexcept>

#pragma GCC visibility push(default)
namespace blindtuner {

/// Data from outside (files, wire, arguments) is not what it must be. One line that names what, where and what
/// was expected; the programs print it and exit with 1.
class DataError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Parameters that do not reach the required security, or a key beyond its secret's bound.
class SecurityError : public DataError {
 public:
  using DataError::DataError;
};

/// A result that is genuine as far as can be told, but whose numbers are beyond what the computation can have
/// given where it kept to its range. The programs exit with the code of results that cannot be trusted.
class UntrustedResult : public DataError {
 public:
  using DataError::DataError;
};

/// A caller broke a function's contract (a moved-from value, a size, a level): a mistake in the program.
class ContractError : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

}  // namespace blindtuner
#pragma GCC visibility pop
