#include "base/parallel.h"

#include <sys/resource.h>
#include <tbb/blocked_range.h>
#include <tbb/global_control.h>
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#include <algorithm>
#include <cstdlib>
#include <latch>
#include <memory>
#include <new>
#include <system_error>
#include <thread>
#include <vector>

namespace blindtuner {
namespace {

thread_local bool inside_loop = false;

struct Inside {
  bool before = inside_loop;
  Inside() { inside_loop = true; }
  ~Inside() { inside_loop = before; }
};

// Below it there may be none left for what oneTBB's threads allocate when they start, in the midst of
// our work. Keys and data of secure parameters take more.
constexpr rlim_t kMemoryForThreads = rlim_t{1} << 30;

// So many of them as the system lets us have (limits on processes or on memory): oneTBB does not
// survive a refusal.
int available_threads(int wanted) {
  rlimit memory{};
  if (::getrlimit(RLIMIT_AS, &memory) == 0 && memory.rlim_cur < kMemoryForThreads) return 1;
  std::latch tried(1);
  std::vector<std::thread> threads;
  try {
    while (static_cast<int>(threads.size()) + 1 < wanted)
      threads.emplace_back([&] { tried.wait(); });
  } catch (const std::system_error&) {
  } catch (const std::bad_alloc&) {
  }
  tried.count_down();
  for (std::thread& thread : threads) thread.join();
  return static_cast<int>(threads.size()) + 1;
}

struct Limit {
  int threads;
  std::unique_ptr<tbb::global_control> control;
  explicit Limit(int wanted) { set(wanted); }
  void set(int wanted) {
    threads = available_threads(wanted);
    control.reset();
    control = std::make_unique<tbb::global_control>(tbb::global_control::max_allowed_parallelism,
                                                    static_cast<std::size_t>(threads));
  }
};

Limit& limit() {
  static Limit instance([] {
    const char* wanted = std::getenv("BLINDTUNER_THREADS");
    const int threads = wanted == nullptr ? 0 : std::atoi(wanted);
    return threads > 0 ? threads : tbb::this_task_arena::max_concurrency();
  }());
  return instance;
}

}  // namespace

int max_threads() { return limit().threads; }
void set_max_threads(int threads) { limit().set(threads); }

void detail::run_parallel(std::size_t count, void (*call)(void*, std::size_t), void* context) {
  if (count <= 1 || inside_loop || max_threads() == 1) {
    for (std::size_t i = 0; i < count; ++i) call(context, i);
    return;
  }
  tbb::parallel_for(
      tbb::blocked_range<std::size_t>(0, count, 1),
      [&](const tbb::blocked_range<std::size_t>& range) {
        const Inside mark;
        for (std::size_t i = range.begin(); i != range.end(); ++i) call(context, i);
      },
      tbb::simple_partitioner());
}

}  // namespace blindtuner
