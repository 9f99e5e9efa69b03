// Loops over independent pieces of work on all threads (oneTBB underneath: idle threads sleep, which on
// a shared machine is worth more than the microseconds that spinning would save).
#pragma once

#include <cstddef>
#include <type_traits>

#include "base/interrupt.h"

namespace blindtuner {

namespace detail {
void run_parallel(std::size_t count, void (*call)(void*, std::size_t), void* context);
}  // namespace detail

/// Calls f(i) for every i in [0, count), on all threads; the first exception thrown is rethrown
/// here. Throws Interrupted between two calls when the program is asked to end, so that loops over
/// pieces of work need not ask for themselves. Within another parallel_for it runs serially, so
/// callers may nest without oversubscription.
template <typename F>
void parallel_for(std::size_t count, F&& f) {
  using Function = std::remove_reference_t<F>;
  detail::run_parallel(
      count,
      [](void* context, std::size_t i) {
        throw_if_interrupted();
        (*static_cast<Function*>(context))(i);
      },
      const_cast<std::remove_const_t<Function>*>(&f));
}

/// Threads that parallel_for uses: BLINDTUNER_THREADS from the environment, else every core; fewer
/// where the system refuses so many, 1 at least.
int max_threads();
/// From the next loop on.
void set_max_threads(int threads);

}  // namespace blindtuner
