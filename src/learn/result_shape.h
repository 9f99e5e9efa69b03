// What a run's results must look like, as ciphertexts and as numbers: said once. The trainer makes
// them so, writers and readers of files hold them to it, and an owner opens nothing else.
#pragma once

#include "learn/head.h"
#include "learn/training_config.h"
#include "linalg/encrypted_dataset.h"

namespace blindtuner::learn {
using namespace linalg;

/// Gradients: two primes, scale kFeatureScale * kErrorScale.
CiphertextShape gradient_shape(const ProductLayout& layout);
/// Models: two primes, scale rho q_0 q_1 / (bound kFeatureScale), so that scores arrive where the
/// circuit takes them.
CiphertextShape model_shape(const Parameters& parameters, const ProductLayout& layout,
                            const HeadCircuit& circuit);
/// Scores: one prime, scale kFeatureScale / q_1 times the model's, which is rho q_0 / bound.
CiphertextShape score_shape(const Parameters& parameters, const ProductLayout& layout,
                            const HeadCircuit& circuit);

/// What is wrong with a ciphertext of this ring, level and scale in a result of this shape, as the end
/// of a sentence; empty where nothing is.
std::string mismatch(const Ring& ring, std::size_t q_count, double scale,
                     const Parameters& parameters, const CiphertextShape& shape);
std::string mismatch(const Ciphertext& c, const Parameters& parameters,
                     const CiphertextShape& shape);
/// Throws ContractError on another number of ciphertexts, or one of another shape.
void require_shape(std::span<const Ciphertext> all, const Parameters& parameters,
                   const CiphertextShape& shape);

/// Throws DataError when configuration and circuit are not of one head, or not for this layout's number of
/// classes.
void check_circuit(const ProductLayout& layout, const TrainingConfig& config,
                   const HeadCircuit& circuit);
/// Throws DataError when no run on data of this layout can have this configuration and circuit: as
/// check_circuit(), or batches that are not whole blocks.
void check_training(const ProductLayout& layout, const TrainingConfig& config,
                    const HeadCircuit& circuit);

/// The model after `steps` steps of a run that check_training() passes: sum_s c_s G_s, c = model(steps)
/// of the update plan. With features of kMaxFeature at most and predictions that are no further than
/// 4 largest_residual from the labels, no weight is beyond 4 kMaxFeature largest_residual sum_s |c_s| n_s.
/// Padded features have the noise of a product, and places without a weight that of key switches
/// alone (docs/NOISE.md, "Small ring"), each 16 standard deviations; 2^-8 at most in the latter,
/// whatever the configuration, and the largest weight reaches that bound. Takes steps^2 operations.
PlausibleValues plausible_weights(const Parameters& parameters, const ProductLayout& layout,
                                  const TrainingConfig& config, const HeadCircuit& circuit,
                                  int steps);
/// Scores lie within bound / (2 rho), or wrap around there: that.
double largest_score(const HeadCircuit& circuit);

/// Scores lie within largest_score(). Padded samples are noise times
/// weights: an eighth of that at most. Places without a sample or class have the noise of key
/// switches.
PlausibleValues plausible_scores(const Parameters& parameters, const ProductLayout& layout,
                                 const HeadCircuit& circuit);

}  // namespace blindtuner::learn
