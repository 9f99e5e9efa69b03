// Encoders against what others computed: folders with a model, its settings and expected.npz
// (tools/make_transformer_cases.py).
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "base/parallel.h"
#include "data/npy.h"
#include "transformer/text_encoder.h"
#include "transformer/vision_transformer.h"

namespace blindtuner {
namespace {

namespace fs = std::filesystem;

/// |a - b| / |b|, over all elements.
double relative_error(const FeatureMatrix& is, const FeatureMatrix& expected) {
  return (is - expected).cast<double>().norm() / expected.cast<double>().norm();
}

std::span<float> values(FeatureMatrix& matrix) {
  return {matrix.data(), static_cast<std::size_t>(matrix.size())};
}

struct Result {
  FeatureMatrix features, logits;  // no logits for texts, and without a head
};

Result run_vision(const fs::path& model_path, const NpzArchive& expected) {
  const auto model = VisionTransformer::load(model_path);
  FeatureMatrix input = expected.features("input");
  const auto batch = static_cast<std::size_t>(input.rows());
  Result out;
  out.features.resize(input.rows(), static_cast<Eigen::Index>(model.feature_count()));
  model.features(values(input), batch, values(out.features));
  EXPECT_EQ(model.class_count() > 0, expected.contains("logits"));
  if (model.class_count() > 0) {
    out.logits.resize(input.rows(), static_cast<Eigen::Index>(model.class_count()));
    FeatureMatrix again = out.features;
    model.classify(values(input), batch, values(again), values(out.logits));
    EXPECT_EQ(again, out.features);
  }
  return out;
}

Result run_text(const fs::path& folder, const NpzArchive& expected) {
  const auto model = TextEncoder::load(folder);
  const Labels tokens = expected.labels("tokens"), lengths = expected.labels("lengths");
  Result out;
  out.features.resize(static_cast<Eigen::Index>(lengths.size()),
                      static_cast<Eigen::Index>(model.feature_count()));
  model.embed(std::vector<std::int32_t>(tokens.begin(), tokens.end()),
              std::vector<std::size_t>(lengths.begin(), lengths.end()), values(out.features));
  return out;
}

void check(const fs::path& folder, double tolerance) {
  SCOPED_TRACE(folder);
  fs::path model = folder / "model.safetensors";
  const NpzArchive expected(folder / "expected.npz");
  const Result is =
      expected.contains("tokens") ? run_text(folder, expected) : run_vision(model, expected);
  const double error = relative_error(is.features, expected.features("features"));
  EXPECT_LT(error, tolerance);
  std::printf("%-28s features %.1e", folder.filename().c_str(), error);
  if (is.logits.size() > 0) {
    const double logit_error = relative_error(is.logits, expected.features("logits"));
    EXPECT_LT(logit_error, tolerance);
    std::printf("  logits %.1e", logit_error);
  }
  std::printf("\n");
}

std::size_t check_all(const fs::path& folder, double tolerance) {
  std::vector<fs::path> cases;
  for (const auto& entry : fs::directory_iterator(folder)) cases.push_back(entry.path());
  std::sort(cases.begin(), cases.end());
  for (const auto& path : cases) check(path, tolerance);
  return cases.size();
}

TEST(Encoders, EqualTheFormulae) { EXPECT_EQ(check_all(TRANSFORMER_CASES, 1e-5), 11u); }

// The backbone that ships with the project, against its own training program's double precision.
TEST(Encoders, BackboneEqualsItsTrainer) {
  const fs::path folder = BLINDTUNER_BACKBONE;
  check(folder, 1e-5);
  const VisionConfig config = VisionTransformer::load(folder / "model.safetensors").config();
  EXPECT_EQ(config.image_size, 28u);
  EXPECT_EQ(config.resize, 28u) << "Fashion-MNIST's pictures go in as they are";
  EXPECT_EQ(config.heads, config.width / 64);
  EXPECT_FLOAT_EQ(config.mean[0], 0.5f);
  EXPECT_FLOAT_EQ(config.std[2], 0.25f);
  EXPECT_LT(fs::file_size(folder / "model.safetensors"), 6u << 20);
}

TEST(Encoders, EqualPublishedImplementations) {
  const char* cases = std::getenv("BLINDTUNER_TRANSFORMER_CASES");
  if (cases == nullptr)
    GTEST_SKIP() << "BLINDTUNER_TRANSFORMER_CASES is not set: see tools/check_against_torch.py";
  EXPECT_GT(check_all(cases, 1e-4), 0u);
}

// The published DeiT-tiny, which does not ship with the project.
TEST(Encoders, DeitTinyEqualsItsReference) {
  const char* data = std::getenv("BLINDTUNER_DATA");
  if (data == nullptr) GTEST_SKIP() << "BLINDTUNER_DATA is not set";
  const auto folder = fs::path(data) / "deit_tiny";
  const auto path = folder / "deit_tiny_patch16_224.safetensors";
  const NpzArchive expected(folder / "reference_activations.npz");
  const Result is = run_vision(path, expected);
  // The project promises 1e-4.
  EXPECT_LT(relative_error(is.features, expected.features("features")), 1e-5);
  EXPECT_LT(relative_error(is.logits, expected.features("logits")), 1e-5);
}

TEST(Encoders, DependNeitherOnThreadsNorOnTheBatch) {
  const auto folder = fs::path(TRANSFORMER_CASES) / "timm";
  const auto model = VisionTransformer::load(folder / "model.safetensors");
  const FeatureMatrix some = NpzArchive(folder / "expected.npz").features("input");
  FeatureMatrix input(200, some.cols());  // several passes, the last one not full
  for (Eigen::Index i = 0; i < input.rows(); ++i) input.row(i) = some.row(i * i % some.rows());
  FeatureMatrix features(input.rows(), static_cast<Eigen::Index>(model.feature_count()));
  model.features(values(input), 200, values(features));
  const int threads = max_threads();
  set_max_threads(1);
  FeatureMatrix again = features;
  model.features(values(input), 200, values(again));
  set_max_threads(threads);
  EXPECT_EQ(again, features);
  // Where a picture stands in a pass may change the order of sums on some processors.
  for (Eigen::Index i = 0; i < input.rows(); i += 7) {
    FeatureMatrix one = input.row(i), alone = features.row(i);
    model.features(values(one), 1, values(alone));
    EXPECT_LT(relative_error(alone, features.row(i)), 1e-6) << i;
  }
  EXPECT_NO_THROW(model.features({}, 0, {}));
}

}  // namespace
}  // namespace blindtuner
