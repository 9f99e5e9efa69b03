// The noise budget's formulas, evaluated for any parameters: docs/NOISE.md explains them, and
// tests/ckks/noise_test.cpp holds measurements to them.
//
// All results are standard deviations. Unless a name says otherwise they are those of a
// polynomial's coefficients, in units (not divided by the scale); errors are taken as independent
// and centred. `weight` is the expected squared norm of the secret that the result is under: 2N/3
// for a uniform ternary one of dimension N, the number of nonzero coefficients for a sparse one.
#pragma once

#include "ckks/bootstrap/bootstrapper.h"

namespace blindtuner::ckks::noise {

/// 2 n / 3.
double ternary_weight(std::size_t n);

/// Error of a fresh secret-key encryption and the rounding of its message: sqrt(sigma^2 + 1/12).
double fresh();
/// u e + e0 + e1 s, u ternary, and the message's rounding: sqrt(sigma^2 (4n/3 + 1) + 1/12).
double fresh_public(std::size_t n);
/// sqrt(a^2 + b^2): a sum of independent errors.
double sum(double a, double b);
/// Rounding both halves of a ciphertext to integers: sqrt((1 + weight) / 12).
double rounding(double weight);
/// Dividing by q: sqrt((e / q)^2 + rounding^2).
double rescale(double e, double q, double weight);

/// What the error of a key is that `owners` made together, over one owner's, sigma: sqrt(k).
double joint_key_factor(double owners);
/// The same of relinearisation, which takes two rounds: sqrt(2 k^2 weight + k), the weight that of one owner's secret.
double joint_relinearisation_factor(double owners, double weight);

/// A key switch before the rounding of its division by P:
///   sqrt(N sum_d D_d^2 / 12) sigma / P,  D_d the product of digit d's primes below q_count.
double key_switch_inner(const Ring& ring, const KeyShape& shape, std::size_t q_count);
/// The same with the rounding.
double key_switch(const Ring& ring, const KeyShape& shape, std::size_t q_count, double weight);

/// A polynomial's norm as slots show it: scale * sqrt(mean |slot|^2).
double norm(double scale, double rms_slot);
/// c * p for a message of norm |m|, an encoded plaintext of norm |p|:
///   sqrt(e^2 |p|^2 + |m|^2 / 12), the second term from p's own rounding.
double plaintext_product(double e, double message_norm, double plaintext_norm);
/// c_1 * c_2 before relinearisation: sqrt(e1^2 |m2|^2 + e2^2 |m1|^2 + n e1^2 e2^2).
double product(double e1, double norm1, double e2, double norm2, std::size_t n);

/// A linear map as LinearTransform applies it, from scale s to s * factor, rescaled by q:
///   sqrt(g^2 factor^2 (e^2 + e_ks^2) + |m|^2 d (2 period / n) / (12 q^2) + rounding^2)
/// g^2 the mean over rows of the sum of squares, d the number of diagonals, e_ks the baby steps'
/// key switch (key_switch_inner). The giant steps' key switches are divided by q: left out.
double linear_map(double e, double message_norm, const DiagonalMatrix& matrix, double factor,
                  double e_ks, double q, double weight);

/// The standard deviation of slots' real parts: e sqrt(n / 2) / scale.
double real_slots(double e, std::size_t n, double scale);

/// The two halves after coeff_to_slot, w + conj(w): their real parts' standard deviation, from the
/// last stage's error e and the conjugation's key switch e_ks:  sqrt(n (2 e^2 + e_ks^2 / 2)) /
/// scale.
double halves(double e, double e_ks, std::size_t n, double scale);

/// sin(2 pi t) by EvalMod on real slots, t an integer I and little more:
///   sqrt((2 pi (K + 1/4) x)^2 + (17/16) (S r / s_u)^2 + 4 * 8^D (r / s_D)^2 + sum_i 8^i (r /
///   s_i)^2)
/// x: error of the input t / (K + 1/4). r: a product's rounding in real slots at scale 1. S, s_u:
/// the slope and the scale of T_2(x), where errors weigh most; T_4 and T_8 add a sixteenth. D
/// doublings multiply by 2 sqrt(2) each; the polynomial's result and its three inner factors come
/// before them, at scale s_D; s_i is the scale with i doublings to come, s_0 = scale. How much
/// EvalMod multiplies an error of T_2(x) with, root mean square over I:
///   S = 2 pi (K + 1/4) / |4 x|, x = (I - 1/4) / (K + 1/4).
double eval_mod_slope(int range, double sparse_weight);

/// Each step's error on the way through the parts of a bootstrap, from its input to its output.
struct BootstrapBudget {
  // Down: values with input_scale in slots to coefficients with the bottom scale.
  std::vector<double> slot_to_coeff;  ///< after each stage, coefficients
  double to_small = 0;                ///< the key switch to the small secret alone
  double down = 0;                    ///< at the bottom, in the values' unit, before any key switch
  // Up: coefficients m at q_0 to sin(2 pi m / q_0) in slots.
  double to_sparse = 0;               ///< the key switch to the sparse secret alone, coefficients
  double raised = 0;                  ///< the key switch to the dense secret alone, coefficients
  std::vector<double> coeff_to_slot;  ///< after each stage, coefficients
  double halves = 0;                  ///< real slots t / (K + 1/4)
  double eval_mod = 0;                ///< real slots of the sine
  // Together, in the values' unit.
  double half_bootstrap = 0;  ///< sin(2 pi rho v) / (2 pi rho), for |v| <= 1 in the coefficients
  double bootstrap = 0;       ///< the full one
};

/// message_ratio: rho, the message's bound over q_0. scale: of the result, in the values' unit.
/// input_noise: real slots, of what is refreshed. arcsine_degree 0 leaves the sine's error out of
/// account.
BootstrapBudget bootstrap_budget(const Parameters& parameters, const BootstrapShape& shape,
                                 double message_ratio, double input_scale, double scale,
                                 int arcsine_degree, double input_noise);

}  // namespace blindtuner::ckks::noise
