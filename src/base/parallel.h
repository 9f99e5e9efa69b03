// Loops over independent pieces of work on all threads (OpenMP underneath).
#pragma once

#include <omp.h>

#include <cstddef>
#include <exception>
#include <mutex>

namespace blindtuner {

/// Calls f(i) for every i in [0, count), on all threads; the first exception thrown is rethrown here.
/// Within another parallel_for it runs serially, so callers may nest without oversubscription.
template <typename F>
void parallel_for(std::size_t count, F&& f) {
  if (count <= 1 || omp_in_parallel() || omp_get_max_threads() == 1) {
    for (std::size_t i = 0; i < count; ++i) f(i);
    return;
  }
  std::exception_ptr error;
  std::mutex error_mutex;
#pragma omp parallel for schedule(dynamic, 1)
  for (std::size_t i = 0; i < count; ++i) {
    try {
      f(i);
    } catch (...) {
      std::lock_guard lock(error_mutex);
      if (!error) error = std::current_exception();
    }
  }
  if (error) std::rethrow_exception(error);
}

inline int max_threads() { return omp_get_max_threads(); }
inline void set_max_threads(int threads) { omp_set_num_threads(threads); }

}  // namespace blindtuner
