// Which process something is at home in. One that is forked off has copies that look whole and are not: secrets are
// zero there (base/memory_pool.h), threads are missing, and locks are the first one's.
#pragma once

#include <unistd.h>

#include "base/error.h"

namespace blindtuner {

class HomeProcess {
 public:
  bool here() const { return process_ == ::getpid(); }
  /// Throws ContractError elsewhere; what: "a secret key".
  void require_here(const char* what) const {
    if (!here()) [[unlikely]]
      throw ContractError(
          std::string(what) +
          " of the process that this one was forked off from: make or open it here");
  }

 private:
  pid_t process_ = ::getpid();
};

}  // namespace blindtuner
