#include "base/parallel.h"

#include <cstdlib>

#include "base/threads.h"

namespace blindtuner {
namespace {

thread_local bool inside_loop = false;

thread_local Threads* used = nullptr;

// What a call of a loop's body sees, on whatever thread.
class Inside {
 public:
  explicit Inside(Threads& threads) : before_(inside_loop), use_(threads) { inside_loop = true; }
  ~Inside() { inside_loop = before_; }
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;

 private:
  bool before_;
  UseThreads use_;
};

struct Loop {
  Threads& threads;
  void (*call)(void*, std::size_t);
  void* context;
};

}  // namespace

int threads_of_environment() {
  const char* text = std::getenv("BLINDTUNER_THREADS");
  const int threads = text == nullptr ? 0 : std::atoi(text);
  return threads > 0 ? threads : 0;
}

Threads& Threads::current() {
  if (used != nullptr) return *used;
  static Threads* const program = new Threads;
  return *program;
}

UseThreads::UseThreads(Threads& threads) : before_(used) { used = &threads; }
UseThreads::~UseThreads() { used = before_; }

int max_threads() { return Threads::current().count(); }
void set_max_threads(int threads) { Threads::current().limit(threads); }

void detail::run_parallel(std::size_t count, void (*call)(void*, std::size_t), void* context) {
  if (count > 1 && !inside_loop) {
    Loop loop{Threads::current(), call, context};
    if (loop.threads.count() > 1) {
      loop.threads.run(
          count,
          [](void* of, std::size_t i) {
            const Loop& the = *static_cast<Loop*>(of);
            const Inside mark(the.threads);
            the.call(the.context, i);
          },
          &loop);
      return;
    }
  }
  for (std::size_t i = 0; i < count; ++i) call(context, i);
}

}  // namespace blindtuner
