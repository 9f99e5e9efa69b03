// Loops over independent pieces of work on all threads (oneTBB underneath: idle threads sleep, which on
// a shared machine is worth more than the microseconds that spinning would save).
#pragma once

#include <cstddef>
#include <type_traits>

namespace blindtuner {

namespace detail {
void run_parallel(std::size_t count, void (*call)(void*, std::size_t), void* context);
}  // namespace detail

/// Calls f(i) for every i in [0, count), on all threads; the first exception thrown is rethrown
/// here. Within another parallel_for it runs serially, so callers may nest without
/// oversubscription.
template <typename F>
void parallel_for(std::size_t count, F&& f) {
  using Function = std::remove_reference_t<F>;
  detail::run_parallel(
      count, [](void* context, std::size_t i) { (*static_cast<Function*>(context))(i); },
      const_cast<std::remove_const_t<Function>*>(&f));
}

/// Threads that parallel_for uses: BLINDTUNER_THREADS from the environment, else every core.
int max_threads();
/// From the next loop on; at least 1.
void set_max_threads(int threads);

}  // namespace blindtuner
