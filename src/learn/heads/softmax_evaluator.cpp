#include "learn/heads/softmax_evaluator.h"

#include <bit>
#include <cmath>
#include <numbers>

#include "linalg/layout.h"
#include "math/bits.h"

namespace blindtuner::learn {
using namespace linalg;
namespace {

// The scale of the probabilities, and of v before a refresh: the circuit's primes.
constexpr double kOutputScale = 68719476736.0;  // 2^36
// The most that v may have within the chain. Only circuits with large |b| come near it.
constexpr double kLargestScale = 549755813888.0;  // 2^39
// How a full bootstrap corrects its sine: the arcsine's degree and levels, and the fraction of q_0
// that |v| <= 1 becomes. What is left of the sine's curvature: 2^-31, 2^-24, 2^-17 of the value;
// more than that is lost to eval_mod's noise, divided by 2 pi ratio (docs/NOISE.md).
struct Refresh {
  int degree;
  std::size_t levels;
  double ratio;
};
constexpr Refresh kRefreshes[] = {{7, 3, 1.0 / 32}, {3, 2, 1.0 / 128}, {0, 0, 1.0 / 1024}};

// A step's product A + k M_S with k = 1 takes scale s to s^2 gain / q.
double gain(const SoftmaxStep& step) {
  return step.kind == 'n' ? 2 / std::abs(step.b) : 1 / step.g;
}

}  // namespace

SoftmaxEvaluator::SoftmaxEvaluator(const Bootstrapper& bootstrapper, const SoftmaxCircuit& circuit,
                                   std::size_t classes, std::size_t class_stride)
    : bootstrapper_(bootstrapper),
      circuit_(circuit),
      classes_(classes),
      class_stride_(class_stride) {
  require(classes >= static_cast<std::size_t>(circuit.min_classes) &&
              classes <= static_cast<std::size_t>(circuit.classes),
          "the circuit was fitted for other numbers of classes");
  plan();
}

double SoftmaxEvaluator::input_scale() const { return SlotPolynomial::input_scale(circuit_.rho); }

std::vector<std::size_t> SoftmaxEvaluator::refreshed_steps() const {
  std::vector<std::size_t> out;
  for (std::size_t i = 0; i < steps_.size(); ++i)
    if (steps_[i].refreshed) out.push_back(i);
  return out;
}

std::vector<double> SoftmaxEvaluator::scales() const {
  std::vector<double> out = {exp_->scale()};
  for (const PlannedStep& step : steps_) out.push_back(step.out_scale);
  return out;
}

void SoftmaxEvaluator::plan() {
  const Parameters& p = bootstrapper_.parameters();
  const Ring& ring = p.ring();
  const double q0 = static_cast<double>(ring.q(0).q);
  const std::size_t floor = p.slot_to_coeff_start();
  const std::size_t exp_q_count = SlotPolynomial::q_count_after(p, circuit_.exp_chebyshev.size());
  require(!circuit_.steps.empty(), "a softmax circuit has steps");

  // The best correction that costs no further refresh.
  const std::size_t levels = p.circuit_start() - floor;
  const auto depth = static_cast<std::size_t>(circuit_.depth());
  const std::size_t refreshes = (depth - 1) / levels;
  const Refresh* refresh = kRefreshes;
  while (depth + refreshes * refresh->levels > levels * (refreshes + 1)) ++refresh;
  arcsine_degree_ = refreshes == 0 ? 0 : refresh->degree;

  for (std::size_t i = 0, q_count = exp_q_count; i < circuit_.steps.size(); ++i, --q_count) {
    const SoftmaxStep& step = circuit_.steps[i];
    require(step.kind == 'n' ? step.b != 0 : step.kind == 'q' && step.g > 0,
            "a softmax step that cannot be evaluated");
    PlannedStep planned;
    planned.step = step;
    planned.refreshed = q_count == floor;
    if (planned.refreshed) q_count = p.circuit_start() - refresh->levels;
    planned.q_count = q_count;
    steps_.push_back(std::move(planned));
  }

  // Backwards: the largest scales from which k = 1 leads to the wanted ones, so that the rounding
  // of every product is as small as it can be against v. A refresh takes any scale to any other.
  std::vector<double> wanted(steps_.size() + 1, kOutputScale);
  const auto after = [&](std::size_t i) {
    return i < steps_.size() && steps_[i].refreshed ? kOutputScale : wanted[i];
  };
  for (std::size_t i = steps_.size(); i-- > 0;) {
    const double q = static_cast<double>(ring.q(steps_[i].q_count - 1).q);
    wanted[i] = std::min(kLargestScale, std::sqrt(after(i + 1) * q / gain(steps_[i].step)));
  }
  exp_.emplace(bootstrapper_, circuit_.exp_chebyshev, circuit_.rho, after(0), classes_,
               class_stride_);

  // Forwards: what k and the primes make of it.
  double scale = exp_->scale();
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    PlannedStep& planned = steps_[i];
    if (planned.refreshed) {
      planned.refresh = std::make_unique<SlotToCoeff>(
          p, bootstrapper_.shape(), bootstrapper_.encoder(), scale, refresh->ratio * q0);
      scale = wanted[i];
    }
    planned.in_scale = scale;
    const double q = static_cast<double>(ring.q(planned.q_count - 1).q);
    const double unit = scale * scale * gain(planned.step) / q;
    // Rounded down: a scale above the wanted one would be squared from step to step, and no k
    // brings it back.
    const double k = std::max(1.0, std::floor(after(i + 1) / unit * (1 + 1e-6)));
    planned.factor =
        static_cast<std::int64_t>(planned.step.kind == 'n' && planned.step.b < 0 ? -k : k);
    planned.out_scale = scale = unit * k;
  }
  output_scale_ = scale;
}

Halves SoftmaxEvaluator::class_sums(const Halves& v, const GaloisKeys& keys) const {
  Ciphertext sum = (v.folded() ? v.low : v.high).copy();
  if (!v.folded()) mul_i_inplace(sum);
  add_inplace(sum, v.low);
  for (std::size_t steps : class_sum_rotations(bootstrapper_.parameters(), class_stride_))
    add_inplace(sum, rotate(sum, static_cast<std::int64_t>(steps), keys));
  if (v.folded()) return {std::move(sum), {}};
  const Ciphertext conjugated = conjugate(sum, keys);
  Ciphertext high = conjugated.copy();
  sub_inplace(high, sum);
  mul_i_inplace(high);
  add_inplace(sum, conjugated);
  return {std::move(sum), std::move(high)};
}

Halves SoftmaxEvaluator::evaluate(Halves x, const BootstrapKeys& keys) const {
  const KeySwitchKey& relinearisation = keys.evaluation.relinearisation;
  exp_->apply(x, keys);
  for (const PlannedStep& planned : steps_) {
    const SoftmaxStep& step = planned.step;
    if (planned.refreshed)
      x = bootstrapper_.bootstrap(x, *planned.refresh, planned.in_scale, arcsine_degree_, keys);
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
      if (!x.folded()) normalise(x.high, sums.high);
    } else {
      x.for_each([&](Ciphertext& c) {
        Tensor t = tensor_square(c);
        if (planned.factor != 1)
          for (Poly* part : {&t.c0, &t.c1, &t.c2}) mul_integer_inplace(*part, planned.factor);
        c = relinearise_rescale(t, relinearisation);
      });
    }
    x.for_each([&](Ciphertext& c) { c.scale = planned.out_scale; });  // v <- g v^2 is scale / g
  }
  x.for_each([&](Ciphertext& c) {
    c.drop_to(bootstrapper_.parameters().slot_to_coeff_start());
    c.scale = output_scale_;
  });
  return x;
}

}  // namespace blindtuner::learn
