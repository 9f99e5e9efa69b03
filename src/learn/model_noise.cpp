#include "learn/model_noise.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "base/error.h"
#include "ckks/noise_model.h"
#include "learn/encrypted_trainer.h"
#include "learn/optimiser.h"

namespace blindtuner::learn {
namespace {

double square(double x) { return x * x; }

// What rounding after a product is multiplied with, over the circuit's noise gain: at most 3.1 for
// circuits that are refreshed and 4.3 for those whose scales cannot be 2^36 throughout, of which
// none has errors that matter beside the products' (docs/NOISE.md, "Softmax under encryption").
constexpr double kRoundings = 4;
constexpr double kScale = 0x1p36;

// Batches are not all alike, and where rates are large an error may grow for some steps: measured at
// 1.05.
constexpr double kMargin = 1.25;

double prediction_noise(const Parameters& parameters, const HeadCircuit& circuit) {
  const std::size_t n = parameters.ring().n();
  const double weight = static_cast<double>(parameters.owners()) * noise::ternary_weight(n);
  const double rounding = noise::real_slots(noise::rounding(weight), n, kScale);
  const double of_head = kRoundings * std::max(1.0, circuit.noise_gain) * rounding;
  if (parameters.owners() == 1) return of_head;
  // Their range of mod_raise is bought with eval_mod's precision. It is an error of scores, which no head's predictions
  // follow by more than 1 for 1.
  const double of_scores =
      circuit.bound * noise::bootstrap_budget(parameters, BootstrapShape::standard(parameters),
                                              circuit.rho, kScale, kScale, 0, 0)
                          .half_bootstrap;
  return std::hypot(of_head, of_scores);
}

std::vector<BatchRange> batches_of(const TrainingConfig& config, std::size_t samples, int steps) {
  std::vector<BatchRange> batches = batch_ranges(config, samples);
  if (steps < 1 || static_cast<std::size_t>(steps) > batches.size())
    throw DataError("the model is said to come from " + std::to_string(steps) +
                    " steps, its configuration has " + std::to_string(batches.size()));
  return batches;
}

}  // namespace

double model_noise(const Parameters& parameters, const ProductLayout& l,
                   const TrainingConfig& config, int steps, const HeadCircuit& circuit,
                   const FeatureSizes& sizes) {
  const std::vector<BatchRange> batches = batches_of(config, l.samples, steps);
  const UpdatePlan plan(config, l.samples);
  const std::vector<double> coefficients = plan.model(steps);
  const ProductNoise noise(parameters);
  const double prediction = prediction_noise(parameters, circuit);
  double sum = 0;
  for (std::size_t s = 0; s < coefficients.size(); ++s) {
    const double samples = static_cast<double>(batches[s].count);
    const std::size_t blocks = (batches[s].count + l.rows() - 1) / l.rows();
    const double norm_e =
        circuit.largest_residual * std::sqrt(static_cast<double>(blocks * l.rows()));
    const std::vector<double> norms_x(l.width, sizes.local * std::sqrt(samples));
    const double of_products = noise.gradient(l, norm_e, norms_x, 0, blocks);
    // The first step's predictions are public.
    const double of_head = s == 0 ? 0 : std::sqrt(samples) * sizes.largest * prediction;
    sum += square(coefficients[s]) * (square(of_products) + square(of_head));
  }
  return kMargin * std::sqrt(sum);
}

double weight_norm_limit(const TrainingConfig& config, std::size_t samples, int steps,
                         const HeadCircuit& circuit, const FeatureSizes& sizes) {
  const std::vector<BatchRange> batches = batches_of(config, samples, steps);
  const std::vector<double> coefficients = UpdatePlan(config, samples).model(steps);
  double sum = 0;
  for (std::size_t s = 0; s < coefficients.size(); ++s)
    sum += std::abs(coefficients[s]) * static_cast<double>(batches[s].count);
  return sizes.largest * circuit.largest_residual * sum;
}

double mean_weight_norm_limit(const TrainingConfig& config, std::size_t samples, int steps,
                              const HeadCircuit& circuit, const FeatureSizes& sizes,
                              std::size_t classes) {
  const double slope = circuit.head().loss_slope(std::numeric_limits<double>::infinity(), classes);
  const double of_all = slope / (static_cast<double>(classes) * circuit.largest_residual);
  return std::sqrt(std::min(1.0, of_all)) *
         weight_norm_limit(config, samples, steps, circuit, sizes);
}

double score_noise(const Parameters& parameters, const ProductLayout& l, double weight_noise,
                   double norm_w, const HeadCircuit& circuit, const FeatureSizes& sizes) {
  const ProductNoise noise(parameters);
  const double of_product =
      noise.score(l, norm_w, EncryptedTrainer::weight_scale(parameters, circuit), sizes.largest);
  return std::hypot(of_product, weight_noise * sizes.norm);
}

}  // namespace blindtuner::learn
