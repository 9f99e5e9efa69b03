#include "learn/result_shape.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "ckks/noise_model.h"
#include "learn/encrypted_trainer.h"
#include "learn/optimiser.h"

namespace blindtuner::learn {
namespace {

// Gaussian errors exceed 16 standard deviations with probability 2^-186.
constexpr double kTail = 16;
// Where nothing is, no configuration explains more than the least noise of a publication.
constexpr double kMostEmpty = 0x1p-8;

// |P - Y| as long as no score is beyond a circuit's stable range, where predictions may be twice what
// they are within. Further out circuits diverge by powers, and what they return wraps around: garbage,
// to be refused.
double farthest(const HeadCircuit& circuit) { return 4 * circuit.largest_residual; }

// One key switch in the small ring at q_count primes, units.
double key_switch_error(const Parameters& p, std::size_t q_count) {
  const Ring& ring = p.small_ring();
  return noise::key_switch(ring, {2, p.small_special(), {2}}, q_count,
                           noise::ternary_weight(ring.n()));
}

}  // namespace

CiphertextShape gradient_shape(const ProductLayout& layout) {
  return {layout.packs(), 2, kFeatureScale * kErrorScale};
}

CiphertextShape model_shape(const Parameters& p, const ProductLayout& layout,
                            const HeadCircuit& circuit) {
  return {layout.packs(), 2, EncryptedTrainer::weight_scale(p, circuit)};
}

CiphertextShape score_shape(const Parameters& p, const ProductLayout& layout,
                            const HeadCircuit& circuit) {
  return {layout.supers() * layout.ratio, 1,
          kFeatureScale * EncryptedTrainer::weight_scale(p, circuit) /
              static_cast<double>(p.small_ring().q(1).q)};
}

std::string mismatch(const Ring& ring, std::size_t q_count, double scale,
                     const Parameters& parameters, const CiphertextShape& shape) {
  if (&ring != &parameters.small_ring()) return "a ciphertext of another ring";
  if (q_count != shape.q_count)
    return "a ciphertext of level " + std::to_string(q_count) + ", expected " +
           std::to_string(shape.q_count);
  // To the bit: whoever computes it honestly computes this.
  if (scale != shape.scale)
    return "a ciphertext of scale 2^" + std::to_string(std::log2(scale)) + ", expected 2^" +
           std::to_string(std::log2(shape.scale));
  return {};
}

std::string mismatch(const Ciphertext& c, const Parameters& parameters,
                     const CiphertextShape& shape) {
  const std::string wrong = mismatch(c.c1.ring(), c.c1.q_count(), c.scale, parameters, shape);
  return wrong.empty() ? mismatch(c.ring(), c.q_count(), c.scale, parameters, shape) : wrong;
}

void require_shape(std::span<const Ciphertext> all, const Parameters& parameters,
                   const CiphertextShape& shape) {
  require(all.size() == shape.count, "a result has as many ciphertexts as its layout needs");
  for (const Ciphertext& c : all)
    require(mismatch(c, parameters, shape).empty(), "a result has its ring, level and scale");
}

void check_circuit(const ProductLayout& l, const TrainingConfig& config,
                   const HeadCircuit& circuit) {
  if (static_cast<std::size_t>(config.classes) != l.classes)
    throw DataError("the configuration has " + std::to_string(config.classes) +
                    " classes, the data set " + std::to_string(l.classes));
  if (config.head != circuit.head().name())
    throw DataError("the configuration's head is '" + config.head + "', the circuit " +
                    circuit.name + " is of '" + std::string(circuit.head().name()) + "'");
  if (!circuit.serves(l.classes))
    throw DataError("the circuit " + circuit.name + " is for " + std::to_string(circuit.classes) +
                    " classes at most, the data set has " + std::to_string(l.classes));
}

void check_training(const ProductLayout& l, const TrainingConfig& config,
                    const HeadCircuit& circuit) {
  check_circuit(l, config, circuit);
  for (const BatchRange& batch : batch_ranges(config, l.samples))
    if (batch.begin % l.rows() != 0 ||
        (batch.count % l.rows() != 0 && batch.begin + batch.count != l.samples))
      throw DataError("batch size " + std::to_string(config.batch_size) +
                      " is not a multiple of this data set's blocks of " +
                      std::to_string(l.rows()) + " samples");
}

PlausibleValues plausible_weights(const Parameters& p, const ProductLayout& l,
                                  const TrainingConfig& config, const HeadCircuit& circuit,
                                  int steps) {
  const std::vector<BatchRange> batches = batch_ranges(config, l.samples);
  require(steps >= 1 && static_cast<std::size_t>(steps) <= batches.size(),
          "plausible_weights: no such step");
  const std::vector<double> coefficients = UpdatePlan(config, l.samples).model(steps);
  const double size = static_cast<double>(l.n), rows = static_cast<double>(l.rows());
  const double key_switch = key_switch_error(p, 2);
  // Errors of a gradient summed over its batch, units. A tree's key switches double on the way down
  // wherever its message would be, a piece that is not there included.
  const double empty = key_switch * rows;
  const auto padding = [&](double samples) {
    const double blocks = std::ceil(samples / rows);
    const double errors = kErrorScale * farthest(circuit) * std::sqrt(blocks * rows);
    const double tree = key_switch * static_cast<double>(l.width);
    return std::hypot(noise::fresh() * errors, noise::fresh() * tree * std::sqrt(blocks * size),
                      key_switch * rows);
  };
  // Products of few samples have a longer tail than a normal number: one of some hundred honest runs
  // came to 0.6 of it.
  constexpr double kLongTail = 4;
  // The model is sum_s c_s G_s, with c_s scale / gradient_scale rounded to integers.
  const double gradient_scale = gradient_shape(l).scale;
  const double rounding = 0.5 / model_shape(p, l, circuit).scale;
  PlausibleValues out;
  for (std::size_t s = 0; s < coefficients.size(); ++s) {
    const auto samples = static_cast<double>(batches[s].count);
    const double unit = std::abs(coefficients[s]) / gradient_scale + rounding;
    out.largest += kMaxFeature * farthest(circuit) * samples * unit * gradient_scale;
    out.padding += kLongTail * kTail * padding(samples) * unit;
    out.empty += kTail * empty * unit;
  }
  out.largest += out.padding;
  // Weights have at least the noise of their product, 2^10 times that of the places beside them.
  out.empty = out.least = std::min(out.empty, kMostEmpty);
  return out;
}

double largest_score(const HeadCircuit& circuit) {
  return circuit.bound / (2 * circuit.rho) * (1 + 0x1p-20);
}

PlausibleValues plausible_scores(const Parameters& p, const ProductLayout& l,
                                 const HeadCircuit& circuit) {
  const double scale = score_shape(p, l, circuit).scale;
  PlausibleValues out;
  out.largest = largest_score(circuit);
  out.padding = out.largest / 8;
  out.empty = kTail * key_switch_error(p, 1) * static_cast<double>(l.width) / scale;
  return out;
}

}  // namespace blindtuner::learn
