// A polynomial in a key's digits.
#pragma once

#include "device/cpu/cpu_device.h"

namespace blindtuner::device {

/// c in digits: digit d holds the centred value of c modulo the digit's primes, in all q_count +
/// p_count limbs. Digits are kept as coefficients and transformed where they are used, a limb at a
/// time and for all its uses, while it is in the cache.
class Decomposition {
 public:
  /// c: NTT domain, q limbs only, perhaps fewer than the key has; it must stay.
  Decomposition(const CpuArithmetic& cpu, ConstView c, const Key& key);

  std::size_t q_count() const { return c_.q_count; }
  std::size_t limbs() const { return c_.q_count + p_count_; }

  /// Limb i of every digit in the NTT domain. The decomposition must stay.
  class Limb {
   public:
    Limb(const Decomposition& digits, std::size_t i);
    /// Words [begin, begin + count) of this limb of sum_d digit_d * (b_d, a_d), to c0 and c1.
    void inner_product(u64* c0, u64* c1, const Key& key, std::size_t begin,
                       std::size_t count) const;

   private:
    const Decomposition& from_;
    std::size_t i_;
    Buffer transforms_;
    std::vector<const u64*> digits_;
  };

 private:
  bool owns(std::size_t d, std::size_t limb) const { return limb >= begins_[d] && limb < ends_[d]; }
  u64* digit_limb(std::size_t d, std::size_t i) { return digits_[d].data() + i * c_.n; }
  const u64* digit_limb(std::size_t d, std::size_t i) const { return digits_[d].data() + i * c_.n; }

  const CpuArithmetic& cpu_;
  ConstView c_;
  std::size_t p_count_;
  std::vector<std::size_t> begins_, ends_;  ///< the key's digits, the last one cut to q_count
  std::vector<Buffer> digits_;              ///< a digit's own limbs are unset: they are those of c
};

}  // namespace blindtuner::device
