#include "base/hardening.h"

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <cstdlib>

namespace blindtuner {
namespace {

// The process is one of its own (gtest_discover_tests), and nothing of this can be undone.
TEST(Hardening, NoDumpsAndNoReaders) {
  ::unsetenv("BLINDTUNER_DEBUG");
  harden_process();
  struct rlimit core {
  }, locked{};
  ASSERT_EQ(::getrlimit(RLIMIT_CORE, &core), 0);
  EXPECT_EQ(core.rlim_cur, 0u);
  EXPECT_EQ(core.rlim_max, 0u);
  ASSERT_EQ(::getrlimit(RLIMIT_MEMLOCK, &locked), 0);
  EXPECT_EQ(locked.rlim_cur, locked.rlim_max);
#ifndef __SANITIZE_ADDRESS__
  EXPECT_EQ(::prctl(PR_GET_DUMPABLE), 0);
#endif
}

TEST(Hardening, ADebuggerMayBeLetIn) {
  ::setenv("BLINDTUNER_DEBUG", "1", 1);
  const int before = ::prctl(PR_GET_DUMPABLE);
  harden_process();
  EXPECT_EQ(::prctl(PR_GET_DUMPABLE), before);
  ::unsetenv("BLINDTUNER_DEBUG");
}

}  // namespace
}  // namespace blindtuner
