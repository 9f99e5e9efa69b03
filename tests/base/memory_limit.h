// What may be taken of memory by a test that cannot leave it to another process, as secrets cannot.
#pragma once

#include <sys/resource.h>
#include <unistd.h>

#include <cstddef>
#include <fstream>

namespace blindtuner::testing_support {

/// Until it goes the process may take `bytes` more than it has. Without effect where the address sanitizer runs, which takes all
/// addresses there are.
class MemoryLimit {
 public:
  explicit MemoryLimit([[maybe_unused]] std::size_t bytes) {
    ::getrlimit(RLIMIT_AS, &before_);
#ifndef __SANITIZE_ADDRESS__
    std::size_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    const rlimit less{pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)) + bytes,
                      before_.rlim_max};
    ::setrlimit(RLIMIT_AS, &less);
#endif
  }
  ~MemoryLimit() { ::setrlimit(RLIMIT_AS, &before_); }
  MemoryLimit(const MemoryLimit&) = delete;
  MemoryLimit& operator=(const MemoryLimit&) = delete;

 private:
  rlimit before_{};
};

}  // namespace blindtuner::testing_support
