// The devices that the CPU is.
#pragma once

#include "device/device.h"

namespace blindtuner::device {

/// One for each instruction set that it has, the slowest first.
std::vector<std::unique_ptr<const Device>> cpu_devices();
/// See active_device.
std::unique_ptr<const Device> active_cpu_device();

}  // namespace blindtuner::device
