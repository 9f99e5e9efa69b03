// What a run of training tells whoever started it, and asks.
#pragma once

#include <functional>

namespace blindtuner::party {

/// Any of them may be empty. What one throws ends the run as it stands, with its last checkpoint, and is
/// passed on. They are called on the thread that runs it.
struct TrainingEvents {
  /// `step` (from 0) is at work, `fraction` of it is done: 0 first, then rising to 1.
  std::function<void(int step, double fraction)> training;
  /// The owner's answer to `round` is waited for, since this fraction of the longest wait; several
  /// times a second.
  std::function<void(int round, double fraction)> waiting;
  /// Whether to call the run off: asked wherever the others are told.
  std::function<bool()> stop;
};

}  // namespace blindtuner::party
