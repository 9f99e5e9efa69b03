#include "linalg/products_noise.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "ckks/noise_model.h"
#include "linalg/encrypted_dataset.h"

namespace blindtuner::linalg {
namespace {

double square(double x) { return x * x; }

}  // namespace

ProductNoise::ProductNoise(const Parameters& parameters) {
  const Ring& ring = parameters.small_ring();
  const KeyShape shape{2, parameters.small_special(), {2}};
  const auto owners = static_cast<double>(parameters.owners());
  const double one = noise::ternary_weight(ring.n()), weight = owners * one;
  const auto joint_key_switch = [&](std::size_t q_count, double key_error) {
    return std::hypot(key_error * noise::key_switch_inner(ring, shape, q_count),
                      noise::rounding(weight));
  };
  key_switch_ = joint_key_switch(2, noise::joint_key_factor(owners));
  key_switch_q0_ = joint_key_switch(1, noise::joint_key_factor(owners));
  const bool alone = parameters.owners() == 1;
  // Made in two rounds (docs/NOISE.md, "Several owners").
  relinearisation_ =
      alone ? key_switch_ : joint_key_switch(2, noise::joint_relinearisation_factor(owners, one));
  fresh_ = alone ? noise::fresh() : std::hypot(noise::fresh(), key_switch_);
  labels_ = std::sqrt(owners) * fresh_;
  rounding_ = noise::rounding(weight);
  q1_ = static_cast<double>(ring.q(1).q);
}

double ProductNoise::tree_at_message(double size, double e) const {
  return std::sqrt(square(e) + (square(size) - 1) / 3 * square(key_switch_));
}

double ProductNoise::tree_mean(double size, double e) const {
  return std::sqrt(square(e) / size + (size - 1) * square(key_switch_));
}

double ProductNoise::tree_at(double size, std::size_t residue, double e) const {
  if (residue == 0) return tree_at_message(size, e);
  return key_switch_ * std::sqrt(size / static_cast<double>(residue & -residue) - 1);
}

double ProductNoise::expanded_input() const { return std::hypot(labels_, key_switch_); }

double ProductNoise::score(const ProductLayout& l, double norm_w, double weight_scale,
                           double rms_x) const {
  const double terms = static_cast<double>(l.n * l.feature_groups());
  const double pieces = tree_mean(static_cast<double>(l.rows()), expanded_input());
  const double before = square(fresh_ * norm_w * weight_scale) +
                        terms * square(rms_x * kFeatureScale * pieces) +
                        terms * square(fresh_ * pieces) + square(relinearisation_);
  const double width = static_cast<double>(l.width);
  const double after = square(rounding_) + (square(width) - 1) / 3 * square(key_switch_q0_);
  return std::sqrt(before / square(q1_) + after) / (kFeatureScale * weight_scale / q1_);
}

double ProductNoise::gradient(const ProductLayout& l, double norm_e,
                              std::span<const double> norms_x, std::size_t j,
                              std::size_t blocks) const {
  require(norms_x.size() == l.width && j < l.width, "the norms of a group's features");
  const double width = static_cast<double>(l.width), rows = static_cast<double>(l.rows());
  double sum =
      square(fresh_ * norm_e * kErrorScale) +
      static_cast<double>(blocks * l.n) * square(fresh_ * tree_mean(width, expanded_input())) +
      square(relinearisation_) + (square(rows) - 1) / 3 * square(key_switch_);
  for (std::size_t i = 0; i < l.width; ++i)
    sum += square(norms_x[i] * kFeatureScale *
                  tree_at(width, (j + l.width - i) % l.width, expanded_input()));
  return std::sqrt(sum) / (kFeatureScale * kErrorScale);
}

FeatureSizes feature_sizes(const Parameters& parameters, const ProductLayout& l,
                           std::span<const float> features) {
  const std::size_t columns = l.features - 1;
  require(features.size() == l.samples * columns && l.samples > 0,
          "features of another shape than the layout");
  std::vector<double> squares(l.features, 0.0);
  for (std::size_t i = 0; i < l.samples; ++i)
    for (std::size_t j = 0; j < columns; ++j)
      squares[j] += square(static_cast<double>(features[i * columns + j]));
  for (std::size_t j = 0; j < columns; ++j) squares[j] /= static_cast<double>(l.samples);
  squares[columns] = 1;

  // How much of its neighbours' errors a feature has, by their distance.
  const ProductNoise noise(parameters);
  std::vector<double> share(l.width);
  double shares = 0;
  for (std::size_t d = 0; d < l.width; ++d) {
    share[d] = square(noise.tree_at(static_cast<double>(l.width), d, noise.expanded_input()));
    shares += share[d];
  }
  FeatureSizes out{0, 0, 0};
  for (std::size_t j = 0; j < l.features; ++j) {
    const std::size_t group = j / l.width * l.width;
    double sum = 0;
    for (std::size_t i = group; i < std::min(l.features, group + l.width); ++i)
      sum += squares[i] * share[(j + l.width - i) % l.width];
    out.local = std::max(out.local, std::sqrt(sum / shares));
    out.largest = std::max(out.largest, std::sqrt(squares[j]));
    out.norm += squares[j];
  }
  out.norm = std::sqrt(out.norm);
  return out;
}

}  // namespace blindtuner::linalg
