// Threads that computations may use; whose they are, base/resources.h says.
#pragma once

#include <cstddef>
#include <memory>

namespace blindtuner {

/// Threads on which loops run (base/parallel.h).
class Threads {
 public:
  /// wanted: 0 for BLINDTUNER_THREADS from the environment, else every core. Fewer where the system refuses so
  /// many, 1 at least.
  explicit Threads(int wanted = 0);
  ~Threads();
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;

  int count() const;
  /// From the next loop on.
  void limit(int wanted);
  /// call(context, i) for every i in [0, count), on these threads, none of which is in another loop; the first
  /// exception is rethrown.
  void run(std::size_t count, void (*call)(void*, std::size_t), void* context);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// What BLINDTUNER_THREADS in the environment asks for; 0: nothing.
int threads_of_environment();

}  // namespace blindtuner
