// Wall-clock time.
#pragma once

#include <chrono>

namespace blindtuner {

class Stopwatch {
 public:
  /// Since the beginning.
  double seconds() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }
  /// Since the last lap, or the beginning.
  double lap() {
    const Clock::time_point now = Clock::now();
    const double seconds = std::chrono::duration<double>(now - last_).count();
    last_ = now;
    return seconds;
  }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point start_ = Clock::now(), last_ = start_;
};

}  // namespace blindtuner
