// Threads that belong to whoever made them.
#include "base/threads.h"

#include <gtest/gtest.h>

#include <mutex>
#include <set>
#include <thread>

#include "base/parallel.h"

namespace blindtuner {
namespace {

std::set<std::thread::id> threads_of_a_loop() {
  std::mutex mutex;
  std::set<std::thread::id> seen;
  parallel_for(200, [&](std::size_t) {
    std::this_thread::sleep_for(std::chrono::microseconds(100));
    const std::lock_guard lock(mutex);
    seen.insert(std::this_thread::get_id());
  });
  return seen;
}

TEST(Threads, LimitThreadsWhereTheyAreUsedAndNowhereElse) {
  Threads one(1), two(2);
  const int before = max_threads();
  {
    const UseThreads use(one);
    EXPECT_EQ(max_threads(), 1);
    EXPECT_EQ(threads_of_a_loop(), (std::set{std::this_thread::get_id()}));
    {
      const UseThreads inner(two);
      EXPECT_EQ(max_threads(), 2);
      EXPECT_LE(threads_of_a_loop().size(), 2u);
    }
    EXPECT_EQ(max_threads(), 1);
    std::thread([&] { EXPECT_EQ(max_threads(), before); }).join();
  }
  EXPECT_EQ(max_threads(), before);
}

TEST(Threads, AreThoseOfTheLoopOnAllItsThreads) {
  Threads three(3);
  const UseThreads use(three);
  parallel_for(100, [&](std::size_t) { EXPECT_EQ(&Threads::current(), &three); });
}

TEST(Threads, AreUsedByTwoThreadsAtOnce) {
  const auto work = [](int threads) {
    Threads mine(threads);
    const UseThreads use(mine);
    for (int i = 0; i < 5; ++i) EXPECT_LE(threads_of_a_loop().size(), std::size_t(threads));
  };
  std::jthread one(work, 1), three(work, 3);
}

}  // namespace
}  // namespace blindtuner
