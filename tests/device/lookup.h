#pragma once

#include <string_view>

#include "device/device.h"

namespace blindtuner::testing_support {

/// Whether this machine has the CPU device with the kernels that BLINDTUNER_KERNELS would name so.
inline bool has_kernels(std::string_view kernels) {
  for (const device::Device* device : device::available_devices())
    if (device->name().substr(4) == kernels) return true;  // "cpu-.."
  return false;
}

}  // namespace blindtuner::testing_support
