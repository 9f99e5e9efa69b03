#include "base/parallel.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <stdexcept>
#include <thread>
#include <vector>

#include "base/error.h"
#include "base/interrupt.h"

namespace blindtuner {
namespace {

TEST(ParallelFor, CallsEveryIndexOnce) {
  for (std::size_t count : {0, 1, 2, 1000}) {
    std::vector<std::atomic<int>> calls(count);
    parallel_for(count, [&](std::size_t i) { ++calls[i]; });
    for (const auto& c : calls) EXPECT_EQ(c, 1);
  }
}

TEST(ParallelFor, Nests) {
  std::atomic<int> calls{0};
  parallel_for(8, [&](std::size_t) { parallel_for(8, [&](std::size_t) { ++calls; }); });
  EXPECT_EQ(calls, 64);
}

TEST(ParallelFor, RethrowsTheFirstException) {
  const auto broken = [](std::size_t i) {
    if (i % 2 == 1) throw std::runtime_error("odd");
  };
  EXPECT_THROW(parallel_for(100, broken), std::runtime_error);
  EXPECT_NO_THROW(parallel_for(1, broken));
}

// In a process of its own: a request to end stands.
TEST(ParallelForDeathTest, EndsWhenTheProgramIsAskedTo) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto interrupted = [](int threads) {
    set_max_threads(threads);
    std::atomic<int> calls{0};
    try {
      parallel_for(1 << 20, [&](std::size_t) {
        if (++calls == 3) request_interrupt();
      });
    } catch (const Interrupted&) {
      ::_exit(calls < 1000 ? 7 : 1);
    }
    ::_exit(2);
  };
  EXPECT_EXIT(interrupted(1), testing::ExitedWithCode(7), "");
  EXPECT_EXIT(interrupted(2), testing::ExitedWithCode(7), "");
}

TEST(Errors, KeepTheThreeKindsApart) {
  EXPECT_THROW(require(false, "a caller's mistake"), ContractError);
  EXPECT_NO_THROW(require(true, "fine"));
  EXPECT_FALSE((std::is_base_of_v<DataError, ContractError>));
  EXPECT_TRUE((std::is_base_of_v<DataError, SecurityError>));
#ifdef BLINDTUNER_VERIFY
  EXPECT_THROW(verify(false, "an invariant"), std::logic_error);
#else
  EXPECT_NO_THROW(verify(false, "not checked here"));
#endif
}

// That ThreadSanitizer finds nothing says something only if it would: two calls of a loop's body write the same, and
// what they wait with orders nothing.
#ifdef __SANITIZE_THREAD__
TEST(Parallel, ARaceIsSeenByThreadSanitizer) {
  const auto race = [] {
    set_max_threads(2);
    std::atomic<int> there{0};
    int written = 0;
    parallel_for(2, [&](std::size_t) {
      there.fetch_add(1, std::memory_order_relaxed);
      while (there.load(std::memory_order_relaxed) < 2) std::this_thread::yield();
      ++written;
    });
    std::exit(written == 0 ? 1 : 0);
  };
  EXPECT_EXIT(race(), ::testing::ExitedWithCode(66), "data race");
}
#endif

// oneTBB's threads end the program when they start without memory.
TEST(Parallel, NoThreadsWhereMemoryIsShort) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "of loops on oneTBB, which ThreadSanitizer's build does without";
#endif
  const auto threads_with = [](rlim_t bytes) {
    rlimit memory{};
    ::getrlimit(RLIMIT_AS, &memory);
    memory.rlim_cur = std::min(bytes, memory.rlim_max);
    ::setrlimit(RLIMIT_AS, &memory);
    set_max_threads(2);
    std::_Exit(max_threads());
  };
  EXPECT_EXIT(threads_with(rlim_t{512} << 20), ::testing::ExitedWithCode(1), "");
  rlimit memory{};
  if (::getrlimit(RLIMIT_AS, &memory) != 0 || memory.rlim_max != RLIM_INFINITY)
    GTEST_SKIP() << "memory is limited here";
  EXPECT_EXIT(threads_with(RLIM_INFINITY), ::testing::ExitedWithCode(2), "");
}

}  // namespace
}  // namespace blindtuner
