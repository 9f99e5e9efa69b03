// Training on ciphertexts: the server's part.
//
// One step, with V the point where the gradient is taken (a public combination of kept gradients):
//
//   expand_weights      V to pieces                                    small ring
//   scores              X V, packed                                    small ring, modulo q_0
//   half_bootstrap      interleave, mod_raise, coeff_to_slot, eval_mod  big ring
//   head                predictions in slots                           big ring
//   slot_to_coeff       and split                                      big -> small ring
//   gradient            (P - Y)^T X, packed and kept                   small ring
//
// What is trained for is the circuit's head (learn/head.h); the trainer knows no more of it.
#pragma once

#include <functional>

#include "learn/head.h"
#include "learn/optimiser.h"
#include "linalg/encrypted_dataset.h"

namespace blindtuner::learn {
using namespace linalg;

/// Seconds spent in the parts of one step.
struct StepTimes {
  double weights = 0, scores = 0, bootstrap = 0, head = 0, slot_to_coeff = 0, gradient = 0;
  double total() const { return weights + scores + bootstrap + head + slot_to_coeff + gradient; }
};

/// Every part, by its name; that of the head is "softmax" whatever the head is.
nlohmann::json to_json(const StepTimes& times);

class EncryptedTrainer {
 public:
  /// Keys, data and bootstrapper must outlive the trainer; the bootstrapper folds only what
  /// fold_bit() allows. Throws DataError when data, keys, configuration and
  /// circuit do not fit: batch sizes must be multiples of the layout's rows (or cover all samples),
  /// rate / batch size must be between 2^-19 and 2^39 or so (see coefficient_scale).
  EncryptedTrainer(ParametersPtr parameters, const Bootstrapper& bootstrapper,
                   const EncryptedDataset& data, const TrainingKeys& keys,
                   const TrainingConfig& config, const HeadCircuit& circuit);

  int steps() const { return plan_.steps(); }
  int done() const { return static_cast<int>(gradients_.size()); }

  /// Throws the DataError that a trainer would, for what data and keys do not matter to.
  static void check(const Parameters& parameters, const ProductLayout& layout,
                    const TrainingConfig& config, const HeadCircuit& circuit);

  /// Whether every bootstrapping of a run fills at most half of the big ring, which halves most of
  /// a step's work: BootstrapShape::fold_bit. Empty where some batch needs more.
  static std::optional<int> fold_bit(const ProductLayout& layout, const TrainingConfig& config);
  /// The shape of the bootstrapper that suits a run: the standard one, folded where it can be.
  static BootstrapShape bootstrap_shape(const Parameters& parameters, const ProductLayout& layout,
                                        const TrainingConfig& config);

  /// One gradient step. `progress`, if any, is told the fraction of the step that is done.
  StepTimes step(const std::function<void(double)>& progress = {});

  /// The model after the steps done so far (at least one).
  EncryptedModel model() const;

  /// The kept gradients: all the state there is besides the configuration.
  const std::vector<std::vector<Ciphertext>>& gradients() const { return gradients_; }
  /// Continues from gradients kept earlier under the same configuration.
  void restore(std::vector<std::vector<Ciphertext>> gradients);
  /// Goes back to where so many steps were done, as many as now or fewer.
  void rewind(int steps);

  /// Gradients come at kFeatureScale * kErrorScale, weights at weight_scale(circuit): integer
  /// coefficients are rounded at this ratio.
  static double weight_scale(const Parameters& parameters, const HeadCircuit& circuit);
  static double coefficient_scale(const Parameters& parameters, const HeadCircuit& circuit);
  /// round(c * scale) / scale: what the encrypted run makes of its coefficients.
  static std::vector<double> round_coefficients(std::span<const double> coefficients, double scale);

 private:
  std::vector<Ciphertext> combine(std::span<const double> coefficients) const;
  std::vector<Ciphertext> labels(std::size_t super) const;
  /// Predictions of blocks [begin, begin + count), in one super-block, in their places.
  std::vector<Ciphertext> predictions(std::span<const Ciphertext> weights, std::size_t begin,
                                      std::size_t count, StepTimes& times) const;

  ParametersPtr parameters_;
  const Bootstrapper& bootstrapper_;
  const EncryptedDataset& data_;
  const TrainingKeys& keys_;
  MatrixProducts products_;
  const HeadCircuit& circuit_;
  std::unique_ptr<HeadEvaluator> head_;
  SlotToCoeff slot_to_coeff_;
  std::vector<BatchRange> batches_;
  UpdatePlan plan_;
  std::vector<std::vector<Ciphertext>> gradients_;
};

/// Scores of every sample under the model. They are exact modulo bound / rho of the circuit that
/// the model was trained with (288 for the default): what is larger wraps around. Throws DataError
/// when model, data and keys do not fit. progress: told the fraction of it that is done.
EncryptedScores predict(ParametersPtr parameters, const EncryptedModel& model,
                        const EncryptedDataset& data, const TrainingKeys& keys,
                        const std::function<void(double)>& progress = {});

}  // namespace blindtuner::learn
