// Forward passes of pretrained encoders beside the machine's peak in matrix products, all threads.
//
//   bench_transformer [--benchmark_filter='peak|deit_tiny']
//
// Weights are random; speed does not depend on them. GFLOPS counts the products' multiplications
// and additions only. "peak" are products of large matrices by the same library, each thread its
// own; of_peak compares with the best of them, so the filter must let them through. GFLOPS, of_peak
// and items (pictures or texts a second) are of the best repetition; those of "a core" are means by
// processor time, which tell something on a busy machine too.
#include <benchmark/benchmark.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "base/parallel.h"
#include "features/transformer/checkpoint_files.h"
#include "features/transformer/encoder.h"
#include "features/transformer/text_encoder.h"
#include "features/transformer/vision_transformer.h"

namespace {

using namespace blindtuner;
using namespace blindtuner::features;
using benchmark::State;
using Tensors = blindtuner::testing_support::LiteralTensors;

std::vector<float> random_floats(std::size_t count, float scale) {
  static std::mt19937 random(1);
  std::uniform_real_distribution<float> uniform(-scale, scale);
  std::vector<float> out(count);
  for (float& x : out) x = uniform(random);
  return out;
}

struct Rates {
  double wall = 0, core = 0;  // floating-point operations a second, and a second of one core
};
Rates peak_rates;

double seconds(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

/// Runs `work`, of so many floating-point operations: the best wall-clock rate and the mean one by
/// processor time.
template <typename Work>
Rates measure(State& state, double flops, std::size_t items, const Work& work) {
  work();
  double wall = 1e30, runs = 0;
  const double used = seconds(CLOCK_PROCESS_CPUTIME_ID);
  for (auto _ : state) {
    const double start = seconds(CLOCK_MONOTONIC);
    work();
    wall = std::min(wall, seconds(CLOCK_MONOTONIC) - start);
    ++runs;
  }
  const Rates rates{flops / wall, flops * runs / (seconds(CLOCK_PROCESS_CPUTIME_ID) - used)};
  state.counters["GFLOPS"] = rates.wall / 1e9;
  state.counters["GFLOPS_a_core"] = rates.core / 1e9;
  if (items > 0) {
    state.counters["items"] = static_cast<double>(items) / wall;
    state.counters["of_peak"] = rates.wall / peak_rates.wall;
    state.counters["of_peak_a_core"] = rates.core / peak_rates.core;
  }
  return rates;
}

void peak(State& state) {
  const auto n = static_cast<std::size_t>(state.range(0));
  const layers::Linear product({random_floats(n * n, 1), std::vector<float>(n)}, n, n, n);
  const auto x = random_floats(n * n, 1);
  const auto threads = static_cast<std::size_t>(max_threads());
  std::vector<std::vector<float>> y(threads, std::vector<float>(n * n));
  const double flops = 2.0 * static_cast<double>(threads * n) * static_cast<double>(n * n);
  const Rates rates = measure(state, flops, 0, [&] {
    parallel_for(threads, [&](std::size_t i) {
      layers::Workspace workspace;
      product(workspace, x, y[i]);
    });
  });
  peak_rates.wall = std::max(peak_rates.wall, rates.wall);
  peak_rates.core = std::max(peak_rates.core, rates.core);
}

/// The model of these tensors, through a file that goes away.
template <typename Model>
Model load(const Tensors& tensors, const std::string& config) {
  std::string pattern = (std::filesystem::temp_directory_path() / "blindtuner-XXXXXX").string();
  const std::filesystem::path folder = mkdtemp(pattern.data());
  const auto bytes = blindtuner::testing_support::safetensors(tensors);
  std::ofstream(folder / "config.json") << config;
  std::ofstream(folder / "model.safetensors", std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
  Model model = Model::load(folder / "model.safetensors");
  std::filesystem::remove_all(folder);
  return model;
}

void put(Tensors& tensors, const std::string& name, const Shape& shape) {
  std::size_t count = 1;
  for (const std::size_t size : shape) count *= size;
  tensors[name] = {shape, random_floats(count, 0.05f)};
}

void put_affine(Tensors& tensors, const std::string& name, const Shape& shape) {
  put(tensors, name + ".weight", shape);
  put(tensors, name + ".bias", {shape[0]});
}

VisionTransformer deit(std::size_t width, std::size_t size) {
  Tensors t;
  put(t, "cls_token", {1, 1, width});
  put(t, "pos_embed", {1, size / 16 * (size / 16) + 1, width});
  put_affine(t, "patch_embed.proj", {width, 3, 16, 16});
  for (int i = 0; i < 12; ++i) {
    const std::string block = "blocks." + std::to_string(i) + ".";
    put_affine(t, block + "norm1", {width});
    put_affine(t, block + "attn.qkv", {3 * width, width});
    put_affine(t, block + "attn.proj", {width, width});
    put_affine(t, block + "norm2", {width});
    put_affine(t, block + "mlp.fc1", {4 * width, width});
    put_affine(t, block + "mlp.fc2", {width, 4 * width});
  }
  put_affine(t, "norm", {width});
  put_affine(t, "head", {1000, width});
  return load<VisionTransformer>(t, "{}");
}

/// Of the blocks' products on one sequence.
double block_flops(double tokens, double width, double hidden, double depth) {
  return depth * 2 * tokens * (4 * width * width + 2 * width * hidden + 2 * tokens * width);
}

void vision(State& state, std::size_t width, std::size_t size) {
  const VisionTransformer model = deit(width, size);
  const auto batch = static_cast<std::size_t>(state.range(0));
  const auto pixels = random_floats(batch * model.pixel_count(), 1);
  std::vector<float> features(batch * width), logits(batch * 1000);
  const VisionConfig& c = model.config();
  const auto w = static_cast<double>(width);
  const double flops =
      block_flops(static_cast<double>(c.tokens()), w, 4 * w, 12) +
      2 * w * (static_cast<double>(c.patches() * 3 * c.patch_size * c.patch_size) + 1000);
  measure(state, flops * static_cast<double>(batch), batch,
          [&] { model.classify(pixels, batch, features, logits); });
}

void sentences(State& state) {  // MiniLM-L6's shape
  constexpr std::size_t width = 384, texts = 512;
  Tensors t;
  put(t, "embeddings.word_embeddings.weight", {30522, width});
  put(t, "embeddings.position_embeddings.weight", {512, width});
  put(t, "embeddings.token_type_embeddings.weight", {2, width});
  put_affine(t, "embeddings.LayerNorm", {width});
  for (int i = 0; i < 6; ++i) {
    const std::string block = "encoder.layer." + std::to_string(i) + ".";
    for (const char* part : {"self.query", "self.key", "self.value", "output.dense"})
      put_affine(t, block + "attention." + part, {width, width});
    put_affine(t, block + "attention.output.LayerNorm", {width});
    put_affine(t, block + "intermediate.dense", {4 * width, width});
    put_affine(t, block + "output.dense", {width, 4 * width});
    put_affine(t, block + "output.LayerNorm", {width});
  }
  const auto model = load<TextEncoder>(t, R"({"num_attention_heads": 12})");
  const auto length = static_cast<std::size_t>(state.range(0));
  const std::vector<std::size_t> lengths(texts, length);
  const std::vector<std::int32_t> tokens(texts * length, 1000);
  std::vector<float> features(texts * width);
  const double flops = block_flops(static_cast<double>(length), width, 4 * width, 6);
  measure(state, flops * texts, texts, [&] { model.embed(tokens, lengths, features); });
}

BENCHMARK(peak)->Arg(512)->Arg(1024)->Arg(2048)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(vision, deit_tiny, 192, 224)
    ->Arg(1)
    ->Arg(64)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK_CAPTURE(vision, deit_small, 384, 224)
    ->Arg(16)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK_CAPTURE(vision, deit_base, 768, 224)
    ->Arg(8)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK_CAPTURE(vision, deit_base_384, 768, 384)
    ->Arg(4)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK(sentences)->Arg(12)->Arg(128)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace

BENCHMARK_MAIN();
