#include "device/cpu/cpu_device.h"

#include <string>

#include "device/cpu/cpu.h"

namespace blindtuner::device {
namespace {

class CpuDevice final : public Device {
 public:
  explicit CpuDevice(const kernels::LimbKernels& kernels)
      : kernels_(kernels), name_("cpu-" + std::string(kernels.name)) {}
  std::string_view name() const override { return name_; }
  std::unique_ptr<Arithmetic> make_arithmetic(int log_n, std::span<const u64> q_primes,
                                              std::span<const u64> p_primes) const override {
    return std::make_unique<CpuArithmetic>(kernels_, log_n, q_primes, p_primes);
  }

 private:
  const kernels::LimbKernels& kernels_;
  const std::string name_;
};

}  // namespace

std::vector<std::unique_ptr<const Device>> cpu_devices() {
  std::vector<std::unique_ptr<const Device>> out;
  for (const kernels::LimbKernels* kernels : kernels::available_kernels())
    out.push_back(std::make_unique<CpuDevice>(*kernels));
  return out;
}

std::unique_ptr<const Device> active_cpu_device() {
  return std::make_unique<CpuDevice>(kernels::active_kernels());
}

}  // namespace blindtuner::device
