// parallel_for on threads of its own, in the place of parallel.cpp (BLINDTUNER_TBB=OFF): for
// ThreadSanitizer, which does not see what orders the memory accesses inside a library that it did
// not compile.
#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "base/parallel.h"

namespace blindtuner {
namespace {

thread_local bool inside_loop = false;

std::atomic<int>& limit() {
  static std::atomic<int> instance([] {
    const char* wanted = std::getenv("BLINDTUNER_THREADS");
    const int threads = wanted == nullptr ? 0 : std::atoi(wanted);
    return threads > 0 ? threads
                       : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  }());
  return instance;
}

}  // namespace

int max_threads() { return limit(); }
void set_max_threads(int threads) { limit() = std::max(1, threads); }

void detail::run_parallel(std::size_t count, void (*call)(void*, std::size_t), void* context) {
  if (count <= 1 || inside_loop || max_threads() == 1) {
    for (std::size_t i = 0; i < count; ++i) call(context, i);
    return;
  }
  std::atomic<std::size_t> next{0};
  std::atomic<bool> stopped{false};
  std::mutex mutex;
  std::exception_ptr first;
  const auto work = [&] {
    inside_loop = true;
    try {
      for (std::size_t i = next++; i < count && !stopped; i = next++) call(context, i);
    } catch (...) {
      std::lock_guard lock(mutex);
      if (!first) first = std::current_exception();
      stopped = true;
    }
    inside_loop = false;
  };
  {
    std::vector<std::jthread> threads(std::min(count, static_cast<std::size_t>(max_threads())) - 1);
    for (std::jthread& thread : threads) thread = std::jthread(work);
    work();
  }
  if (first) std::rethrow_exception(first);
}

}  // namespace blindtuner
