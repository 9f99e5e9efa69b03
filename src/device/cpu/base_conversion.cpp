#include <algorithm>
#include <cstring>

#include "base/parallel.h"
#include "device/cpu/cpu_device.h"

namespace blindtuner::device {

void CpuArithmetic::convert(std::span<u64* const> out, std::span<const u64* const> x, std::size_t n,
                            const kernels::BaseConversion& conversion) const {
  const std::size_t chunk = std::min(n, kChunk);
  // More than a core's caches hold: what is written is read only after all of it has been.
  const bool streaming = out.size() * n * sizeof(u64) > (std::size_t{4} << 20);
  parallel_for(n / chunk, [&](std::size_t c) {
    std::vector<const u64*> from(x.begin(), x.end());
    std::vector<u64*> to(out.begin(), out.end());
    for (const u64*& limb : from) limb += c * chunk;
    for (u64*& limb : to) limb += c * chunk;
    k_.base_convert(to.data(), from.data(), chunk, conversion, streaming);
  });
}

void CpuArithmetic::mod_up(View out, ConstView x, std::size_t begin, std::size_t end) const {
  std::vector<const u64*> from;
  std::vector<u64*> to;
  for (std::size_t i = 0; i < out.limbs(); ++i) {
    if (i < begin || i >= end) {
      to.push_back(limb(out, i));
      continue;
    }
    from.push_back(limb(x, i, x.q_count));
    std::memcpy(limb(out, i), from.back(), out.n * sizeof(u64));
  }
  convert(to, from, out.n, tables_.mod_up(begin, end, out.q_count, out.p_count));
}

void CpuArithmetic::scale_down(View out, View x) const {
  const std::size_t n = out.n, keep = out.q_count, dropped = x.limbs() - keep;
  const Division& division = tables_.division(keep, x.q_count, x.p_count);
  parallel_for(dropped, [&](std::size_t i) {
    k_.ntt_inverse(limb(x, keep + i), tables_.transform(keep + i, x.q_count));
  });
  std::vector<const u64*> from(dropped);
  std::vector<u64*> to(keep);
  for (std::size_t i = 0; i < dropped; ++i) from[i] = limb(x, keep + i);
  for (std::size_t i = 0; i < keep; ++i) to[i] = limb(out, i);
  convert(to, from, n, division.conversion);
  parallel_for(keep, [&](std::size_t i) {
    k_.ntt_forward(limb(out, i), tables_.transform(i, keep));
    k_.sub_mul_scalar(limb(out, i), limb(x, i), limb(out, i), division.inverse[i], n, tables_.q(i));
  });
}

}  // namespace blindtuner::device
