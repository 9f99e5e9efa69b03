// Polynomials in residue form, and the operations on all their limbs at once. Rings, levels and domains
// are checked here; the ring's device does the work.
#pragma once

#include "ring/ring.h"

namespace blindtuner::ring {

using device::Domain;

/// A polynomial modulo q_0..q_(q_count-1) and p_0..p_(p_count-1) of its ring: n canonical residues a
/// limb, q limbs first. Move-only; copy() is explicit.
class Poly {
 public:
  Poly() = default;
  /// Memory is NOT initialised. `wiped` polynomials are overwritten when freed (secrets).
  Poly(const Ring& ring, std::size_t q_count, std::size_t p_count, Domain domain,
       bool wiped = false);
  static Poly zero(const Ring& ring, std::size_t q_count, std::size_t p_count, Domain domain);
  Poly copy() const;
  bool wiped() const { return wiped_; }
  /// The first q_count limbs and p_count special limbs, copied; wiped like the original.
  Poly copy_limbs(std::size_t q_count, std::size_t p_count) const;

  /// A copy in ordinary memory, for what secrets went into and anybody may see: halves of keys.
  Poly copy_public() const;

  bool empty() const { return ring_ == nullptr; }
  const Ring& ring() const { return *ring_; }
  std::size_t n() const { return ring_->n(); }
  std::size_t q_count() const { return q_count_; }
  std::size_t p_count() const { return p_count_; }
  std::size_t limbs() const { return q_count_ + p_count_; }
  Domain domain() const { return domain_; }
  void set_domain(Domain domain) { domain_ = domain; }

  const Modulus& modulus(std::size_t i) const {
    return i < q_count_ ? ring_->q(i) : ring_->p(i - q_count_);
  }

  /// Forgets q limbs from q_count on (exact for messages small against the rest); only for polynomials
  /// without special limbs. Keeps the memory.
  void drop_to(std::size_t q_count);

  /// For the device.
  device::View view() { return {memory_->address(), n(), q_count_, p_count_}; }
  device::ConstView view() const { return {memory_->address(), n(), q_count_, p_count_}; }

 private:
  const Ring* ring_ = nullptr;
  std::size_t q_count_ = 0, p_count_ = 0;
  Domain domain_ = Domain::kNtt;
  bool wiped_ = false;
  std::unique_ptr<device::Memory> memory_;
};

/// The residues of x where the program can read them, while this and x live: x's own memory, or where
/// the device has memory of its own a copy (wiped where x is).
class Residues {
 public:
  explicit Residues(const Poly& x)
      : n_(x.n()), data_(x.ring().arithmetic().map_for_reading(x.view(), space_, x.wiped())) {}
  /// Limb i, n residues.
  std::span<const u64> operator[](std::size_t i) const { return {data_ + i * n_, n_}; }

 private:
  std::size_t n_;
  Buffer space_;
  const u64* data_;
};

/// Residues to be written: limb i, n of them.
class WritableResidues {
 public:
  WritableResidues(u64* data, std::size_t n) : data_(data), n_(n) {}
  std::span<u64> operator[](std::size_t i) const { return {data_ + i * n_, n_}; }

 private:
  u64* data_;
  std::size_t n_;
};

/// Calls set(WritableResidues), which writes all residues of x, canonical ones.
template <typename F>
void set_residues(Poly& x, F&& set) {
  const device::Arithmetic& arithmetic = x.ring().arithmetic();
  Buffer space;
  set(WritableResidues(arithmetic.map_for_writing(x.view(), space, x.wiped()), x.n()));
  arithmetic.unmap(x.view(), space);
}

void to_ntt_inplace(Poly& x);
void to_coefficients_inplace(Poly& x);

// Limb-wise operations. The second operand may have more q limbs than the first; special limbs must
// agree. Domains must agree; products need the NTT domain.
void add_inplace(Poly& a, const Poly& b);
void sub_inplace(Poly& a, const Poly& b);
void neg_inplace(Poly& a);
void mul_inplace(Poly& a, const Poly& b);
void mul_add_inplace(Poly& out, const Poly& a, const Poly& b);  ///< out += a * b
/// a * b with the limbs of a; wiped when either operand is.
Poly mul(const Poly& a, const Poly& b);
/// a * value, value a signed integer below 2^62 in magnitude.
void mul_integer_inplace(Poly& a, std::int64_t value);
void mul_integer_add_inplace(Poly& out, const Poly& a, std::int64_t value);  ///< out += a * value
/// Adds the integer to the constant coefficient.
void add_constant_inplace(Poly& a, std::int64_t value);

/// a(X^g), NTT domain.
Poly automorphism(const Poly& a, u64 g);

/// X^k in the NTT domain, k taken mod 2n.
Poly monomial(const Ring& ring, u64 k, std::size_t q_count, std::size_t p_count);

/// a * X^k in the coefficient domain, k taken mod 2n.
void mul_monomial_inplace(Poly& a, std::size_t k);
/// a * X^(n/2) in the NTT domain.
void mul_i_inplace(Poly& a);
/// Limb i times w[i], and out += a times them, where a may have more limbs of either kind; w[i] in
/// [0, q_i). No time is spent on sums with w[i] = 0.
void mul_scalars_inplace(Poly& a, std::span<const u64> w);
void mul_scalars_add_inplace(Poly& out, const Poly& a, std::span<const u64> w);
/// Adds w[i] to limb i of the constant coefficient.
void add_constants_inplace(Poly& a, std::span<const u64> w);
/// f(modulus) of every limb, for the operations above.
template <typename F>
std::vector<u64> each_modulus(const Poly& a, F&& f) {
  std::vector<u64> out;
  for (std::size_t i = 0; i < a.limbs(); ++i) out.push_back(f(a.modulus(i)));
  return out;
}

/// The centred value of x modulo q_begin .. q_(end-1) modulo q_count and p_count primes (see
/// device::Arithmetic::mod_up). Coefficient domain.
Poly mod_up(const Poly& x, std::size_t begin, std::size_t end, std::size_t q_count,
            std::size_t p_count);

/// round(x / (product of dropped primes)): drops the special limbs and the q limbs from q_keep on.
/// NTT domain in and out; the error is at most 1/2 in every coefficient (see device::Arithmetic).
/// x is consumed (its dropped limbs are overwritten).
Poly scale_down(Poly&& x, std::size_t q_keep);

/// Coefficient ratio k + r of the result is coefficient k of small[r], ratio = larger.n() / n; those that
/// are not there are zero. Coefficient domain, q limbs only, as many as small[0] has.
Poly interleave(const Ring& larger, std::span<const Poly* const> small);
/// The inverse: ratio polynomials of the smaller ring.
std::vector<Poly> split(const Poly& x, const Ring& smaller);

/// The polynomial with the given n signed coefficients, NTT domain.
Poly from_signed(const Ring& ring, std::span<const std::int64_t> coefficients, std::size_t q_count,
                 std::size_t p_count, bool wiped = false);

/// Coefficients of x as centred doubles (x in (-Q/2, Q/2], Q the product of its first limbs, at most
/// `limbs`, at most 8): exact to double precision. Any domain; x has no special limbs.
std::vector<double> to_centred_doubles(const Poly& x, std::size_t limbs);

}  // namespace blindtuner::ring
