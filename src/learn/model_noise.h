// How far a decrypted model or score is from what the same run without encryption would give: the
// error that nobody can predict who does not know the secret key, and therefore what a published
// number must drown in noise (docs/NOISE.md, "Decrypted models and scores").
#pragma once

#include "learn/head.h"
#include "learn/training_config.h"
#include "linalg/products_noise.h"

namespace blindtuner::learn {
using namespace linalg;

/// An upper bound of the standard deviation of a weight's error after `steps` steps:
///
///   1.25 sqrt(sum_s c_s^2 (g_s^2 + n_s largest^2 p^2))
///
/// c_s the plan's coefficients of the gradients that the model is made of, g_s the gradient's error
/// from the products (ProductNoise) with residuals as large as the head's may be, n_s the batch, p that of a
/// prediction: 4 noise_gain times the rounding of one product, and of a parameter set for several owners what its
/// bootstrapping adds, which is more than that. Training pulls errors back to where the loss is small; that is left
/// out, so that the bound needs no data. Throws DataError for a configuration that `steps` does not
/// fit.
double model_noise(const Parameters& parameters, const ProductLayout& layout,
                   const TrainingConfig& config, int steps, const HeadCircuit& circuit,
                   const FeatureSizes& sizes);

/// What the norm of a class's weights stays below after `steps` steps, known before anything is
/// decrypted:
///
///   largest r sum_s |c_s| n_s
///
/// as |X^T e| <= sqrt(n_s) largest r sqrt(n_s) for residuals of r (largest_residual: 1 for probabilities) in every sample and features whose
/// directions are all alike, as after whitening. Runs stay below a fourth of it (tests/app): errors
/// are smaller, and shrink. Throws as model_noise().
double weight_norm_limit(const TrainingConfig& config, std::size_t samples, int steps,
                         const HeadCircuit& circuit, const FeatureSizes& sizes);

/// Of the norms of all classes' weights together, the root mean square:
///
///   largest sqrt(r min(r, d / classes)) sum_s |c_s| n_s
///
/// d bounding sum_k |P_k - y_k| of a sample (Head::loss_slope of any loss), so that r d bounds the square of its residuals' norm: 2 for
/// softmax, whatever the number of classes. For whoever counts what the scores of all classes tell together.
double mean_weight_norm_limit(const TrainingConfig& config, std::size_t samples, int steps,
                              const HeadCircuit& circuit, const FeatureSizes& sizes,
                              std::size_t classes);

/// The same as model_noise() of a score of encrypted prediction, by a model whose weights have errors
/// of `weight_noise` and norm `norm_w` for a class at most; sizes of the samples that are scored.
/// Where it decides a publication's noise, norm_w is weight_norm_limit(): what was decrypted would
/// show in the noise's size.
double score_noise(const Parameters& parameters, const ProductLayout& layout, double weight_noise,
                   double norm_w, const HeadCircuit& circuit, const FeatureSizes& sizes);

}  // namespace blindtuner::learn
