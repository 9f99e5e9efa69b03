// CPU time of this process: what a machine that others use, too, can be asked for.
#pragma once

#include <sys/resource.h>

namespace blindtuner::bench {

/// Of all threads, the system's on their behalf included.
inline double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

}  // namespace blindtuner::bench
