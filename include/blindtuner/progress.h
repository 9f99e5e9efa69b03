// What long calls tell while they are at work.
#pragma once

#include <functional>

#pragma GCC visibility push(default)
namespace blindtuner {

/// Told how much is done, in [0, 1], on the thread that called the function. What it throws ends the call, without a
/// file of it, and is passed on: so a call is called off.
using Progress = std::function<void(double fraction)>;

}  // namespace blindtuner
#pragma GCC visibility pop
