#include "learn/heads/slot_polynomial.h"

#include <bit>
#include <numbers>

#include "linalg/layout.h"
#include "math/bits.h"
#include "math/chebyshev.h"

namespace blindtuner::learn {
using namespace math;
namespace {

// What y = sin / (2 pi rho) comes in with; the first primes of the circuit are 2^39.
constexpr double kInputScale = 549755813888.0;  // 2^39

}  // namespace

SlotPolynomial::SlotPolynomial(const Bootstrapper& bootstrapper, std::vector<double> chebyshev,
                               double rho, double scale, std::size_t classes,
                               std::size_t class_stride)
    : chebyshev_(std::move(chebyshev)),
      rho_(rho),
      scale_(scale),
      q_count_(q_count_after(bootstrapper.parameters(), chebyshev_.size())) {
  require(classes >= 2 && classes <= class_stride && std::has_single_bit(class_stride),
          "a head needs at least two classes within a power-of-two stride");
  if (classes == class_stride) return;
  const double at_zero = chebyshev_evaluate(chebyshev_, 0.0);
  const Ring& ring = bootstrapper.parameters().ring();
  const std::size_t slots = ring.n() / 2;
  std::vector<Complex> padding(slots);
  for (std::size_t j = 0; j < slots; ++j) {
    // Coefficient class_stride * sample + class, bit-reversed: the class is in the top bits.
    const std::size_t cls =
        reverse_bits(j / (slots / class_stride), std::countr_zero(class_stride));
    if (cls >= classes) padding[j] = at_zero;
  }
  padding_ = bootstrapper.encoder().encode(ring, padding, scale_, q_count_);
}

std::size_t SlotPolynomial::q_count_after(const Parameters& p, std::size_t coefficients) {
  const auto depth = static_cast<std::size_t>(ChebyshevEvaluator::depth(coefficients));
  require(p.circuit_start() >= p.slot_to_coeff_start() + depth,
          "the parameters have too few levels for this circuit");
  return p.circuit_start() - depth;
}

double SlotPolynomial::input_scale(double rho) {
  return kInputScale / (2 * std::numbers::pi * rho);
}

void SlotPolynomial::apply(Halves& sines, const BootstrapKeys& keys) const {
  sines.for_each([&](Ciphertext& c) {
    require(same_scale(c.scale, input_scale(rho_)), "a head's input of another scale");
    c.scale = kInputScale;
    c = ChebyshevEvaluator(std::move(c), keys.evaluation.relinearisation)
            .evaluate(chebyshev_, q_count_, scale_);
    if (!padding_.empty()) sub_inplace(c.c0, padding_);
  });
}

}  // namespace blindtuner::learn
