// Softmax circuits on ciphertexts.
#pragma once

#include <memory>
#include <optional>

#include "ckks/bootstrap/bootstrapper.h"
#include "learn/head.h"
#include "learn/heads/slot_polynomial.h"
#include "learn/heads/softmax_circuit.h"

namespace blindtuner::learn {
using namespace ckks;

/// Evaluates one circuit on the slots of a half bootstrap, where the class of a sample is the top
/// bits of the slot's index (linalg/layout.h).
///
/// A step v <- v (a + b S) is one product: A + k M_S with integers A and k on ciphertext integers
/// M = scale * value, so that a and b cost nothing: with 2 S from class_sums and the level's prime
/// q,
///
///   scale' = 2 k scale^2 / (|b| q)  (n),   k scale^2 / (g q)  (q)
///
/// The plan goes through the chain backwards and takes the largest scales that lead to 2^36 at its
/// end with k = 1; only where they are limited is k greater. A circuit deeper than the chain is cut
/// by full bootstraps of v.
class SoftmaxEvaluator final : public HeadEvaluator {
 public:
  /// classes real ones, as many as the circuit was fitted for (min_classes .. classes), samples
  /// class_stride (a power of two) slots apart. Throws ContractError for other numbers.
  SoftmaxEvaluator(const Bootstrapper& bootstrapper, const SoftmaxCircuit& circuit,
                   std::size_t classes, std::size_t class_stride);

  const SoftmaxCircuit& circuit() const { return circuit_; }
  double input_scale() const override;
  double output_scale() const override { return output_scale_; }
  int bootstraps() const override { return static_cast<int>(refreshed_steps().size()); }
  /// The steps of the circuit before which v is bootstrapped.
  std::vector<std::size_t> refreshed_steps() const;
  /// The degree of the arcsine that corrects them: as high as the levels that are left over allow.
  int arcsine_degree() const { return arcsine_degree_; }
  /// The scale of v after E and after every step.
  std::vector<double> scales() const;

  Halves evaluate(Halves sines, const BootstrapKeys& keys) const override;

 private:
  struct PlannedStep {
    SoftmaxStep step;
    std::int64_t factor = 1;  // k, with the sign of b
    double in_scale = 0, out_scale = 0;
    std::size_t q_count = 0;               // limbs of the input
    bool refreshed = false;                // a full bootstrap comes before this step
    std::unique_ptr<SlotToCoeff> refresh;  // its way down
  };
  void plan();
  /// Sums over the classes of both halves at once, as real and imaginary parts; each doubled.
  Halves class_sums(const Halves& v, const GaloisKeys& keys) const;

  const Bootstrapper& bootstrapper_;
  const SoftmaxCircuit circuit_;
  std::size_t classes_, class_stride_;
  double output_scale_ = 0;
  std::optional<SlotPolynomial> exp_;
  std::vector<PlannedStep> steps_;
  int arcsine_degree_ = 0;  // of the refreshes
};

}  // namespace blindtuner::learn
