#include "base/interrupt.h"

#include <atomic>

namespace blindtuner {
namespace {

std::atomic<bool> requested{false};
thread_local int deferred = 0;
static_assert(std::atomic<bool>::is_always_lock_free, "set from a signal's handler");

}  // namespace

void request_interrupt() noexcept { requested.store(true); }
bool interrupt_requested() noexcept { return requested.load(); }
void throw_if_interrupted() {
  if (interrupt_requested() && deferred == 0) throw Interrupted{};
}

InterruptDeferred::InterruptDeferred() noexcept { ++deferred; }
InterruptDeferred::~InterruptDeferred() { --deferred; }

}  // namespace blindtuner
