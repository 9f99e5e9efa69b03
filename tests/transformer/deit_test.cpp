// DeiT-tiny against an independent pass in double precision (data that do not ship with the
// project).
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "base/parallel.h"
#include "data/npy.h"
#include "transformer/vision_transformer.h"

namespace blindtuner {
namespace {

/// |a - b| / |b|, over all elements.
double relative_error(const FeatureMatrix& is, const FeatureMatrix& expected) {
  return (is - expected).cast<double>().norm() / expected.cast<double>().norm();
}

std::span<float> values(FeatureMatrix& matrix) {
  return {matrix.data(), static_cast<std::size_t>(matrix.size())};
}

TEST(DeitTiny, EqualsTheReference) {
  const char* data = std::getenv("BLINDTUNER_DATA");
  if (data == nullptr) GTEST_SKIP() << "BLINDTUNER_DATA is not set";
  const auto folder = std::filesystem::path(data) / "deit_tiny";
  const NpzArchive reference(folder / "reference_activations.npz");
  FeatureMatrix input = reference.features("input");
  const auto batch = static_cast<std::size_t>(input.rows());
  const auto model = VisionTransformer::load(folder / "deit_tiny_patch16_224.safetensors");
  ASSERT_EQ(model.pixel_count(), static_cast<std::size_t>(input.cols()));
  ASSERT_EQ(model.feature_count(), 192u);
  ASSERT_EQ(model.class_count(), 1000u);
  EXPECT_EQ(model.config().heads, 3u);
  EXPECT_EQ(model.config().depth, 12u);
  EXPECT_EQ(model.config().resize, 248u);

  FeatureMatrix features(batch, 192), logits(batch, 1000);
  model.classify(values(input), batch, values(features), values(logits));
  const double feature_error = relative_error(features, reference.features("features"));
  const double logit_error = relative_error(logits, reference.features("logits"));
  RecordProperty("feature_error", std::to_string(feature_error));
  EXPECT_LT(feature_error, 1e-5) << "the project promises 1e-4";
  EXPECT_LT(logit_error, 1e-5);

  // Neither the batch nor the threads make a difference.
  const int threads = max_threads();
  set_max_threads(1);
  FeatureMatrix alone(1, 192);
  for (Eigen::Index i = 0; i < input.rows(); ++i) {
    FeatureMatrix one = input.row(i);
    model.features(values(one), 1, values(alone));
    EXPECT_EQ(alone, features.row(i));
  }
  set_max_threads(threads);
}

}  // namespace
}  // namespace blindtuner
