// The noise of the small ring's products: docs/NOISE.md, "Small ring", derives the formulas, and
// tests/linalg holds every shape to them. Standard deviations; of coefficients, in units, unless said
// otherwise.
#pragma once

#include <span>

#include "linalg/layout.h"

namespace blindtuner::linalg {

/// Under keys of as many owners as the parameters are for: data came in by a key switch, labels as a sum of all owners',
/// and secrets and keys' errors are sums of theirs. Trees (of `size` leaves) double what they keep and cancel the rest; every level adds a key
/// switch.
class ProductNoise {
 public:
  explicit ProductNoise(const Parameters& parameters);

  /// Of a data set's features.
  double fresh() const { return fresh_; }
  /// At q_0 q_1, its rounding included.
  double key_switch() const { return key_switch_; }

  /// Where the message is, with input error e: sqrt(e^2 + (size^2 - 1) / 3 k^2).
  double tree_at_message(double size, double e) const;
  /// Root mean square over all places: sqrt(e^2 / size + (size - 1) k^2).
  double tree_mean(double size, double e) const;
  /// At an index that is `residue` modulo the tree's size.
  double tree_at(double size, std::size_t residue, double e) const;
  /// The input error of packed weights and of errors, which begin with an automorphism; that of the larger.
  double expanded_input() const;

  /// A score of a class with weights of norm `norm_w`, in its own unit; rms_x of the features.
  double score(const ProductLayout& layout, double norm_w, double weight_scale, double rms_x) const;

  /// The gradient of feature j of a group, summed over `blocks` blocks, in its own unit, for a class
  /// with errors of norm `norm_e` (over all rows, padding included); norms_x of the group's
  /// features over all samples, layout.width of them.
  double gradient(const ProductLayout& layout, double norm_e, std::span<const double> norms_x,
                  std::size_t j, std::size_t blocks) const;

 private:
  double fresh_, labels_, key_switch_, key_switch_q0_, relinearisation_, rounding_, q1_;
};

/// What of a data set's features errors depend on. Root mean squares over the samples; the bias's
/// constant feature counts.
struct FeatureSizes {
  double largest = 1;  ///< of the largest feature
  /// Of a feature and its neighbours in a ciphertext, weighted as they share their errors, where
  /// that is largest.
  double local = 1;
  double norm = 1;  ///< of a sample
  bool operator==(const FeatureSizes&) const = default;
};

/// features: samples x (layout.features - 1), row-major.
FeatureSizes feature_sizes(const Parameters& parameters, const ProductLayout& layout,
                           std::span<const float> features);

}  // namespace blindtuner::linalg
