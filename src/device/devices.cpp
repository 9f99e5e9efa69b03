#include "device/cpu/cpu.h"

namespace blindtuner::device {

// Devices outlive everything that was made with them.

std::vector<const Device*> available_devices() {
  static const auto* const devices = new std::vector<std::unique_ptr<const Device>>(cpu_devices());
  std::vector<const Device*> out;
  for (const auto& device : *devices) out.push_back(device.get());
  return out;
}

const Device& active_device() {
  static const Device* const device = active_cpu_device().release();
  return *device;
}

}  // namespace blindtuner::device
