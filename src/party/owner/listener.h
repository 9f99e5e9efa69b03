// What a session tells while it is at work.
#pragma once

#include <functional>
#include <string>
#include <utility>

namespace blindtuner::party {

/// Each may be empty. Called on the thread that the session was called on, sentences without their full
/// stop; what they throw ends the session's work.
struct Listener {
  std::function<void(const std::string&)> warning;  ///< what may make a result or a key worthless
  std::function<void(const std::string&)> note;
  /// How much of a task is done, in [0, 1]: of one task at a time, from 0 on; 1 once, at its end.
  std::function<void(const std::string& task, double fraction)> progress;

  void warn(const std::string& text) const {
    if (warning) warning(text);
  }
  void tell(const std::string& text) const {
    if (note) note(text);
  }
};

/// One task, told of from its beginning on. The listener must outlive it.
class Task {
 public:
  Task(const Listener& listener, std::string name) : listener_(listener), name_(std::move(name)) {
    update(0);
  }
  void update(double fraction) const {
    if (fraction < 1) tell(fraction);
  }
  void finish() const { tell(1); }

 private:
  void tell(double fraction) const {
    if (listener_.progress) listener_.progress(name_, fraction);
  }
  const Listener& listener_;
  std::string name_;
};

}  // namespace blindtuner::party
