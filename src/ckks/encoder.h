// The CKKS encoder: vectors of N/2 complex slots, or of N real coefficients, to polynomials and
// back.
#pragma once

#include <complex>
#include <span>
#include <vector>

#include "ring/poly.h"

namespace blindtuner::ckks {
using namespace ring;

using Complex = std::complex<double>;

/// Slot j of a polynomial is its value at zeta^(5^j), zeta = exp(i pi / N). @[CKKS17]
class Encoder {
 public:
  explicit Encoder(int log_n);

  std::size_t slots() const { return slots_; }

  /// Slots of coefficients paired as t_k = a_k + i a_(k + N/2), in place: natural order in and out.
  void fft(std::span<Complex> values) const;
  /// The inverse of fft.
  void inverse_fft(std::span<Complex> values) const;

  /// round(scale * slots) as a polynomial, NTT domain. Throws ContractError when a coefficient
  /// would exceed 2^62.
  Poly encode(const Ring& ring, std::span<const Complex> slots, double scale, std::size_t q_count,
              std::size_t p_count = 0) const;
  std::vector<Complex> decode(const Poly& message, double scale) const;

  /// The twiddle factor of butterfly j in blocks of `length` (a power of two in [2, slots]).
  Complex twiddle(std::size_t length, std::size_t j) const;

 private:
  int log_n_;
  std::size_t slots_;
  std::vector<Complex> roots_;              // zeta^k, k in [0, 2N)
  std::vector<std::uint32_t> powers_of_5_;  // 5^j mod 2N
};

/// round(scale * coefficients), NTT domain: coefficient encoding.
Poly encode_coefficients(const Ring& ring, std::span<const double> coefficients, double scale,
                         std::size_t q_count, std::size_t p_count = 0);
/// message / scale, coefficient-wise.
std::vector<double> decode_coefficients(const Poly& message, double scale);

}  // namespace blindtuner::ckks
