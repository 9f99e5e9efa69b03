// Benchmarks of the scheme, the bootstraps and the matrix products at the standard parameters.
// Whole steps are bench_training's.
//
//   bench_scheme --benchmark_out=results.json --benchmark_out_format=json
//
// Names end in the number of q limbs where that matters; "one_thread" runs on one core, the others
// on all. Each setup is made once and shared. Peers' figures for the same operations are in
// docs/BENCHMARKS.md.
#include <benchmark/benchmark.h>

#include <cmath>
#include <memory>
#include <numbers>

#include "base/parallel.h"
#include "learn/encrypted_trainer.h"
#include "secret/dataset_encryption.h"
#include "secret/encryption.h"

namespace {

using namespace blindtuner;
using namespace blindtuner::learn;
using namespace blindtuner::secret;
using benchmark::State;

constexpr std::size_t kSamples = 8192, kFeatures = 769, kClasses = 10;

struct Setup {
  ParametersPtr parameters = Parameters::create(standard_parameters());
  Bootstrapper bootstrapper{parameters};
  SecretKeys secrets = SecretKeys::generate(parameters);
  ProductLayout layout = ProductLayout::plan(*parameters, kSamples, kFeatures, kClasses, kSamples);
  TrainingKeys keys = make_training_keys(secrets, bootstrapper, layout);

  const Ring& ring() const { return parameters->ring(); }

  Ciphertext random_slots(std::size_t q_count, double scale) const {
    std::vector<Complex> values(ring().n() / 2);
    for (std::size_t i = 0; i < values.size(); ++i)
      values[i] = std::cos(0.37 * static_cast<double>(i));
    return encrypt(bootstrapper.encoder().encode(ring(), values, scale, q_count), scale,
                   secrets.big, fresh_seed(), 0)
        .expand();
  }
};

// Keys come from memory the first time: what is measured is the second and later ones.
void warm_milliseconds(benchmark::internal::Benchmark* b) {
  b->Unit(benchmark::kMillisecond)->MinWarmUpTime(0.3)->MinTime(1);
}
void warm_seconds(benchmark::internal::Benchmark* b) {
  b->Unit(benchmark::kSecond)->UseRealTime()->MinWarmUpTime(0.1)->MinTime(4);
}

const Setup& setup() {
  static const Setup instance;
  return instance;
}

// Runs a benchmark on one thread and gives the others back afterwards.
class Threads {
 public:
  explicit Threads(int count) : before_(max_threads()) { set_max_threads(count); }
  ~Threads() { set_max_threads(before_); }

 private:
  int before_;
};

void mul_relin_rescale(State& state) {
  const Setup& s = setup();
  const Threads one(1);
  const Ciphertext a = s.random_slots(static_cast<std::size_t>(state.range(0)), 0x1p40);
  for (auto _ : state)
    benchmark::DoNotOptimize(multiply(a, a, s.keys.bootstrap.evaluation.relinearisation));
}
BENCHMARK(mul_relin_rescale)
    ->Name("one_thread/mul_relin_rescale")
    ->Arg(25)
    ->Arg(15)
    ->Arg(5)
    ->Apply(warm_milliseconds);

void rotate_once(State& state) {
  const Setup& s = setup();
  const Threads one(1);
  const Ciphertext a = s.random_slots(static_cast<std::size_t>(state.range(0)), 0x1p40);
  for (auto _ : state) benchmark::DoNotOptimize(rotate(a, 1, s.keys.bootstrap.evaluation.galois));
}
BENCHMARK(rotate_once)
    ->Name("one_thread/rotate")
    ->Arg(25)
    ->Arg(15)
    ->Arg(5)
    ->Apply(warm_milliseconds);

// One of seven rotations that share a decomposition.
void rotate_hoisted_each(State& state) {
  const Setup& s = setup();
  const Threads one(1);
  const Ciphertext a = s.random_slots(static_cast<std::size_t>(state.range(0)), 0x1p40);
  const std::int64_t steps[] = {1, 2, 3, 4, 5, 6, 7};
  for (auto _ : state)
    benchmark::DoNotOptimize(rotate_hoisted(a, steps, s.keys.bootstrap.evaluation.galois));
  state.counters["ms_each"] =
      benchmark::Counter(static_cast<double>(state.iterations()) * std::size(steps) / 1000,
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}
BENCHMARK(rotate_hoisted_each)
    ->Name("one_thread/rotate_hoisted_7")
    ->Arg(25)
    ->Arg(15)
    ->Arg(5)
    ->Apply(warm_milliseconds);

void mul_plain(State& state) {
  const Setup& s = setup();
  const Threads one(1);
  Ciphertext a = s.random_slots(static_cast<std::size_t>(state.range(0)), 0x1p40);
  const Poly plain = a.c0.copy();
  for (auto _ : state) mul_plain_inplace(a, plain, 1.0);
}
BENCHMARK(mul_plain)
    ->Name("one_thread/mul_plain")
    ->Arg(25)
    ->Arg(15)
    ->Arg(5)
    ->Apply(warm_milliseconds);

void full_bootstrap(State& state) {
  const Setup& s = setup();
  const std::size_t level = s.parameters->slot_to_coeff_start();
  const double q0 = static_cast<double>(s.ring().q(0).q), scale = 0x1p40;
  const SlotToCoeff down(*s.parameters, s.bootstrapper.shape(), s.bootstrapper.encoder(), scale,
                         q0 / 128);
  const Halves x{s.random_slots(level, scale), s.random_slots(level, scale)};
  for (auto _ : state)
    benchmark::DoNotOptimize(s.bootstrapper.bootstrap(x, down, 0x1p39, 3, s.keys.bootstrap));
}
BENCHMARK(full_bootstrap)->Name("bootstrap")->Apply(warm_seconds);

void half_bootstrap_softmax(State& state) {
  const Setup& s = setup();
  const HeadCircuit& circuit = find_circuit({}, kClasses);
  const auto head = circuit.evaluator(s.bootstrapper, kClasses, s.layout.class_stride);
  const double scale = circuit.rho * static_cast<double>(s.ring().q(0).q) / circuit.bound;
  std::vector<Ciphertext> scores;
  std::vector<const Ciphertext*> pointers;
  const std::vector<double> zeros(s.layout.n, 0.5);
  for (std::size_t r = 0; r < s.layout.ratio; ++r)
    scores.push_back(encrypt(encode_coefficients(s.parameters->small_ring(), zeros, scale, 2),
                             scale, s.secrets.small, fresh_seed(), 0)
                         .expand());
  for (const Ciphertext& c : scores) pointers.push_back(&c);
  for (auto _ : state)
    benchmark::DoNotOptimize(head->evaluate(
        s.bootstrapper.half_bootstrap(pointers, head->input_scale(), s.keys.bootstrap),
        s.keys.bootstrap));
}
BENCHMARK(half_bootstrap_softmax)->Apply(warm_seconds);

EncryptedDataset random_dataset(const Setup& s) {
  std::vector<float> features(kSamples * (kFeatures - 1));
  for (std::size_t i = 0; i < features.size(); ++i)
    features[i] = static_cast<float>(std::sin(0.7 * static_cast<double>(i)));
  std::vector<int> labels(kSamples);
  for (std::size_t i = 0; i < kSamples; ++i) labels[i] = static_cast<int>(i % kClasses);
  return encrypt_dataset(s.secrets, s.layout, features, labels);
}

// Both products of a step on 8192 x 768 x 10: expand, scores, expand errors, gradient.
void matmul_step(State& state) {
  const Setup& s = setup();
  const EncryptedDataset data = random_dataset(s);
  const MatrixProducts products(s.parameters, s.layout, s.keys.products);
  const FeatureSource x = [&](std::size_t block, std::size_t group) {
    return data.features[block * s.layout.feature_groups() + group].expand();
  };
  std::vector<Ciphertext> weights;
  for (std::size_t i = 0; i < s.layout.packs(); ++i) weights.push_back(data.features[i].expand());
  std::vector<Ciphertext> errors;
  for (std::size_t r = 0; r < s.layout.ratio; ++r) errors.push_back(data.labels[r].expand());
  for (auto _ : state) {
    const std::vector<Ciphertext> pieces = products.expand_weights(weights);
    MatrixProducts::GradientSum sum(products);
    const std::size_t per = s.layout.blocks_per_super();
    for (std::size_t first = 0; first < s.layout.blocks(); first += per) {
      const std::size_t count = std::min(per, s.layout.blocks() - first);
      benchmark::DoNotOptimize(products.scores(x, first, count, pieces));
      sum.add(x, first, products.expand_errors(errors, first, count));
    }
    benchmark::DoNotOptimize(sum.finish());
  }
}
BENCHMARK(matmul_step)->Apply(warm_seconds);

}  // namespace

BENCHMARK_MAIN();
