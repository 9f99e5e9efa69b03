// The CPU: the kernels of one instruction set over limbs and chunks of limbs, on all threads.
#pragma once

#include "device/cpu/tables.h"
#include "device/device.h"

namespace blindtuner::device {

class CpuArithmetic final : public Arithmetic {
 public:
  CpuArithmetic(const kernels::LimbKernels& kernels, int log_n, std::span<const u64> q_primes,
                std::span<const u64> p_primes)
      : k_(kernels), tables_(log_n, q_primes, p_primes) {}

  // memory.cpp
  std::unique_ptr<Memory> allocate(std::size_t words, bool wiped) const override;
  void zero(View x) const override;
  void copy(View out, ConstView x) const override;
  const u64* map_for_reading(ConstView x, Buffer& space, bool wiped) const override;
  u64* map_for_writing(View x, Buffer& space, bool wiped) const override;
  void unmap(View x, const Buffer& space) const override;

  // polynomials.cpp
  void forward_ntt(View x) const override;
  void inverse_ntt(View x) const override;
  void add(View out, ConstView a, ConstView b) const override;
  void sub(View out, ConstView a, ConstView b) const override;
  void neg(View out, ConstView a) const override;
  void mul(View out, ConstView a, ConstView b) const override;
  void mul_add(View out, ConstView a, ConstView b) const override;
  void mul_scalars(View out, ConstView a, std::span<const u64> w) const override;
  void mul_scalars_add(View out, ConstView a, std::span<const u64> w) const override;
  void add_constants(View x, std::span<const u64> w, Domain domain) const override;
  void mul_i(View x) const override;
  void mul_monomial(View x, std::size_t k) const override;
  void automorphism(View out, ConstView a, u64 g) const override;
  void from_signed(View out, std::span<const std::int64_t> x) const override;
  void interleave(View out, std::span<const ConstView> small) const override;
  void split(std::span<const View> small, ConstView x) const override;
  void tensor(View c0, View c1, View c2, ConstPair a, ConstPair b) const override;
  void tensor_sums(std::span<const TensorSum> sums) const override;

  // base_conversion.cpp
  void mod_up(View out, ConstView x, std::size_t begin, std::size_t end) const override;
  void scale_down(View out, View x) const override;

  // key_switch.cpp, hoisting.cpp, component_maps.cpp
  void key_switch(const KeySwitch& x) const override;
  void hoisted_sums(const HoistedSums& x) const override;
  void rotate_mod_qp(const RotationModQP& x) const override;
  void component_maps(const ComponentMaps& x) const override;

  const kernels::LimbKernels& kernels() const { return k_; }
  const RingTables& tables() const { return tables_; }
  /// A base conversion of whole limbs of n coefficients on all threads.
  void convert(std::span<u64* const> out, std::span<const u64* const> x, std::size_t n,
               const kernels::BaseConversion& conversion) const;

 private:
  /// kernel(out, operands.., n, modulus) for every limb.
  template <typename Kernel, typename... Operands>
  void on_limbs(Kernel kernel, View out, Operands... operands) const;
  void component_map_batch(const ComponentMaps& x, std::size_t begin, std::size_t count) const;

  const kernels::LimbKernels& k_;
  RingTables tables_;
};

/// Words of a limb that are worked on at a time while what they are made of streams by: the operands'
/// share of them stays in the cache.
inline constexpr std::size_t kChunk = 4096;

/// Limb i of x, which has q_count q limbs or more, where i counts limbs as if it had q_count.
inline const u64* limb(const ConstView& x, std::size_t i, std::size_t q_count) {
  return x.data + (i < q_count ? i : x.q_count + i - q_count) * x.n;
}
inline u64* limb(const View& x, std::size_t i) { return x.data + i * x.n; }

}  // namespace blindtuner::device
