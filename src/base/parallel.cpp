#include "base/parallel.h"

#include <cstdlib>

#include "base/resources.h"

namespace blindtuner {
namespace {

thread_local bool inside_loop = false;

// What a call of a loop's body sees, on whatever thread.
class Inside {
 public:
  explicit Inside(Resources& resources) : before_(inside_loop), use_(resources) {
    inside_loop = true;
  }
  ~Inside() { inside_loop = before_; }
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;

 private:
  bool before_;
  UseResources use_;
};

struct Loop {
  Resources& resources;
  void (*call)(void*, std::size_t);
  void* context;
};

}  // namespace

int threads_of_environment() {
  const char* text = std::getenv("BLINDTUNER_THREADS");
  const int threads = text == nullptr ? 0 : std::atoi(text);
  return threads > 0 ? threads : 0;
}

int max_threads() { return Resources::current().threads().count(); }
void set_max_threads(int threads) { Resources::current().threads().limit(threads); }

void detail::run_parallel(std::size_t count, void (*call)(void*, std::size_t), void* context) {
  if (count > 1 && !inside_loop) {
    Loop loop{Resources::current(), call, context};
    Threads& threads = loop.resources.threads();
    if (threads.count() > 1) {
      threads.run(
          count,
          [](void* of, std::size_t i) {
            const Loop& the = *static_cast<Loop*>(of);
            const Inside mark(the.resources);
            the.call(the.context, i);
          },
          &loop);
      return;
    }
  }
  for (std::size_t i = 0; i < count; ++i) call(context, i);
}

}  // namespace blindtuner
