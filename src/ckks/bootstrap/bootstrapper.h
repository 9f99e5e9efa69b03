// Between the small ring, where data and linear algebra live, and the big one, where softmax is
// evaluated; and the full bootstrap made of the same parts. One bootstrap reads as five steps:
//
//   1. interleave      `ratio` small ciphertexts modulo q_0 become one, under the small secret
//   2. mod_raise       switch to the ephemeral sparse secret at q_0, lift to the whole chain (the
//   message
//                      becomes m + q_0 I), switch to the dense secret
//   3. coeff_to_slot   coefficients to slots; the two halves of the coefficients to two ciphertexts
//   4. eval_mod        sin(2 pi (m / q_0 + I)) removes I
//   5. slot_to_coeff   slots to coefficients, at the bottom of the chain; then split
//
// Steps 1-4 are the half bootstrap. @[CHKKS18], sparse-secret encapsulation @[BTH22].
#pragma once

#include <array>

#include "ckks/bootstrap/dft.h"
#include "ckks/bootstrap/eval_mod.h"
#include "rlwe/parameters.h"

namespace blindtuner::ckks {

/// Keys of the bootstrapping circuits, all public.
struct BootstrapKeys {
  EvaluationKeys evaluation;     ///< relinearisation; rotations of the stages; conjugation
  KeySwitchKey small_to_sparse;  ///< s'(X^ratio) -> sparse, at q_0
  KeySwitchKey dense_to_sparse;  ///< s -> sparse, at q_0 (full bootstrap)
  KeySwitchKey sparse_to_dense;  ///< sparse -> s, at the top
  KeySwitchKey dense_to_small;   ///< s -> s'(X^ratio), at q_0 q_1
};

/// How the transforms are cut. The defaults are what measured best (docs/BENCHMARKS.md).
struct BootstrapShape {
  std::vector<int> log_radices;          ///< of coeff_to_slot, longest butterflies first
  std::vector<std::size_t> baby_counts;  ///< per stage
  int eval_mod_degree = 30;
  int eval_mod_doublings = 3;
  /// Set where at most half of the coefficients are used, those k for which bit b of reverse(k) is
  /// clear (b = fold_bit): both halves then share one ciphertext (see Halves), and everything
  /// between coeff_to_slot and slot_to_coeff costs half. Keys are the same.
  std::optional<int> fold_bit;
  static BootstrapShape standard(const Parameters& parameters);
};

/// What the stages of coeff_to_slot and slot_to_coeff cost and which keys they need, without the
/// seconds that making them takes.
std::vector<TransformShape> coeff_to_slot_shapes(const Parameters& parameters,
                                                 const BootstrapShape& shape,
                                                 const Encoder& encoder);
std::vector<TransformShape> slot_to_coeff_shapes(const Parameters& parameters,
                                                 const BootstrapShape& shape,
                                                 const Encoder& encoder);

/// By how much the last stage of coeff_to_slot takes the scale down, from q_0's bits to those of eval_mod's
/// primes: squaring and rescaling leave a scale of their size as it is and drive every other one away from it.
double coeff_to_slot_factor(const Parameters& parameters);

/// The shapes of BootstrapKeys: rotations (all of coeff_to_slot's at the top), conjugation, and
/// extra rotations at extra_q_count limbs.
struct BootstrapKeyShapes {
  KeyShape relinearisation;
  std::map<u64, KeyShape> galois;
  KeyShape small_to_sparse, dense_to_sparse, sparse_to_dense, dense_to_small;

  BootstrapKeyShapes(const Parameters& parameters, std::span<const std::size_t> rotations,
                     std::span<const std::size_t> extra_rotations, std::size_t extra_q_count);
};

/// The two halves of a polynomial's coefficients in slots: slot j of `low` belongs to coefficient
/// reverse(j), slot j of `high` to coefficient reverse(j) + N/2; reverse over log2(N/2) bits.
/// Folded (BootstrapShape::fold_bit), `high` is empty and what it would hold in slot j is in slot
/// j + 2^fold_bit of `low`.
struct Halves {
  Ciphertext low, high;

  bool folded() const { return high.c0.empty(); }
  /// f of each ciphertext that is there.
  template <typename F>
  void for_each(F&& f) {
    f(low);
    if (!folded()) f(high);
  }
};

/// slot_to_coeff for inputs at one level and a pair of scales.
class SlotToCoeff {
 public:
  /// Input at q_count limbs with input_scale; output at two limbs below the stages with
  /// output_scale.
  SlotToCoeff(const Parameters& parameters, const BootstrapShape& shape, const Encoder& encoder,
              double input_scale, double output_scale);
  /// The polynomial with coefficients low, high (see Halves), two limbs left.
  Ciphertext apply(const Halves& halves, const GaloisKeys& keys) const;
  std::size_t bytes() const;
  std::vector<std::size_t> rotations() const;

 private:
  std::size_t q_count_;
  double input_scale_, output_scale_;
  bool folded_;
  std::vector<LinearTransform> stages_;
};

class Bootstrapper {
 public:
  explicit Bootstrapper(const ParametersPtr& parameters);
  Bootstrapper(ParametersPtr parameters, BootstrapShape shape);

  const Parameters& parameters() const { return *parameters_; }
  const Encoder& encoder() const { return encoder_; }
  const BootstrapShape& shape() const { return shape_; }
  const EvalMod& eval_mod() const { return eval_mod_; }

  /// Slot rotations whose keys BootstrapKeys must hold (conjugation is needed besides).
  std::vector<std::size_t> rotations() const;
  std::size_t bytes() const;

  /// Step 1: coefficient k of ciphertext r becomes coefficient ratio * k + r. At most `ratio` small
  /// ciphertexts of at least one limb (limbs above q_0 are dropped); missing ones are zero. The
  /// result is modulo q_0, under the small secret lifted to the big ring.
  Ciphertext interleave(std::span<const Ciphertext* const> small) const;
  /// Step 2, from a key switched to the sparse secret.
  Ciphertext mod_raise(const Ciphertext& under_sparse, const BootstrapKeys& keys) const;
  /// Step 3: values t / (range + 1/4), t = coefficient / q_0; folded where the shape says so.
  Halves coeff_to_slot(const Ciphertext& raised, const BootstrapKeys& keys) const;
  /// Steps 1-4: slots hold sin(2 pi m / q_0) for coefficients m, with the given scale, at
  /// parameters().circuit_start() limbs.
  Halves half_bootstrap(std::span<const Ciphertext* const> small, double scale,
                        const BootstrapKeys& keys) const;
  /// The inverse of interleave: a big ciphertext at two limbs to `ratio` small ones.
  std::vector<Ciphertext> split(const Ciphertext& big, const BootstrapKeys& keys) const;

  /// Refreshes two ciphertexts of real slots in [-1, 1] at parameters().slot_to_coeff_start() limbs
  /// or more; the result has the given scale, at parameters().circuit_start() limbs less the
  /// arcsine's levels. The message ratio rho is the bottom scale (what `down` gives) over q_0. The
  /// sine's error, (2 pi rho)^2 / 6 of the value, is removed up to `arcsine_degree`: 0 (left as it
  /// is, no level), 3 (two levels) or 7 (three). docs/NOISE.md has the ratios that suit each.
  Halves bootstrap(const Halves& x, const SlotToCoeff& down, double scale, int arcsine_degree,
                   const BootstrapKeys& keys) const;

 private:
  Halves eval_mod_halves(Halves x, double scale, const BootstrapKeys& keys) const;

  ParametersPtr parameters_;
  BootstrapShape shape_;
  Encoder encoder_;
  EvalMod eval_mod_;
  std::vector<LinearTransform> coeff_to_slot_;
};

}  // namespace blindtuner::ckks
