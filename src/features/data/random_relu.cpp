#include "features/data/random_relu.h"

#include <algorithm>

#include "base/error.h"
#include "base/parallel.h"
#include "features/samples/shuffle.h"

namespace blindtuner::features {

RandomReluFeatures::RandomReluFeatures(std::size_t pixels, std::size_t features,
                                       std::uint64_t seed) {
  require(pixels > 0 && features > 0, "RandomReluFeatures: empty layer");
  const auto draw = [seed](std::uint64_t stream, double sigma, float* out, std::size_t count) {
    Prng prng(numbered_seed(seed), stream);
    for (std::size_t i = 0; i < count; i += 2) {
      const NormalPair pair = normal_pair(prng);
      out[i] = static_cast<float>(sigma * pair.first);
      if (i + 1 < count) out[i + 1] = static_cast<float>(sigma * pair.second);
    }
  };
  // Filled in storage order: column-major, pixel by pixel.
  weights_.resize(static_cast<Eigen::Index>(features), static_cast<Eigen::Index>(pixels));
  bias_.resize(static_cast<Eigen::Index>(features));
  draw(0, kWeightSigma, weights_.data(), pixels * features);
  draw(1, kBiasSigma, bias_.data(), features);
}

FeatureMatrix RandomReluFeatures::apply(const FeatureMatrix& pixels) const {
  if (pixels.cols() != weights_.cols())
    throw DataError("random features: pictures of " + std::to_string(pixels.cols()) +
                    " pixels, expected " + std::to_string(weights_.cols()));
  constexpr Eigen::Index kRows = 512;
  FeatureMatrix out(pixels.rows(), weights_.rows());
  const Eigen::MatrixXf scaled = weights_.transpose() / 255.0f;
  parallel_for(static_cast<std::size_t>((pixels.rows() + kRows - 1) / kRows), [&](std::size_t b) {
    const Eigen::Index begin = static_cast<Eigen::Index>(b) * kRows;
    const Eigen::Index rows = std::min(kRows, pixels.rows() - begin);
    auto block = out.middleRows(begin, rows);
    block.noalias() = pixels.middleRows(begin, rows) * scaled;
    block.rowwise() += bias_.transpose();
    block = block.cwiseMax(0.0f);
  });
  return out;
}

}  // namespace blindtuner::features
