// Stopping a program that was asked to end.
#pragma once

namespace blindtuner {

/// What throw_if_interrupted throws. No std::exception, so that no handler of errors takes it for
/// one: destructors remove what is half-written, and the program's entry turns it into an exit code.
struct Interrupted {};

/// Asks the program to end. May be called from a signal's handler.
void request_interrupt() noexcept;
/// Whether that has happened.
bool interrupt_requested() noexcept;
/// Throws Interrupted if so. From any thread; long loops call it at least every second.
void throw_if_interrupted();

/// While one lives, throw_if_interrupted() does not throw on its thread: for a few system calls that
/// belong together, and for nothing that takes time.
class InterruptDeferred {
 public:
  InterruptDeferred() noexcept;
  ~InterruptDeferred();
  InterruptDeferred(const InterruptDeferred&) = delete;
  InterruptDeferred& operator=(const InterruptDeferred&) = delete;
};

}  // namespace blindtuner
