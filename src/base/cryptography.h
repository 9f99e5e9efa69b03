// What the system's cryptography (OpenSSL, its random generator) does not deliver.
#pragma once

#include <stdexcept>
#include <string>

namespace blindtuner {

/// No memory, no random numbers, or a configuration (openssl.cnf, a FIPS mode) that refuses the algorithm: the system's
/// fault and not the program's.
class CryptographyUnavailable : public std::runtime_error {
 public:
  explicit CryptographyUnavailable(const std::string& what)
      : std::runtime_error(what +
                           ": OpenSSL does not deliver it (no memory, or its configuration)") {}
};

}  // namespace blindtuner
