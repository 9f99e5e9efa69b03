#include "learn/heads/softmax_evaluator.h"

#include "base/parallel.h"
#include "ckks/noise_model.h"
#include "learn/encrypted_fixture.h"
#include "learn/heads/softmax.h"
#include "math/chebyshev.h"

namespace blindtuner {
using namespace learn;
using namespace math;
using namespace secret;
using namespace linalg;
namespace {

using namespace testing_support;

// Against the same circuit in the clear: the rounding of a product at the chain's lowest scale
// (2^36 at most) times the circuit's noise gain is the standard deviation, up to a factor of 3 as
// measured over all circuits, refreshed ones included; 8 is allowed. A row's own gain may be far
// above the mean one, so the worst of thousands is held to 5.5 times the worst row's deviation.
struct Tolerance {
  double rms, worst;
};
Tolerance tolerance(const SoftmaxEvaluator& evaluator) {
  const std::vector<double> scales = evaluator.scales();
  const double scale = std::min(0x1p36, *std::min_element(scales.begin(), scales.end()));
  const std::size_t n = test_scheme().n();
  const double rounding = noise::real_slots(noise::rounding(noise::ternary_weight(n)), n, scale);
  const SoftmaxCircuit& circuit = evaluator.circuit();
  return {8 * rounding * std::max(1.0, circuit.noise_gain),
          5.5 * 8 * rounding * std::max(1.0, circuit.worst_noise_gain)};
}

std::size_t stride_of(std::size_t classes) { return std::bit_ceil(classes); }

SoftmaxEvaluator make_evaluator(const SoftmaxCircuit& circuit, std::size_t classes) {
  return {test_scheme().bootstrapper, circuit, classes, stride_of(classes)};
}

Measured measure(const SoftmaxEvaluator& evaluator, std::size_t classes, unsigned seed) {
  const BootstrapScheme& s = test_scheme();
  const SoftmaxCircuit& circuit = evaluator.circuit();
  const SoftmaxRows rows(circuit, classes, stride_of(classes), s.n() / stride_of(classes), seed);
  const Halves out = evaluator.evaluate(
      s.encrypt_halves(rows.sines(circuit), evaluator.input_scale(), s.parameters->circuit_start()),
      s.keys);
  for (const Ciphertext* c : {&out.low, &out.high}) {
    EXPECT_EQ(c->q_count(), s.parameters->slot_to_coeff_start());
    EXPECT_EQ(c->scale, evaluator.output_scale());
  }
  return compare(circuit, rows, s.decrypt_halves(out));
}

void expect_within(const Measured& m, const Tolerance& allowed, const SoftmaxCircuit& circuit) {
  EXPECT_LT(m.rms, allowed.rms);
  EXPECT_LT(m.worst, allowed.worst);
  EXPECT_LT(m.padding, allowed.worst);
  EXPECT_LT(m.from_exact, circuit.max_error + allowed.worst);
}

TEST(SoftmaxEvaluator, EveryCircuitEqualsItselfInTheClear) {
  for (const SoftmaxCircuit& circuit : softmax_circuits()) {
    SCOPED_TRACE(circuit.name);
    const auto classes = static_cast<std::size_t>(circuit.classes);
    const SoftmaxEvaluator evaluator = make_evaluator(circuit, classes);
    const Measured m = measure(evaluator, classes, 1);
    expect_within(m, tolerance(evaluator), circuit);
    RecordProperty(circuit.name,
                   std::to_string(std::log2(m.rms)) + " " + std::to_string(std::log2(m.worst)));
  }
}

TEST(SoftmaxEvaluator, ClassCountsWithPadding) {
  for (std::size_t classes : {2, 3, 7, 10, 16, 20, 100}) {
    SCOPED_TRACE(classes);
    const SoftmaxEvaluator evaluator =
        make_evaluator(find_softmax_circuit("default", static_cast<int>(classes), 12), classes);
    expect_within(measure(evaluator, classes, 2), tolerance(evaluator), evaluator.circuit());
  }
}

// More classes' places than classes: a stride may be greater than it has to be.
TEST(SoftmaxEvaluator, WideStride) {
  const BootstrapScheme& s = test_scheme();
  const SoftmaxCircuit& circuit = find_softmax_circuit("default", 3, 12);
  const SoftmaxEvaluator evaluator(s.bootstrapper, circuit, 3, 64);
  const SoftmaxRows rows(circuit, 3, 64, s.n() / 64, 3);
  const Halves out = evaluator.evaluate(
      s.encrypt_halves(rows.sines(circuit), evaluator.input_scale(), s.parameters->circuit_start()),
      s.keys);
  expect_within(compare(circuit, rows, s.decrypt_halves(out)), tolerance(evaluator), circuit);
}

// v (2 - S) leaves a row whose sum is 1 as it is, so the default circuit followed by such steps is
// itself at any depth: cut by none, one or two refreshes.
TEST(SoftmaxEvaluator, DeepCircuitsAreCutByBootstraps) {
  const BootstrapScheme& s = test_scheme();
  const SoftmaxCircuit& base = find_softmax_circuit("default", 10, 12);
  const int levels = static_cast<int>(s.parameters->literal().circuit_bits.size());
  // The arcsine takes the levels that are left over: 3 or 2 for each refresh.
  for (const auto& [depth, arcsine] : {std::pair{levels, 0},
                                       {levels + 1, 7},
                                       {2 * levels - 2, 3},
                                       {2 * levels, 0},
                                       {2 * levels + 3, 7}}) {
    SoftmaxCircuit deep = base;
    while (deep.depth() < depth) deep.steps.push_back({'n', 2, -1, 0, 1, 1});
    const SoftmaxEvaluator evaluator = make_evaluator(deep, 10);
    EXPECT_EQ(evaluator.bootstraps(), (depth - 1) / levels);
    EXPECT_EQ(evaluator.arcsine_degree(), arcsine);
    const Measured m = measure(evaluator, 10, 4);
    EXPECT_LT(m.rms, tolerance(evaluator).rms);
    EXPECT_LT(m.worst, tolerance(evaluator).worst);
    EXPECT_LT(m.padding, tolerance(evaluator).worst);
  }
}

TEST(SoftmaxEvaluator, ScalesStayNearThePrimes) {
  const BootstrapScheme& s = test_scheme();
  for (const SoftmaxCircuit& circuit : softmax_circuits()) {
    SCOPED_TRACE(circuit.name);
    const auto classes = static_cast<std::size_t>(circuit.classes);
    const SoftmaxEvaluator evaluator(s.bootstrapper, circuit, classes, stride_of(classes));
    const std::vector<double> scales = evaluator.scales();
    EXPECT_EQ(scales.size(), circuit.steps.size() + 1);
    EXPECT_EQ(scales.back(), evaluator.output_scale());
    EXPECT_NEAR(std::log2(evaluator.output_scale()), 35.5, 0.51);
    for (double scale : scales) {
      EXPECT_GT(std::log2(scale), 29);  // 30.4 where |b| is 0.02: 100 classes
      EXPECT_LT(std::log2(scale), 39.1);
    }
  }
}

// Steps with large and small |b| in turn, as circuits for 100 classes have: scales above the plan's
// would be squared from step to step.
TEST(SoftmaxEvaluator, ScalesDoNotDrift) {
  const BootstrapScheme& s = test_scheme();
  std::mt19937_64 generator(8);
  std::uniform_real_distribution<double> log_b(-6, 4);
  for (int trial = 0; trial < 20; ++trial) {
    SoftmaxCircuit circuit = find_softmax_circuit("default", 10, 12);
    circuit.steps.clear();
    for (int i = 0; i < 30; ++i) {
      if (i % 5 == 4)
        circuit.steps.push_back({'q', 0, 0, std::exp2(log_b(generator) / 4), 1, 1});
      else
        circuit.steps.push_back({'n', 1, -std::exp2(log_b(generator)), 0, 1, 1});
    }
    const SoftmaxEvaluator evaluator(s.bootstrapper, circuit, 10, 16);
    EXPECT_EQ(evaluator.bootstraps(), 2);
    for (double scale : evaluator.scales()) {
      EXPECT_GT(std::log2(scale), 28);
      EXPECT_LT(std::log2(scale), 39.1);
    }
  }
}

// What the wide circuits would lose to noise at the standard set, whose chain the tests' set
// shares: every product and sum is rounded at the scales that the plan gives it, refreshes have the
// errors of docs/NOISE.md. Rows in which two classes tie little above the others are the worst
// there are.
TEST(SoftmaxEvaluator, WideCircuitsStandTheStandardSetsNoise) {
  const std::size_t n = 65536;
  const double units = noise::rounding(noise::ternary_weight(n));
  std::mt19937_64 generator(9);
  std::normal_distribution<double> normal;
  for (const SoftmaxCircuit& circuit : softmax_circuits()) {
    if (circuit.family != "wide") continue;
    SCOPED_TRACE(circuit.name);
    const std::size_t c = static_cast<std::size_t>(circuit.classes);
    const SoftmaxEvaluator evaluator = make_evaluator(circuit, c);
    const std::vector<double> scales = evaluator.scales();
    const std::vector<std::size_t> refreshed = evaluator.refreshed_steps();
    const int arcsine = evaluator.arcsine_degree();
    const double refresh = arcsine == 7 ? 0x1p-24 : arcsine == 3 ? 0x1p-22 : 0x1p-19;
    const auto add_noise = [&](std::vector<double>& v, double rms) {
      for (double& x : v) x += rms * normal(generator);
    };
    double worst = 0, worst_row = 0;
    for (double lead = 0; lead <= 12; lead += 0.5) {
      std::vector<double> z(c, -2 * lead / static_cast<double>(c)), exact(c);
      z[0] += lead;
      z[1] += lead;
      exact_softmax(z, exact);
      const int trials = 100;
      double squares = 0;
      for (int trial = 0; trial < trials; ++trial) {
        std::vector<double> v(c), factors(c);
        const double omega = 2 * std::numbers::pi * circuit.rho;
        for (std::size_t k = 0; k < c; ++k)
          v[k] = chebyshev_evaluate(circuit.exp_chebyshev,
                                    std::sin(omega * z[k] / circuit.bound) / omega);
        for (std::size_t i = 0; i <= circuit.steps.size(); ++i) {
          const double rounding = noise::real_slots(units, n, scales[i]);
          add_noise(v, rounding);
          if (i == circuit.steps.size()) break;
          if (std::find(refreshed.begin(), refreshed.end(), i) != refreshed.end())
            add_noise(v, refresh);
          const SoftmaxStep& step = circuit.steps[i];
          double sum = 0;
          for (double x : v) sum += x;
          for (std::size_t k = 0; k < c; ++k)
            factors[k] = step.kind == 'q' ? step.g * v[k] : step.a + step.b * sum;
          if (step.kind == 'n') add_noise(factors, std::abs(step.b) * rounding);
          for (std::size_t k = 0; k < c; ++k) v[k] *= factors[k];
        }
        squares += (v[0] - exact[0]) * (v[0] - exact[0]);
        for (std::size_t k = 0; k < c; ++k) worst = std::max(worst, std::abs(v[k] - exact[k]));
      }
      worst_row = std::max(worst_row, std::sqrt(squares / trials));
    }
    EXPECT_LT(worst_row, 0.006);
    EXPECT_LT(worst, 0.02);
    RecordProperty(circuit.name, std::to_string(worst_row) + " " + std::to_string(worst));
  }
}

// The whole way that training takes: logits as coefficients modulo q_0 under the small secret.
TEST(SoftmaxEvaluator, AfterAHalfBootstrap) {
  const BootstrapScheme& s = test_scheme();
  const SoftmaxCircuit& circuit = find_softmax_circuit("default", 10, 12);
  const SoftmaxEvaluator evaluator(s.bootstrapper, circuit, 10, 16);
  const Measured m = measure_after_half_bootstrap(s, evaluator, 10, 16, 5);
  expect_within(m, tolerance(evaluator), circuit);
  RecordProperty("rms", std::to_string(std::log2(m.rms)));
  RecordProperty("worst", std::to_string(std::log2(m.worst)));
}

TEST(SoftmaxEvaluator, IsDeterministic) {
  const BootstrapScheme& s = test_scheme();
  const SoftmaxCircuit& circuit = find_softmax_circuit("default", 3, 12);
  const SoftmaxEvaluator evaluator(s.bootstrapper, circuit, 3, 4);
  const SoftmaxRows rows(circuit, 3, 4, s.n() / 4, 6);
  const Halves in =
      s.encrypt_halves(rows.sines(circuit), evaluator.input_scale(), s.parameters->circuit_start());
  const auto run = [&](int threads) {
    const int before = max_threads();
    set_max_threads(threads);
    Halves out = evaluator.evaluate({in.low.copy(), in.high.copy()}, s.keys);
    set_max_threads(before);
    return out;
  };
  const Halves one = run(1), three = run(3);
  for (auto half : {&Halves::low, &Halves::high})
    for (auto part : {&Ciphertext::c0, &Ciphertext::c1}) {
      const Poly &a = one.*half.*part, &b = three.*half.*part;
      for (std::size_t l = 0; l < a.q_count(); ++l)
        EXPECT_TRUE(std::ranges::equal(Residues(a)[l], Residues(b)[l]));
    }
}

// Logits far outside of what the circuit was fitted for make v exceed the modulus, which spoils
// every row of the ciphertext; but it is garbage, not a fault.
TEST(SoftmaxEvaluator, LogitsBeyondTheRangeDoNotBreakIt) {
  const BootstrapScheme& s = test_scheme();
  const SoftmaxCircuit& circuit = find_softmax_circuit("default", 10, 12);
  const SoftmaxEvaluator evaluator(s.bootstrapper, circuit, 10, 16);
  SoftmaxRows rows(circuit, 10, 16, s.n() / 16, 7);
  for (double& z : rows.logits) z *= 10;
  Halves out;
  ASSERT_NO_THROW(
      out = evaluator.evaluate(s.encrypt_halves(rows.sines(circuit), evaluator.input_scale(),
                                                s.parameters->circuit_start()),
                               s.keys));
  for (double p : s.decrypt_halves(out)) ASSERT_TRUE(std::isfinite(p));
}

TEST(SoftmaxEvaluator, RefusesWhatDoesNotFit) {
  const BootstrapScheme& s = test_scheme();
  const SoftmaxCircuit& circuit = find_softmax_circuit("default", 10, 12);
  const auto make = [&](std::size_t classes, std::size_t stride) {
    return SoftmaxEvaluator(s.bootstrapper, circuit, classes, stride);
  };
  EXPECT_THROW(make(1, 16), ContractError);
  EXPECT_THROW(make(10, 8), ContractError);
  EXPECT_THROW(make(10, 24), ContractError);
  EXPECT_THROW(make(static_cast<std::size_t>(circuit.classes) + 1, 128), ContractError);
  EXPECT_THROW(make(static_cast<std::size_t>(circuit.min_classes) - 1, 16), ContractError);
  SoftmaxCircuit broken = circuit;
  broken.steps[0].b = 0;
  EXPECT_THROW(SoftmaxEvaluator(s.bootstrapper, broken, 10, 16), ContractError);
  broken.steps[0] = {'x', 1, 1, 1, 1, 1};
  EXPECT_THROW(SoftmaxEvaluator(s.bootstrapper, broken, 10, 16), ContractError);

  const SoftmaxEvaluator evaluator = make(10, 16);
  const std::vector<double> zeros(s.n(), 0.0);
  const std::size_t start = s.parameters->circuit_start();
  EXPECT_THROW(
      evaluator.evaluate(s.encrypt_halves(zeros, 2 * evaluator.input_scale(), start), s.keys),
      ContractError);
  EXPECT_THROW(
      evaluator.evaluate(s.encrypt_halves(zeros, evaluator.input_scale(), start - 1), s.keys),
      ContractError);
}

}  // namespace
}  // namespace blindtuner
