#include "ckks/noise_model.h"

#include <cmath>
#include <numbers>

#include "math/chebyshev.h"
#include "ring/sampling.h"

namespace blindtuner::ckks::noise {
namespace {

double square(double x) { return x * x; }

double prime(const Ring& ring, std::size_t i) { return static_cast<double>(ring.q(i).q); }

// Secrets add up, and so do their squared norms.
double owners(const Parameters& parameters) { return static_cast<double>(parameters.owners()); }

double joint_sparse_weight(const Parameters& parameters) {
  return owners(parameters) * static_cast<double>(parameters.literal().sparse_weight);
}

// Mean over rows of the sum of squares, as a square root.
double row_norm(const DiagonalMatrix& matrix) {
  double total = 0;
  for (const auto& [shift, d] : matrix.diagonals)
    for (const Complex& value : d) total += std::norm(value);
  return std::sqrt(total / static_cast<double>(matrix.period));
}

// Root mean square over v in [-1, 1] of what the arcsine's polynomial leaves.
double arcsine_residual(double gain, int degree) {
  const std::vector<double> c = arcsine_polynomial(gain, degree);
  constexpr int kPoints = 1000;
  double total = 0;
  for (int i = 0; i < kPoints; ++i) {
    const double v = (i + 0.5) / kPoints;
    total += square(chebyshev_evaluate(c, std::sin(gain * v) / gain) - v);
  }
  return std::sqrt(total / kPoints);
}

}  // namespace

double ternary_weight(std::size_t n) { return 2.0 * static_cast<double>(n) / 3.0; }

double fresh() { return std::sqrt(square(kErrorSigma) + 1.0 / 12); }

double fresh_public(std::size_t n) {
  return std::sqrt(square(kErrorSigma) * (2 * ternary_weight(n) + 1) + 1.0 / 12);
}

double sum(double a, double b) { return std::hypot(a, b); }

double rounding(double weight) { return std::sqrt((1 + weight) / 12); }

double rescale(double e, double q, double weight) { return sum(e / q, rounding(weight)); }

double joint_key_factor(double owners) { return std::sqrt(owners); }

double joint_relinearisation_factor(double owners, double weight) {
  return std::sqrt(2 * square(owners) * weight + owners);
}

double key_switch_inner(const Ring& ring, const KeyShape& shape, std::size_t q_count) {
  const double log_p = ring.log2_modulus(0, shape.p_count);
  double total = 0;
  std::size_t begin = 0;
  for (std::size_t d = 0; d < shape.digits() && begin < q_count; ++d) {
    const std::size_t end = std::min(shape.digit_ends[d], q_count);
    const double log_digit = ring.log2_modulus(end, 0) - ring.log2_modulus(begin, 0);
    total += std::exp2(2 * (log_digit - log_p));
    begin = end;
  }
  return kErrorSigma * std::sqrt(static_cast<double>(ring.n()) * total / 12);
}

double key_switch(const Ring& ring, const KeyShape& shape, std::size_t q_count, double weight) {
  return sum(key_switch_inner(ring, shape, q_count), rounding(weight));
}

double norm(double scale, double rms_slot) { return scale * rms_slot; }

double plaintext_product(double e, double message_norm, double plaintext_norm) {
  return std::sqrt(square(e * plaintext_norm) + square(message_norm) / 12);
}

double product(double e1, double norm1, double e2, double norm2, std::size_t n) {
  return std::sqrt(square(e1 * norm2) + square(e2 * norm1) +
                   static_cast<double>(n) * square(e1 * e2));
}

double linear_map(double e, double message_norm, const DiagonalMatrix& matrix, double factor,
                  double e_ks, double q, double weight) {
  const double filled = static_cast<double>(matrix.period) / static_cast<double>(matrix.slots);
  const double encoding =
      square(message_norm / q) * filled / 12 * static_cast<double>(matrix.diagonals.size());
  return std::sqrt(square(row_norm(matrix) * factor * sum(e, e_ks)) + encoding +
                   square(rounding(weight)));
}

double real_slots(double e, std::size_t n, double scale) {
  return e * std::sqrt(static_cast<double>(n) / 2) / scale;
}

double halves(double e, double e_ks, std::size_t n, double scale) {
  return std::sqrt(static_cast<double>(n) * (2 * square(e) + square(e_ks) / 2)) / scale;
}

double eval_mod_slope(int range, double sparse_weight) {
  // t is uniform beyond its integer part and a sum of `weight` such: variance (weight + 1) / 12.
  const double variance = (sparse_weight + 1) / 12;
  double total = 0, mass = 0;
  for (int i = -range; i <= range; ++i) {
    const double probability = std::exp(-i * i / (2 * variance));
    const double x = (i - 0.25) / (range + 0.25);
    total += probability * square(2 * std::numbers::pi * (range + 0.25) / (4 * x));
    mass += probability;
  }
  return std::sqrt(total / mass);
}

double eval_mod(const Parameters& parameters, const BootstrapShape& shape, double x, double r,
                double scale) {
  const Ring& ring = parameters.ring();
  const int range = parameters.literal().modulus_range;
  const double slope = eval_mod_slope(range, joint_sparse_weight(parameters));
  const double scale_u = square(prime(ring, 0) * coeff_to_slot_factor(parameters)) /
                         prime(ring, parameters.eval_mod_start() - 1);
  double total =
      square(2 * std::numbers::pi * (range + 0.25) * x) + 17.0 / 16 * square(slope * r / scale_u);
  double weight = 1, s = scale;
  for (int i = 0; i < shape.eval_mod_doublings; ++i) {
    total += weight * square(r / s);
    s = std::sqrt(s * prime(ring, parameters.circuit_start() + static_cast<std::size_t>(i)));
    weight *= 8;
  }
  return std::sqrt(total + 4 * weight * square(r / s));
}

BootstrapBudget bootstrap_budget(const Parameters& parameters, const BootstrapShape& shape,
                                 double message_ratio, double input_scale, double scale,
                                 int arcsine_degree, double input_noise) {
  const Ring& ring = parameters.ring();
  const std::size_t n = ring.n();
  const double q0 = prime(ring, 0), bottom_scale = message_ratio * q0;
  const double weight = owners(parameters) * ternary_weight(n),
               small_weight = owners(parameters) * ternary_weight(parameters.small_ring().n()),
               sparse_weight = joint_sparse_weight(parameters);
  // A key's errors are the sum of its owners'.
  const auto key_inner = [&](const KeyShape& key, std::size_t q_count) {
    return joint_key_factor(owners(parameters)) * key_switch_inner(ring, key, q_count);
  };
  const auto key_noise = [&](const KeyShape& key, std::size_t q_count, double target_weight) {
    return sum(key_inner(key, q_count), rounding(target_weight));
  };
  const KeyShape top{parameters.top(), ring.p_size(), parameters.digit_ends(parameters.top())};
  const Encoder encoder(parameters.literal().log_n);
  BootstrapBudget out;

  // Down. Two real vectors as one complex vector: the imaginary part's error comes in as well.
  std::vector<int> radices(shape.log_radices.rbegin(), shape.log_radices.rend());
  const auto down = slot_to_coeff_stages(encoder, radices, 1.0);
  const double factor =
      std::pow(bottom_scale / input_scale, 1.0 / static_cast<double>(down.size()));
  double e = input_noise * input_scale * std::sqrt(2 / static_cast<double>(n)) * std::sqrt(2.0);
  double message = norm(input_scale, std::sqrt(2.0 / 3));  // |low + i high|, both uniform
  for (std::size_t i = 0; i < down.size(); ++i) {
    const std::size_t limbs = parameters.slot_to_coeff_start() - i;
    e = linear_map(e, message, down[i].matrix, factor, key_inner(top, limbs),
                   prime(ring, limbs - 1), weight);
    message *= row_norm(down[i].matrix) * factor;
    out.slot_to_coeff.push_back(e);
  }
  out.down = e / bottom_scale;
  const KeyShape at_bottom{2, parameters.small_special(), {2}};
  out.to_small = key_noise(at_bottom, 2, small_weight);

  // Up.
  const KeyShape at_q0{1, parameters.sparse_special(), {1}};
  out.to_sparse = key_noise(at_q0, 1, sparse_weight);
  out.raised = key_noise(top, parameters.top(), weight);
  const EvalMod eval_mod_circuit(parameters.literal().modulus_range, shape.eval_mod_degree,
                                 shape.eval_mod_doublings);
  const auto up =
      coeff_to_slot_stages(encoder, shape.log_radices, 0.5 * eval_mod_circuit.input_factor());
  e = 0;
  message = q0 * std::sqrt((sparse_weight + 1) / 12 * static_cast<double>(n));
  for (std::size_t i = 0; i < up.size(); ++i) {
    const std::size_t limbs = parameters.top() - i;
    const double stage_factor = i + 1 == up.size() ? coeff_to_slot_factor(parameters) : 1.0;
    e = linear_map(e, message, up[i].matrix, stage_factor, key_inner(top, limbs),
                   prime(ring, limbs - 1), weight);
    message *= row_norm(up[i].matrix) * stage_factor;
    out.coeff_to_slot.push_back(e);
  }
  const KeyShape at_eval_mod{parameters.eval_mod_start(), ring.p_size(),
                             parameters.digit_ends(parameters.eval_mod_start())};
  out.halves = halves(e, key_noise(at_eval_mod, parameters.eval_mod_start(), weight), n,
                      q0 * coeff_to_slot_factor(parameters));
  const double r = real_slots(rounding(weight), n, 1);
  const double gain = 2 * std::numbers::pi * message_ratio;
  out.eval_mod = eval_mod(parameters, shape, out.halves, r, scale / gain);

  const double up_total =
      std::hypot(out.raised / bottom_scale, out.to_sparse / bottom_scale, out.eval_mod / gain);
  out.half_bootstrap = sum(up_total, fresh() / bottom_scale);
  out.bootstrap = sum(up_total, out.down);
  if (arcsine_degree != 0) {
    // The result's own rounding; the inner factors' at the scale that makes the products meet.
    const std::size_t start = parameters.circuit_start();
    const double inner = prime(ring, start - 1) * prime(ring, start - 2) / scale;
    out.bootstrap = std::hypot(sum(out.bootstrap, arcsine_residual(gain, arcsine_degree)),
                               r / scale, r / inner);
  }
  return out;
}

}  // namespace blindtuner::ckks::noise
