#include "train/softmax_evaluator.h"

#include <bit>
#include <cmath>
#include <numbers>

#include "linalg/layout.h"

namespace blindtuner {
namespace {

// Ciphertext integers of values of size 1. The circuit's primes are 2^36: integers this far below them
// leave room for k >= 1, and 19 bits above the noise of a product.
constexpr double kTargetScale = 11863283203.0;  // 2^33.5
// What y = sin / (2 pi rho) comes in with; the three primes of E are 2^39.
constexpr double kInputScale = 549755813888.0;  // 2^39
// |v| <= 1 becomes this fraction of q_0 in a full bootstrap: the sine's cubic error is then 1e-4.
constexpr double kRefreshRatio = 1.0 / 256;

}  // namespace

SoftmaxEvaluator::SoftmaxEvaluator(const Bootstrapper& bootstrapper, const SoftmaxCircuit& circuit,
                                   std::size_t classes, std::size_t class_stride)
    : bootstrapper_(bootstrapper),
      circuit_(circuit),
      classes_(classes),
      class_stride_(class_stride) {
  require(classes >= 2 && classes <= class_stride && std::has_single_bit(class_stride),
          "softmax needs at least two classes within a power-of-two stride");
  require(circuit.classes == 0 || classes <= static_cast<std::size_t>(circuit.classes),
          "the circuit was fitted for fewer classes");
  plan();
}

double SoftmaxEvaluator::input_scale() const {
  return kInputScale / (2 * std::numbers::pi * circuit_.rho);
}

int SoftmaxEvaluator::bootstraps() const {
  int count = 0;
  for (const PlannedStep& step : steps_) count += step.refresh != nullptr;
  return count;
}

void SoftmaxEvaluator::plan() {
  const Parameters& p = bootstrapper_.parameters();
  const Ring& ring = p.ring();
  const double q0 = static_cast<double>(ring.q(0).q);
  const std::size_t floor = p.slot_to_coeff_start();
  exp_q_count_ = p.circuit_start() -
                 static_cast<std::size_t>(ChebyshevEvaluator::depth(circuit_.exp_chebyshev.size()));
  require(exp_q_count_ >= floor, "the parameters have too few levels for this circuit");

  // The scale that a step turns into kTargetScale with k = 1, where smaller k are impossible.
  auto balanced = [&](const SoftmaxStep& step, std::size_t q_count) {
    const double q = static_cast<double>(ring.q(q_count - 1).q);
    const double gain = step.kind == 'n' ? 2 / std::abs(step.b) : 1 / step.g;
    return std::min(kTargetScale, std::sqrt(kTargetScale * q / gain));
  };
  double scale = circuit_.steps.empty() || exp_q_count_ == floor
                     ? kTargetScale
                     : balanced(circuit_.steps.front(), exp_q_count_);
  exp_scale_ = scale;
  std::size_t q_count = exp_q_count_;
  for (const SoftmaxStep& step : circuit_.steps) {
    PlannedStep planned;
    planned.step = step;
    if (q_count == floor) {
      planned.refresh = std::make_unique<SlotToCoeff>(
          p, bootstrapper_.shape(), bootstrapper_.encoder(), scale, kRefreshRatio * q0);
      q_count = p.circuit_start();
      scale = balanced(step, q_count);
      planned.refresh_scale = scale;
    }
    const double q = static_cast<double>(ring.q(q_count - 1).q);
    if (step.kind == 'n') {
      const double wanted = kTargetScale * q * std::abs(step.b) / (2 * scale * scale);
      const std::int64_t k = std::max<std::int64_t>(1, std::llrint(wanted));
      planned.factor = step.b < 0 ? -k : k;
      // tau (a + b S) = A + k M_S with M_S = 2 scale S
      planned.out_scale = scale * (2 * scale * static_cast<double>(k) / std::abs(step.b)) / q;
    } else {
      const double wanted = kTargetScale * q * step.g / (scale * scale);
      planned.factor = std::max<std::int64_t>(1, std::llrint(wanted));
      planned.out_scale = scale * scale * static_cast<double>(planned.factor) / (q * step.g);
    }
    planned.q_count = q_count;
    scale = planned.out_scale;
    --q_count;
    steps_.push_back(std::move(planned));
  }
  output_scale_ = scale;

  if (classes_ < class_stride_) {
    const double at_zero = evaluate_chebyshev(circuit_.exp_chebyshev, 0.0);
    const std::size_t slots = ring.n() / 2;
    std::vector<Complex> padding(slots);
    for (std::size_t j = 0; j < slots; ++j) {
      // Coefficient class_stride * sample + class, bit-reversed: the class is in the top bits.
      const std::size_t cls =
          reverse_bits(j / (slots / class_stride_), std::countr_zero(class_stride_));
      if (cls >= classes_) padding[j] = at_zero;
    }
    padding_ = bootstrapper_.encoder().encode(ring, padding, exp_scale_, exp_q_count_);
  }
}

Halves SoftmaxEvaluator::class_sums(const Halves& v, const GaloisKeys& keys) const {
  Ciphertext sum = v.high.copy();
  mul_i_inplace(sum);
  add_inplace(sum, v.low);
  for (std::size_t steps : class_sum_rotations(bootstrapper_.parameters(), class_stride_))
    add_inplace(sum, rotate(sum, static_cast<std::int64_t>(steps), keys));
  const Ciphertext conjugated = conjugate(sum, keys);
  Ciphertext high = conjugated.copy();
  sub_inplace(high, sum);
  mul_i_inplace(high);
  add_inplace(sum, conjugated);
  return {std::move(sum), std::move(high)};
}

Halves SoftmaxEvaluator::evaluate(Halves x, const BootstrapKeys& keys) const {
  const KeySwitchKey& relinearisation = keys.evaluation.relinearisation;
  auto both = [](Halves& h, auto&& f) {
    f(h.low);
    f(h.high);
  };
  both(x, [&](Ciphertext& c) {
    require(same_scale(c.scale, input_scale()), "softmax input of another scale");
    c.scale = kInputScale;
    c = ChebyshevEvaluator(std::move(c), relinearisation)
            .evaluate(circuit_.exp_chebyshev, exp_q_count_, exp_scale_);
    if (!padding_.empty()) sub_inplace(c.c0, padding_);
  });
  for (const PlannedStep& planned : steps_) {
    const SoftmaxStep& step = planned.step;
    if (planned.refresh)
      x = bootstrapper_.bootstrap(x, *planned.refresh, planned.refresh_scale, 0, keys);
    if (step.kind == 'n') {
      Halves sums = class_sums(x, keys.evaluation.galois);
      auto normalise = [&](Ciphertext& v, Ciphertext& s) {
        const double tau = 2 * v.scale * static_cast<double>(planned.factor) / step.b;
        if (planned.factor != 1) mul_integer_inplace(s, planned.factor);
        add_real_constant_inplace(s.c0, step.a * tau);
        s.scale = tau;
        v = multiply(v, s, relinearisation);
      };
      normalise(x.low, sums.low);
      normalise(x.high, sums.high);
    } else {
      both(x, [&](Ciphertext& c) {
        Tensor t = tensor_square(c);
        if (planned.factor != 1)
          for (Poly* part : {&t.c0, &t.c1, &t.c2}) mul_integer_inplace(*part, planned.factor);
        c = relinearise_rescale(std::move(t), relinearisation);
      });
    }
    both(x, [&](Ciphertext& c) { c.scale = planned.out_scale; });
  }
  both(x, [&](Ciphertext& c) {
    c.drop_to(bootstrapper_.parameters().slot_to_coeff_start());
    c.scale = output_scale_;
  });
  return x;
}

}  // namespace blindtuner
