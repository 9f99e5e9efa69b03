#include "ckks/bootstrap/bootstrapper.h"

#include <cmath>
#include <numbers>
#include <set>

#include "math/reproducible.h"

namespace blindtuner::ckks {
namespace {

// Keys of the big ring share one count of special primes.
std::size_t big_special(const Parameters& p) { return p.ring().p_size(); }

void collect(std::set<std::size_t>& steps, const std::vector<LinearTransform>& stages) {
  for (const LinearTransform& stage : stages)
    for (std::size_t step : stage.rotations()) steps.insert(step);
}

std::size_t total_bytes(const std::vector<LinearTransform>& stages) {
  std::size_t bytes = 0;
  for (const LinearTransform& stage : stages) bytes += stage.bytes();
  return bytes;
}

}  // namespace

double coeff_to_slot_factor(const Parameters& parameters) {
  return std::exp2(parameters.literal().eval_mod_bits.back() - parameters.literal().q0_bits);
}

BootstrapShape BootstrapShape::standard(const Parameters& parameters) {
  BootstrapShape shape;
  // The range has a doubling for every level that the polynomial leaves.
  shape.eval_mod_doublings += static_cast<int>(parameters.literal().eval_mod_bits.size()) -
                              EvalMod(1, shape.eval_mod_degree, shape.eval_mod_doublings).depth();
  const int log_slots = parameters.literal().log_n - 1;
  const int stages = static_cast<int>(parameters.literal().coeff_to_slot_bits.size());
  for (int i = 0, left = log_slots; i < stages; ++i) {
    const int r = left / (stages - i);
    shape.log_radices.push_back(r);
    shape.baby_counts.push_back(std::size_t{1} << std::min(r, 3));
    left -= r;
  }
  return shape;
}

std::vector<TransformShape> coeff_to_slot_shapes(const Parameters& parameters,
                                                 const BootstrapShape& shape,
                                                 const Encoder& encoder) {
  const std::vector<DftStage> stages =
      coeff_to_slot_stages(encoder, shape.log_radices, 1.0, shape.fold_bit);
  std::vector<TransformShape> out;
  for (std::size_t i = 0; i < stages.size(); ++i)
    out.emplace_back(stages[i].matrix, stages[i].unit, shape.baby_counts[i], parameters.top() - i);
  return out;
}

std::vector<TransformShape> slot_to_coeff_shapes(const Parameters& parameters,
                                                 const BootstrapShape& shape,
                                                 const Encoder& encoder) {
  const std::vector<int> radices(shape.log_radices.rbegin(), shape.log_radices.rend());
  const std::vector<DftStage> stages = slot_to_coeff_stages(encoder, radices, 1.0, shape.fold_bit);
  std::vector<TransformShape> out;
  for (std::size_t i = 0; i < stages.size(); ++i)
    out.emplace_back(stages[i].matrix, stages[i].unit, shape.baby_counts[stages.size() - 1 - i],
                     parameters.slot_to_coeff_start() - i);
  return out;
}

BootstrapKeyShapes::BootstrapKeyShapes(const Parameters& p, std::span<const std::size_t> rotations,
                                       std::span<const std::size_t> extra_rotations,
                                       std::size_t extra_q_count) {
  const auto of = [&](std::size_t q_count) {
    return KeyShape{q_count, big_special(p), p.digit_ends(q_count)};
  };
  const auto galois_of = [&](std::size_t steps) {
    return rotation_galois(static_cast<std::int64_t>(steps), p.ring().n());
  };
  relinearisation = of(p.eval_mod_start());
  for (const std::size_t steps : rotations) galois.emplace(galois_of(steps), of(p.top()));
  galois.emplace(conjugation_galois(p.ring().n()), of(p.eval_mod_start()));
  for (const std::size_t steps : extra_rotations)
    galois.emplace(galois_of(steps), of(extra_q_count));
  small_to_sparse = dense_to_sparse = {1, p.sparse_special(), {1}};
  sparse_to_dense = of(p.top());
  dense_to_small = {2, p.small_special(), {2}};
}

SlotToCoeff::SlotToCoeff(const Parameters& parameters, const BootstrapShape& shape,
                         const Encoder& encoder, double input_scale, double output_scale)
    : q_count_(parameters.slot_to_coeff_start()),
      input_scale_(input_scale),
      output_scale_(output_scale),
      folded_(shape.fold_bit.has_value()) {
  std::vector<int> radices(shape.log_radices.rbegin(), shape.log_radices.rend());
  require(radices.size() == parameters.literal().slot_to_coeff_bits.size(),
          "slot_to_coeff has as many stages as levels");
  const std::vector<DftStage> stages = slot_to_coeff_stages(encoder, radices, 1.0, shape.fold_bit);
  const double factor =
      math::reproducible::pow(output_scale / input_scale, 1.0 / static_cast<double>(stages.size()));
  for (std::size_t i = 0; i < stages.size(); ++i)
    stages_.emplace_back(parameters.ring(), encoder, stages[i].matrix, stages[i].unit,
                         shape.baby_counts[stages.size() - 1 - i], q_count_ - i,
                         big_special(parameters), factor);
}

Ciphertext SlotToCoeff::apply(const Halves& halves, const GaloisKeys& keys) const {
  require(halves.folded() == folded_, "slot_to_coeff was prepared for the other folding");
  require(same_scale(halves.low.scale, input_scale_) &&
              (folded_ || same_scale(halves.high.scale, input_scale_)),
          "slot_to_coeff was prepared for another scale");
  Ciphertext x = (folded_ ? halves.low : halves.high).copy();
  x.drop_to(q_count_);
  if (!folded_) {
    mul_i_inplace(x);
    x.scale = halves.low.scale;
    add_inplace(x, halves.low);
  }
  const double difference = x.scale / input_scale_;  // within same_scale, but not to be lost
  for (const LinearTransform& stage : stages_) x = stage.apply(x, keys);
  x.scale = output_scale_ * difference;
  return x;
}

std::size_t SlotToCoeff::bytes() const { return total_bytes(stages_); }

std::vector<std::size_t> SlotToCoeff::rotations() const {
  std::set<std::size_t> steps;
  collect(steps, stages_);
  return {steps.begin(), steps.end()};
}

Bootstrapper::Bootstrapper(const ParametersPtr& parameters)
    : Bootstrapper(parameters, BootstrapShape::standard(*parameters)) {}

Bootstrapper::Bootstrapper(ParametersPtr parameters, BootstrapShape shape)
    : parameters_(std::move(parameters)),
      shape_(std::move(shape)),
      encoder_(parameters_->literal().log_n),
      eval_mod_(parameters_->literal().modulus_range, shape_.eval_mod_degree,
                shape_.eval_mod_doublings) {
  const Parameters& p = *parameters_;
  require(static_cast<std::size_t>(eval_mod_.depth()) == p.literal().eval_mod_bits.size(),
          "eval_mod's depth and its levels differ");
  require(shape_.log_radices.size() == p.literal().coeff_to_slot_bits.size() &&
              shape_.baby_counts.size() == shape_.log_radices.size(),
          "coeff_to_slot has as many stages as levels");
  // 1/2 for the two halves: w + conj(w) is twice the real part.
  const std::vector<DftStage> stages = coeff_to_slot_stages(
      encoder_, shape_.log_radices, 0.5 * eval_mod_.input_factor(), shape_.fold_bit);
  for (std::size_t i = 0; i < stages.size(); ++i)
    coeff_to_slot_.emplace_back(p.ring(), encoder_, stages[i].matrix, stages[i].unit,
                                shape_.baby_counts[i], p.top() - i, big_special(p),
                                i + 1 == stages.size() ? coeff_to_slot_factor(p) : 1.0);
}

std::vector<std::size_t> Bootstrapper::rotations() const {
  // slot_to_coeff has the same stages in the other order, and so the same rotations.
  std::set<std::size_t> steps;
  collect(steps, coeff_to_slot_);
  return {steps.begin(), steps.end()};
}

std::size_t Bootstrapper::bytes() const { return total_bytes(coeff_to_slot_); }

Ciphertext Bootstrapper::interleave(std::span<const Ciphertext* const> small) const {
  const Parameters& p = *parameters_;
  require(!small.empty() && small.size() <= p.ratio(), "interleave takes 1 to `ratio` ciphertexts");
  for (const Ciphertext* c : small)
    require(&c->ring() == &p.small_ring() && same_scale(c->scale, small[0]->scale),
            "interleave takes small ciphertexts of one scale");
  const auto interleaved = [&](Poly Ciphertext::*part) {
    std::vector<Poly> low;
    std::vector<const Poly*> pointers;
    for (const Ciphertext* c : small) {
      low.push_back((c->*part).copy_limbs(1, 0));
      to_coefficients_inplace(low.back());
    }
    for (const Poly& x : low) pointers.push_back(&x);
    Poly out = ring::interleave(p.ring(), pointers);
    to_ntt_inplace(out);
    return out;
  };
  return {interleaved(&Ciphertext::c0), interleaved(&Ciphertext::c1), small[0]->scale};
}

Ciphertext Bootstrapper::mod_raise(const Ciphertext& c, const BootstrapKeys& keys) const {
  const Parameters& p = *parameters_;
  require(c.q_count() == 1, "mod_raise starts from q_0");
  const auto raise = [&](const Poly& from) {
    Poly low = from.copy();
    to_coefficients_inplace(low);
    Poly out = mod_up(low, 0, 1, p.top(), 0);
    to_ntt_inplace(out);
    return out;
  };
  const Ciphertext raised{raise(c.c0), raise(c.c1), c.scale};
  return key_switch(raised, keys.sparse_to_dense);
}

Halves Bootstrapper::coeff_to_slot(const Ciphertext& raised, const BootstrapKeys& keys) const {
  Ciphertext w = raised.copy();
  w.scale = static_cast<double>(parameters_->ring().q(0).q);  // coefficients as multiples of q_0
  for (const LinearTransform& stage : coeff_to_slot_) w = stage.apply(w, keys.evaluation.galois);
  const Ciphertext conjugated = conjugate(w, keys.evaluation.galois);
  Ciphertext high;
  if (!shape_.fold_bit) {
    high = conjugated.copy();
    sub_inplace(high, w);
    mul_i_inplace(high);
  }
  add_inplace(w, conjugated);
  return {std::move(w), std::move(high)};
}

Halves Bootstrapper::eval_mod_halves(Halves x, double scale, const BootstrapKeys& keys) const {
  x.for_each([&](Ciphertext& half) {
    half = eval_mod_.evaluate(std::move(half), scale, keys.evaluation.relinearisation);
  });
  return x;
}

Halves Bootstrapper::half_bootstrap(std::span<const Ciphertext* const> small, double scale,
                                    const BootstrapKeys& keys) const {
  const Ciphertext under_sparse = key_switch(interleave(small), keys.small_to_sparse);
  return eval_mod_halves(coeff_to_slot(mod_raise(under_sparse, keys), keys), scale, keys);
}

std::vector<Ciphertext> Bootstrapper::split(const Ciphertext& big,
                                            const BootstrapKeys& keys) const {
  const Parameters& p = *parameters_;
  require(big.q_count() == 2, "split takes a ciphertext at two limbs");
  Ciphertext c = key_switch(big, keys.dense_to_small);
  to_coefficients_inplace(c.c0);
  to_coefficients_inplace(c.c1);
  std::vector<Poly> c0 = ring::split(c.c0, p.small_ring()), c1 = ring::split(c.c1, p.small_ring());
  std::vector<Ciphertext> out;
  for (std::size_t r = 0; r < p.ratio(); ++r) {
    to_ntt_inplace(c0[r]);
    to_ntt_inplace(c1[r]);
    out.push_back({std::move(c0[r]), std::move(c1[r]), c.scale});
  }
  return out;
}

Halves Bootstrapper::bootstrap(const Halves& x, const SlotToCoeff& down, double scale,
                               int arcsine_degree, const BootstrapKeys& keys) const {
  require(arcsine_degree == 0 || arcsine_degree == 3 || arcsine_degree == 7,
          "the arcsine's degree is 0, 3 or 7");
  Ciphertext bottom = down.apply(x, keys.evaluation.galois);
  const double bottom_scale = bottom.scale;
  bottom.drop_to(1);
  const Ciphertext under_sparse = key_switch(bottom, keys.dense_to_sparse);
  // sin(2 pi v s / q_0) ~ v * (2 pi s / q_0): scales are those of v, not of the small sine.
  const double gain =
      2 * std::numbers::pi * bottom_scale / static_cast<double>(parameters_->ring().q(0).q);
  Halves out =
      eval_mod_halves(coeff_to_slot(mod_raise(under_sparse, keys), keys), scale / gain, keys);
  out.for_each([&](Ciphertext& half) {
    half.scale = scale;
    if (arcsine_degree != 0)
      half = arcsine_correction(std::move(half), gain, arcsine_degree, scale,
                                keys.evaluation.relinearisation);
  });
  return out;
}

}  // namespace blindtuner::ckks
