// Threads of oneTBB: idle ones sleep, which on a shared machine is worth more than the microseconds that
// spinning would save.
#include <sys/resource.h>
#include <tbb/blocked_range.h>
#include <tbb/global_control.h>
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#include <latch>
#include <mutex>
#include <new>
#include <optional>
#include <system_error>
#include <thread>
#include <vector>

#include "base/threads.h"

namespace blindtuner {
namespace {

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

int wanted_by_default() {
  const int threads = threads_of_environment();
  return threads > 0 ? threads : tbb::this_task_arena::max_concurrency();
}

// oneTBB has no more threads than cores, in all, unless somebody says that it may.
void allow(int threads) {
  static std::mutex mutex;
  static int allowed = tbb::this_task_arena::max_concurrency();
  static std::optional<tbb::global_control> control;
  const std::lock_guard lock(mutex);
  if (threads <= allowed) return;
  control.reset();
  control.emplace(tbb::global_control::max_allowed_parallelism, static_cast<std::size_t>(threads));
  allowed = threads;
}

}  // namespace

struct Threads::Impl {
  int count = 1;
  // Where no more than `count` threads are at once; the one that all of the program's threads share has
  // them already where it has as many.
  std::optional<tbb::task_arena> arena;
};

Threads::Threads(int wanted) : impl_(std::make_unique<Impl>()) {
  limit(wanted > 0 ? wanted : wanted_by_default());
}
Threads::~Threads() = default;

int Threads::count() const { return impl_->count; }

void Threads::limit(int wanted) {
  impl_->count = available_threads(wanted);
  impl_->arena.reset();
  if (impl_->count == 1 || impl_->count == tbb::this_task_arena::max_concurrency()) return;
  allow(impl_->count);
  impl_->arena.emplace(impl_->count);
}

void Threads::run(std::size_t count, void (*call)(void*, std::size_t), void* context) {
  const auto loop = [&] {
    tbb::parallel_for(
        tbb::blocked_range<std::size_t>(0, count, 1),
        [&](const tbb::blocked_range<std::size_t>& range) {
          for (std::size_t i = range.begin(); i != range.end(); ++i) call(context, i);
        },
        tbb::simple_partitioner());
  };
  if (impl_->arena)
    impl_->arena->execute(loop);
  else
    loop();
}

}  // namespace blindtuner
