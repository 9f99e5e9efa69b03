// Encoders against what others computed: folders with a model, its settings and expected.npz
// (tools/make_transformer_cases.py).
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <map>

#include "base/parallel.h"
#include "features/data/npy.h"
#include "features/transformer/text_encoder.h"
#include "features/transformer/vision_transformer.h"

namespace blindtuner {
using namespace features;
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
  std::map<std::string, FeatureMatrix> pooled;
};

/// The poolings that a case holds expected features of, besides the model's own.
PoolingPlan poolings_of(const NpzArchive& expected) {
  std::vector<Pooling> out = {Pooling::parse("model")};
  for (const std::string& name : expected.names())
    if (name == "mean" || name.starts_with("class") || name.starts_with("last"))
      out.push_back(Pooling::parse(name));
  return PoolingPlan(std::move(out));
}

/// Every pooling out of one pass, and alone: the last block then skips what is not read.
template <typename Load, typename Run>
void run_poolings(const NpzArchive& expected, const Load& load, const Run& run, Result& out) {
  const PoolingPlan plan = poolings_of(expected);
  const auto all = load(plan);
  const FeatureMatrix rows = run(all);
  const std::vector<ColumnSet> columns =
      plan.columns([&](const TokenPart& part) { return all.part_width(part); });
  for (std::size_t i = 0; i < plan.poolings().size(); ++i) {
    const Pooling& pooling = plan.poolings()[i];
    const FeatureMatrix chosen = select_columns(rows, columns.at(i));
    const FeatureMatrix alone = run(load(PoolingPlan({pooling})));
    ASSERT_EQ(alone.cols(), chosen.cols()) << pooling.name;
    EXPECT_LT(relative_error(chosen, alone), 1e-5) << pooling.name;
    out.pooled[pooling.name] = alone;
  }
  out.features = out.pooled.at("model");
  out.pooled.erase("model");
}

Result run_vision(const fs::path& model_path, const NpzArchive& expected) {
  FeatureMatrix input = expected.features("input");
  const auto size = static_cast<std::size_t>(std::lround(std::sqrt(input.cols() / 3.0)));
  const auto model = VisionTransformer::load(model_path, {PoolingPlan::of("model"), size});
  const auto batch = static_cast<std::size_t>(input.rows());
  Result out;
  run_poolings(
      expected,
      [&](const PoolingPlan& plan) {
        return VisionTransformer::load(model_path, {plan, size});
      },
      [&](const VisionTransformer& loaded) {
        FeatureMatrix features(input.rows(), static_cast<Eigen::Index>(loaded.feature_count()));
        loaded.features(values(input), batch, values(features));
        return features;
      },
      out);
  EXPECT_EQ(model.class_count() > 0, expected.contains("logits"));
  if (model.class_count() > 0) {
    out.logits.resize(input.rows(), static_cast<Eigen::Index>(model.class_count()));
    FeatureMatrix again = out.features;
    model.classify(values(input), batch, values(again), values(out.logits));
    EXPECT_EQ(again, out.features);
  }
  return out;
}

/// Small whole numbers, in one dimension.
template <typename Number>
std::vector<Number> numbers(const NpzArchive& archive, const std::string& name) {
  const FeatureMatrix column = archive.features(name);
  std::vector<Number> out;
  for (Eigen::Index i = 0; i < column.size(); ++i)
    out.push_back(static_cast<Number>(std::lround(column.data()[i])));
  return out;
}

Result run_text(const fs::path& folder, const NpzArchive& expected) {
  const auto tokens = numbers<std::int32_t>(expected, "tokens");
  const auto lengths = numbers<std::size_t>(expected, "lengths");
  Result out;
  run_poolings(
      expected, [&](const PoolingPlan& plan) { return TextEncoder::load(folder, plan); },
      [&](const TextEncoder& model) {
        FeatureMatrix features(static_cast<Eigen::Index>(lengths.size()),
                               static_cast<Eigen::Index>(model.feature_count()));
        model.embed(tokens, lengths, values(features));
        return features;
      },
      out);
  return out;
}

void check(const fs::path& folder, double tolerance) {
  SCOPED_TRACE(folder);
  const NpzArchive expected(folder / "expected.npz");
  const Result is =
      expected.contains("tokens") ? run_text(folder, expected) : run_vision(folder, expected);
  const double error = relative_error(is.features, expected.features("features"));
  EXPECT_LT(error, tolerance);
  std::printf("%-28s features %.1e", folder.filename().c_str(), error);
  for (const auto& [name, features] : is.pooled) {
    const double pooled = relative_error(features, expected.features(name));
    EXPECT_LT(pooled, tolerance) << name;
    std::printf("  %s %.1e", name.c_str(), pooled);
  }
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

// Tiny random models of published implementations, and what those made of them
// (tools/check_against_torch.py).
TEST(Encoders, EqualThePublished) { EXPECT_EQ(check_all(PUBLISHED_CASES, 1e-4), 17u); }

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
