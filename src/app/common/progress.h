// Progress on stderr: a bar with the time left on a terminal, a plain line now and then elsewhere.
#pragma once

#include <string>

#include "base/stopwatch.h"

namespace blindtuner::app {

/// One task. Says nothing about tasks that are done within a second. One thread.
class ProgressBar {
 public:
  ProgressBar(std::string label, bool quiet);
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  /// fraction in [0, 1] of the work. Throws when the program is to stop (throw_if_interrupted).
  void update(double fraction);
  /// A remark behind the bar, such as the step.
  void note(std::string text) { note_ = std::move(text); }
  /// The task is done: leaves a line with the time it took.
  void finish();
  double seconds() const { return watch_.seconds(); }

 private:
  void draw(double fraction);
  std::string label_, note_;
  bool quiet_, terminal_, drawn_ = false, finished_ = false;
  double last_drawn_ = 0, last_fraction_ = 0;
  Stopwatch watch_;
};

}  // namespace blindtuner::app
