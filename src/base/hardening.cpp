#include "base/hardening.h"

#include <sys/prctl.h>
#include <sys/resource.h>

#include <cstdlib>

// LeakSanitizer reads its own process as a debugger does.
#if defined(__SANITIZE_ADDRESS__)
#define BLINDTUNER_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define BLINDTUNER_SANITIZED 1
#endif
#endif

namespace blindtuner {

void harden_process() {
  struct rlimit locked {};
  if (::getrlimit(RLIMIT_MEMLOCK, &locked) == 0) {
    locked.rlim_cur = locked.rlim_max;
    ::setrlimit(RLIMIT_MEMLOCK, &locked);
  }
  if (std::getenv("BLINDTUNER_DEBUG") != nullptr) return;
  const struct rlimit none {};
  ::setrlimit(RLIMIT_CORE, &none);
#ifndef BLINDTUNER_SANITIZED
  ::prctl(PR_SET_DUMPABLE, 0);
#endif
}

}  // namespace blindtuner
