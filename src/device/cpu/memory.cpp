#include <cstring>

#include "device/cpu/cpu_device.h"

namespace blindtuner::device {
namespace {

class HostMemory final : public Memory {
 public:
  explicit HostMemory(Buffer buffer) : Memory(buffer.data()), buffer_(std::move(buffer)) {}

 private:
  Buffer buffer_;
};

}  // namespace

std::unique_ptr<Memory> CpuArithmetic::allocate(std::size_t words, bool wiped) const {
  return std::make_unique<HostMemory>(Buffer(words, wiped));
}

void CpuArithmetic::zero(View x) const { std::fill_n(x.data, x.limbs() * x.n, u64{0}); }

void CpuArithmetic::copy(View out, ConstView x) const {
  for (std::size_t i = 0; i < out.limbs(); ++i)
    std::memcpy(limb(out, i), limb(x, i, out.q_count), out.n * sizeof(u64));
}

const u64* CpuArithmetic::map_for_reading(ConstView x, Buffer&, bool) const { return x.data; }
u64* CpuArithmetic::map_for_writing(View x, Buffer&, bool) const { return x.data; }
void CpuArithmetic::unmap(View, const Buffer&) const {}

}  // namespace blindtuner::device
