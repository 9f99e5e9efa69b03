// A result that is not used because its numbers are not those of the computation.
#pragma once

#include "base/error.h"

namespace blindtuner {

/// The ciphertext is genuine as far as can be told, but its numbers are beyond what the computation can
/// have given where it kept to its range. Programs exit with the code of results that cannot be trusted.
class UntrustedResult : public DataError {
 public:
  using DataError::DataError;
};

}  // namespace blindtuner
