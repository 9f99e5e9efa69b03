// Threads of the standard library, in the place of threads_tbb.cpp (BLINDTUNER_TBB=OFF): for
// ThreadSanitizer, which does not see what orders the memory accesses inside a library that it did
// not compile.
#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "base/threads.h"

namespace blindtuner {
namespace {

int wanted_by_default() {
  const int threads = threads_of_environment();
  return threads > 0 ? threads : static_cast<int>(std::thread::hardware_concurrency());
}

}  // namespace

struct Threads::Impl {
  std::atomic<int> count{1};
};

Threads::Threads(int wanted) : impl_(std::make_unique<Impl>()) {
  limit(wanted > 0 ? wanted : wanted_by_default());
}
Threads::~Threads() = default;

int Threads::count() const { return impl_->count; }
void Threads::limit(int wanted) { impl_->count = std::max(1, wanted); }

void Threads::run(std::size_t count, void (*call)(void*, std::size_t), void* context) {
  std::atomic<std::size_t> next{0};
  std::atomic<bool> stopped{false};
  std::mutex mutex;
  std::exception_ptr first;
  const auto work = [&] {
    try {
      for (std::size_t i = next++; i < count && !stopped; i = next++) call(context, i);
    } catch (...) {
      std::lock_guard lock(mutex);
      if (!first) first = std::current_exception();
      stopped = true;
    }
  };
  {
    std::vector<std::jthread> threads(std::min(count, static_cast<std::size_t>(impl_->count)) - 1);
    for (std::jthread& thread : threads) thread = std::jthread(work);
    work();
  }
  if (first) std::rethrow_exception(first);
}

}  // namespace blindtuner
