#include "device/cpu/digits.h"

#include <algorithm>
#include <cstring>

#include "base/parallel.h"

namespace blindtuner::device {

Decomposition::Decomposition(const CpuArithmetic& cpu, ConstView c, const Key& key)
    : cpu_(cpu), c_(c), p_count_(key.p_count) {
  const std::size_t q_count = c.q_count, n = c.n;
  Buffer space(q_count * n);
  const View coefficients{space.data(), n, q_count, 0};
  parallel_for(q_count, [&](std::size_t i) {
    std::memcpy(limb(coefficients, i), limb(c, i, q_count), n * sizeof(u64));
    cpu.kernels().ntt_inverse(limb(coefficients, i), cpu.tables().transform(i, q_count));
  });
  for (std::size_t begin = 0, d = 0; begin < q_count; begin = key.digit_ends[d++]) {
    begins_.push_back(begin);
    ends_.push_back(std::min(key.digit_ends[d], q_count));
    digits_.emplace_back(limbs() * n);
    std::vector<const u64*> from;
    std::vector<u64*> to;
    for (std::size_t i = 0; i < limbs(); ++i) {
      if (owns(d, i))
        from.push_back(limb(coefficients, i));
      else
        to.push_back(digit_limb(d, i));
    }
    cpu.convert(to, from, n, cpu.tables().mod_up(begin, ends_[d], q_count, p_count_));
  }
}

Decomposition::Limb::Limb(const Decomposition& digits, std::size_t i)
    : from_(digits), i_(i), transforms_(digits.digits_.size() * digits.c_.n) {
  const std::size_t n = digits.c_.n;
  for (std::size_t d = 0; d < digits.digits_.size(); ++d) {
    if (digits.owns(d, i)) {
      digits_.push_back(limb(digits.c_, i, digits.q_count()));
      continue;
    }
    u64* transform = transforms_.data() + d * n;
    std::memcpy(transform, digits.digit_limb(d, i), n * sizeof(u64));
    digits.cpu_.kernels().ntt_forward(transform,
                                      digits.cpu_.tables().transform(i, digits.q_count()));
    digits_.push_back(transform);
  }
}

void Decomposition::Limb::inner_product(u64* c0, u64* c1, const Key& key, std::size_t begin,
                                        std::size_t count) const {
  constexpr std::size_t kMaxDigits = 32;
  const std::size_t q_count = from_.q_count();
  const u64 *d[kMaxDigits], *b[kMaxDigits], *a[kMaxDigits];
  for (std::size_t j = 0; j < digits_.size(); ++j) {
    d[j] = digits_[j] + begin;
    b[j] = limb(key.b[j], i_, q_count) + begin;
    a[j] = limb(key.a[j], i_, q_count) + begin;
  }
  from_.cpu_.kernels().inner_product2(c0, c1, d, b, a, digits_.size(), count,
                                      from_.cpu_.tables().modulus(i_, q_count));
}

}  // namespace blindtuner::device
