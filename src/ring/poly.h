// Polynomials in residue form, and the operations on all their limbs at once. This is the seam where
// the per-limb kernels meet the threads; nothing above it sees a limb's instruction set.
#pragma once

#include "ring/ring.h"

namespace blindtuner {

enum class Domain { kCoefficient, kNtt };

/// A polynomial modulo q_0..q_(q_count-1) and p_0..p_(p_count-1) of its ring. Limbs lie one after the
/// other, q limbs first, n canonical residues each. Move-only; copy() is explicit.
class Poly {
 public:
  Poly() = default;
  /// Memory is NOT initialised. `wiped` polynomials are overwritten when freed (secrets).
  Poly(const Ring& ring, std::size_t q_count, std::size_t p_count, Domain domain,
       bool wiped = false);
  static Poly zero(const Ring& ring, std::size_t q_count, std::size_t p_count, Domain domain);
  Poly copy() const;
  bool wiped() const { return data_.wiped(); }
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

  u64* limb(std::size_t i) { return data_.data() + i * n(); }
  const u64* limb(std::size_t i) const { return data_.data() + i * n(); }
  /// Limb of special prime i.
  u64* p_limb(std::size_t i) { return limb(q_count_ + i); }
  const u64* p_limb(std::size_t i) const { return limb(q_count_ + i); }
  const kernels::NttTable& table(std::size_t i) const {
    return i < q_count_ ? ring_->q_table(i) : ring_->p_table(i - q_count_);
  }
  const Modulus& modulus(std::size_t i) const { return table(i).modulus; }

  /// Forgets q limbs from q_count on (exact for messages small against the rest); only for polynomials
  /// without special limbs. Keeps the memory.
  void drop_to(std::size_t q_count);

 private:
  const Ring* ring_ = nullptr;
  std::size_t q_count_ = 0, p_count_ = 0;
  Domain domain_ = Domain::kNtt;
  Buffer data_;
};

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

/// kernels::LimbKernels::base_convert on all threads, x[i] and out[t] limbs of n coefficients.
void base_convert(std::span<u64* const> out, std::span<const u64* const> x, std::size_t n,
                  const kernels::BaseConversion& conversion);

/// round(x / (product of dropped primes)): drops the special limbs and the q limbs from q_keep on.
/// NTT domain in and out; the error is at most 1/2 in every coefficient (see BaseConversion).
/// x is consumed (its dropped limbs are overwritten).
Poly scale_down(Poly&& x, std::size_t q_keep);

/// The polynomial with the given n signed coefficients, NTT domain.
Poly from_signed(const Ring& ring, std::span<const std::int64_t> coefficients, std::size_t q_count,
                 std::size_t p_count, bool wiped = false);

/// Coefficients of x as centred doubles (x in (-Q/2, Q/2], Q the product of its first limbs, at most
/// `limbs`, at most 8): exact to double precision. Any domain; x has no special limbs.
std::vector<double> to_centred_doubles(const Poly& x, std::size_t limbs);

}  // namespace blindtuner
