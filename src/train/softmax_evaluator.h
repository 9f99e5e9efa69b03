// Softmax circuits on ciphertexts.
#pragma once

#include <memory>

#include "ckks/bootstrap/bootstrapper.h"
#include "train/softmax_circuit.h"

namespace blindtuner {

/// Evaluates one circuit on the slots of a half bootstrap, where the class of a sample is the top bits
/// of the slot's index (linalg/layout.h).
///
/// A step v <- v (a + b S) is one product: A + k M_S with integers A and k on ciphertext integers
/// M = scale * value, so that a and b cost nothing. k is chosen to hold the scale near kTargetScale;
/// everything else about a and b is absorbed by scales, which the plan computes once. A circuit deeper
/// than the chain is cut by full bootstraps of v.
class SoftmaxEvaluator {
 public:
  /// classes real ones, class_stride (a power of two) slots apart from sample to sample.
  SoftmaxEvaluator(const Bootstrapper& bootstrapper, const SoftmaxCircuit& circuit,
                   std::size_t classes, std::size_t class_stride);

  const SoftmaxCircuit& circuit() const { return circuit_; }
  /// The scale to ask half_bootstrap for.
  double input_scale() const;
  /// The scale of the probabilities, at slot_to_coeff_start() limbs.
  double output_scale() const { return output_scale_; }
  /// Full bootstraps in one evaluation.
  int bootstraps() const;

  /// Probabilities of every class, 0 (up to noise) in the slots of classes that are not there.
  Halves evaluate(Halves sines, const BootstrapKeys& keys) const;

 private:
  struct PlannedStep {
    SoftmaxStep step;
    std::int64_t factor = 1;     // k
    double out_scale = 0;
    std::size_t q_count = 0;     // limbs of the input
    std::unique_ptr<SlotToCoeff> refresh;  // full bootstrap before this step
    double refresh_scale = 0;    // what the bootstrap is asked for
  };
  void plan();
  /// Sums over the classes of both halves at once, as real and imaginary parts; each doubled.
  Halves class_sums(const Halves& v, const GaloisKeys& keys) const;

  const Bootstrapper& bootstrapper_;
  const SoftmaxCircuit& circuit_;
  std::size_t classes_, class_stride_;
  std::size_t exp_q_count_ = 0;
  double exp_scale_ = 0, output_scale_ = 0;
  Poly padding_;  // E(0) in the slots of missing classes, at exp_scale_
  std::vector<PlannedStep> steps_;
};

}  // namespace blindtuner
