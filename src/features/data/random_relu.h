// The demo's stand-in for a pretrained network: a fixed random layer.
#pragma once

#include <cstdint>

#include "features/samples/dataset.h"

namespace blindtuner::features {

/// x = max(0, W p + b) of pixels p in 0..255 taken to 0..1; W ~ N(0, 0.12^2), b ~ N(0, 0.5^2), both
/// drawn from the public seed (shuffle.h, normal_pair), so that every machine has the same layer.
class RandomReluFeatures {
 public:
  static constexpr double kWeightSigma = 0.12;
  static constexpr double kBiasSigma = 0.5;
  static constexpr std::uint64_t kDefaultSeed = 20240817;

  explicit RandomReluFeatures(std::size_t pixels = 784, std::size_t features = 768,
                              std::uint64_t seed = kDefaultSeed);

  /// samples x pixels (0..255) -> samples x features. Throws DataError on another width.
  FeatureMatrix apply(const FeatureMatrix& pixels) const;

  const Eigen::MatrixXf& weights() const { return weights_; }  ///< features x pixels
  const Eigen::VectorXf& bias() const { return bias_; }

 private:
  Eigen::MatrixXf weights_;
  Eigen::VectorXf bias_;
};

}  // namespace blindtuner::features
