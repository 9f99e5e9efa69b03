#include "learn/heads/softmax_circuit.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "base/error.h"
#include "learn/heads/softmax.h"
#include "math/chebyshev.h"
namespace blindtuner {
using namespace learn;
using namespace math;

// How failures and skips name a circuit.
void PrintTo(const SoftmaxCircuit& circuit, std::ostream* out) { *out << circuit.name; }

namespace {

constexpr double kNoise = 0x1p-22;  // rms noise added after every operation

using Row = std::vector<double>;

/// Rows as training makes them and rows meant to hurt: one against the rest, two camps, noise of
/// any scale, a few leaders. All are centred.
class RowSource {
 public:
  RowSource(const SoftmaxCircuit& circuit, unsigned seed) : circuit_(circuit), random_(seed) {}

  /// A centred row of `classes` logits of which the largest is `reach`, or for wide circuits one of
  /// the box [-reach, reach]^classes less its mean.
  Row next(int classes, double reach) {
    Row z(classes);
    for (;;) {
      fill(z);
      double mean = 0;
      for (double x : z) mean += x / classes;
      for (double& x : z) x -= mean;
      const auto [low, high] = std::minmax_element(z.begin(), z.end());
      const double size = circuit_.family == "wide" ? (*high - *low) / 2 : std::max(*high, -*low);
      if (size < 1e-9) continue;
      for (double& x : z) x *= reach / size;
      if (crowded(z)) continue;
      return z;
    }
  }

  /// Up to three leaders, level with each other, a little above the rest: rows that are nearly
  /// uniform until the last squarings, in which noise shows most.
  Row race(int classes) {
    Row z(classes, 0.0);
    const int leaders = std::uniform_int_distribution<int>(1, std::min(3, classes - 1))(random_);
    const double lead = uniform(0, 12);
    for (int k = 0; k < classes; ++k) z[k] = (k < leaders ? lead : 0) - lead * leaders / classes;
    return z;
  }

  /// A size in (0, reach], often reach itself.
  double size(double reach) { return uniform(0, 1) < 0.4 ? reach : reach * uniform(0.01, 1); }

  double uniform(double a, double b) {
    return std::uniform_real_distribution<double>(a, b)(random_);
  }
  double normal() { return normal_(random_); }

 private:
  void fill(Row& z) {
    const int n = static_cast<int>(z.size());
    const int kind = std::uniform_int_distribution<int>(0, 4)(random_);
    const int leaders = std::uniform_int_distribution<int>(1, n - 1)(random_);
    const double jitter = uniform(0, 0.3);
    for (int k = 0; k < n; ++k) {
      switch (kind) {
        case 0:
          z[k] = uniform(-1, 1);
          break;
        case 1:
          z[k] = normal();
          break;
        case 2:
          z[k] = (k == 0 ? 1 : 0) + jitter * normal();
          break;
        case 3:
          z[k] = (k < leaders ? 1 : -1) + jitter * normal();
          break;
        default:
          z[k] = -std::log(uniform(1e-6, 1));
          break;
      }
    }
    std::shuffle(z.begin(), z.end(), random_);
  }

  bool crowded(const Row& z) const {
    if (circuit_.crowd == 0) return false;
    double sum = 0;
    for (double x : z) sum += std::exp(3 * x / circuit_.range);
    return sum / static_cast<double>(z.size()) > circuit_.crowd;
  }

  const SoftmaxCircuit& circuit_;
  std::mt19937_64 random_;
  std::normal_distribution<double> normal_;
};

struct Errors {
  double max = 0;
  double sum = 0;
  double count = 0;
};

void compare(const SoftmaxCircuit& circuit, const Row& z, Errors& errors) {
  Row p(z.size()), exact(z.size());
  evaluate_softmax_circuit(circuit, z, p);
  exact_softmax(z, exact);
  for (size_t k = 0; k < z.size(); ++k) {
    const double e = std::abs(p[k] - exact[k]);
    errors.max = e <= errors.max ? errors.max : e;  // keeps a NaN
    errors.sum += e;
    errors.count += 1;
  }
}

class EveryCircuit : public ::testing::TestWithParam<SoftmaxCircuit> {};

TEST_P(EveryCircuit, IsWellFormed) {
  const SoftmaxCircuit& c = GetParam();
  EXPECT_GT(c.range, 0);
  EXPECT_EQ(c.rho, 1.0 / 16);
  EXPECT_LE(c.min_classes, c.classes);
  EXPECT_EQ(c.exp_chebyshev.size(), 8u);
  EXPECT_GE(c.bound, c.range);
  for (size_t i = 0; i < c.steps.size(); ++i) {
    const SoftmaxStep& step = c.steps[i];
    SCOPED_TRACE("step " + std::to_string(i));
    if (step.kind == 'q') {
      EXPECT_EQ(step.g, 1);
    } else {
      ASSERT_EQ(step.kind, 'n');
      EXPECT_LT(std::abs(step.a), 16);
      EXPECT_LT(std::abs(step.b), 16);
    }
    EXPECT_GT(step.max_v, 0.1);  // magnitudes stay moderate
    EXPECT_LT(step.max_v, 1.2);
  }
}

TEST_P(EveryCircuit, HoldsItsStatedErrorOnFreshRows) {
  const SoftmaxCircuit& c = GetParam();
  RowSource source(c, 7);
  Errors errors;
  const int most = c.classes, least = c.min_classes;
  const int rows = 400000 / most;
  for (int i = 0; i < rows; ++i) {
    const int classes = least + i % (most - least + 1);
    compare(c, source.next(classes, source.size(c.range)), errors);
  }
  EXPECT_LE(errors.max, 1.05 * c.max_error);
  EXPECT_LE(errors.sum / errors.count, 2 * c.mean_error) << "the mean depends on the rows' mix";
}

// A step whose a + b S changes its sign within the range turns rows about, which a squaring hides;
// rows in between vanish.
TEST_P(EveryCircuit, SumsStayPositive) {
  const SoftmaxCircuit& c = GetParam();
  RowSource source(c, 11);
  const double omega = 2 * std::numbers::pi * c.rho;
  for (int i = 0; i < 400000 / c.classes; ++i) {
    const int classes = c.min_classes + i % (c.classes - c.min_classes + 1);
    Row v = source.next(classes, source.size(c.range));
    for (double& x : v)
      x = chebyshev_evaluate(c.exp_chebyshev, std::sin(omega * x / c.bound) / omega);
    for (const SoftmaxStep& step : c.steps) {
      double sum = 0;
      for (double x : v) sum += x;
      ASSERT_GT(sum, 0);
      for (double& x : v) x *= step.kind == 'q' ? step.g * x : step.a + step.b * sum;
    }
  }
}

TEST_P(EveryCircuit, PaddedClassesChangeNothing) {
  // What encryption does with padding: the classes are there, with v = 0 exactly after E. The plain
  // evaluation leaves them out; the two must agree bit for bit.
  const SoftmaxCircuit& c = GetParam();
  if (c.classes < 3) GTEST_SKIP() << "no room for padding";
  RowSource source(c, 8);
  for (int i = 0; i < 200; ++i) {
    const int classes = std::max(c.min_classes, 2);
    const Row z = source.next(classes, source.size(c.range));
    Row p(z.size());
    evaluate_softmax_circuit(c, z, p);
    Row v(c.classes, 0.0);
    const double omega = 2 * std::numbers::pi * c.rho;
    for (int k = 0; k < classes; ++k)
      v[k] = chebyshev_evaluate(c.exp_chebyshev, std::sin(omega * z[k] / c.bound) / omega);
    for (const SoftmaxStep& step : c.steps) {
      double sum = 0;
      for (double x : v) sum += x;
      for (double& x : v) x *= step.kind == 'q' ? step.g * x : step.a + step.b * sum;
    }
    for (int k = 0; k < classes; ++k) ASSERT_EQ(v[k], p[k]);
    for (int k = classes; k < c.classes; ++k) ASSERT_EQ(v[k], 0);
  }
}

TEST_P(EveryCircuit, StaysBoundedBeyondItsRange) {
  const SoftmaxCircuit& c = GetParam();
  if (c.family == "wide") GTEST_SKIP() << "the whole box is inside the range";
  RowSource source(c, 9);
  Errors errors;
  const int most = c.classes, least = c.min_classes;
  for (int i = 0; i < 200000 / most; ++i) {
    const int classes = least + i % (most - least + 1);
    compare(c, source.next(classes, source.uniform(c.range, c.stable_range)), errors);
  }
  EXPECT_LE(errors.max, 1.1 * c.bound_error);
}

TEST_P(EveryCircuit, StandsNoiseAfterEveryOperation) {
  const SoftmaxCircuit& c = GetParam();
  RowSource source(c, 10);
  const int most = c.classes, least = c.min_classes;
  const double omega = 2 * std::numbers::pi * c.rho;
  double worst = 0, squares = 0, count = 0;
  for (int i = 0; i < 100000 / most; ++i) {
    const int classes = least + i % (most - least + 1);
    const bool race = c.family == "wide" && i % 2 == 1;
    const Row z = race ? source.race(classes) : source.next(classes, source.size(c.range));
    Row p(z.size()), v(z.size());
    evaluate_softmax_circuit(c, z, p);
    const auto noise = [&] { return kNoise * source.normal(); };
    for (int k = 0; k < classes; ++k) {
      v[k] =
          noise() + chebyshev_evaluate(c.exp_chebyshev, std::sin(omega * z[k] / c.bound) / omega);
    }
    for (const SoftmaxStep& step : c.steps) {
      double sum = noise();
      for (double x : v) sum += x;
      for (double& x : v) {
        const double factor = step.kind == 'q' ? step.g * x : step.a + step.b * sum + noise();
        x = x * factor + noise();
      }
    }
    for (int k = 0; k < classes; ++k) {
      const double d = std::abs(v[k] - p[k]);
      worst = d <= worst ? worst : d;
      if (race) continue;
      squares += d * d;
      count += 1;
    }
  }
  EXPECT_LE(std::sqrt(squares / count), 3 * c.noise_gain * kNoise);
  // Deviations are Gaussian: of 100,000 none should be beyond 5.5 times the worst row's.
  EXPECT_LE(worst, 5.5 * c.worst_noise_gain * kNoise);
}

INSTANTIATE_TEST_SUITE_P(SoftmaxCircuit, EveryCircuit,
                         ::testing::ValuesIn(softmax_circuits().begin(), softmax_circuits().end()),
                         [](const auto& circuit) { return circuit.param.name; });

TEST(SoftmaxCircuits, DefaultsFitTheLevelsAfterAHalfBootstrap) {
  for (int classes = 2; classes <= 100; ++classes) {
    const SoftmaxCircuit& c = find_softmax_circuit("default", classes, 12);
    EXPECT_LE(c.depth(), classes <= 26 ? 13 : 14) << classes;
    EXPECT_LE(c.min_classes, classes);
    EXPECT_GE(c.stable_range, 1.4 * c.range);
    EXPECT_LE(c.max_error, 0.03);
  }
}

TEST(SoftmaxCircuits, RangeZeroIsTheWidestThatAHalfBootstrapEvaluates) {
  for (int classes = 2; classes <= 100; ++classes) {
    const SoftmaxCircuit& c = find_softmax_circuit("default", classes, 0);
    EXPECT_EQ(c.range, classes <= 10 ? 16 : 12) << classes;
    EXPECT_LE(c.depth(), 14);
    EXPECT_LE(c.max_error, 0.03);
  }
  EXPECT_EQ(find_softmax_circuit("guaranteed", 10, 0).range, 12);
  EXPECT_EQ(find_softmax_circuit("guaranteed", 100, 0).range, 12);  // deeper, as 12 is the least
  EXPECT_EQ(find_softmax_circuit("wide", 10, 0).range, 128);
}

TEST(SoftmaxCircuits, GuaranteedOnesKeepOnePercent) {
  for (double range : {8.0, 12.0, 16.0}) {
    for (int classes = 2; classes <= 100; ++classes) {
      const SoftmaxCircuit& c = find_softmax_circuit("guaranteed", classes, range);
      EXPECT_EQ(c.range, range);
      EXPECT_GE(c.classes, classes);
      EXPECT_LE(c.min_classes, classes);
      EXPECT_LE(c.max_error, 0.01);
    }
  }
}

// Depth 36 is what three passes through the levels after a half bootstrap hold, with two refreshes
// that end in an arcsine of degree 7.
TEST(SoftmaxCircuits, WideOnesServeTwoToAHundredClasses) {
  for (int classes = 2; classes <= 100; ++classes) {
    SCOPED_TRACE(classes);
    const SoftmaxCircuit& c = find_softmax_circuit("wide", classes, 128);
    EXPECT_GE(c.classes, classes);
    EXPECT_LE(c.min_classes, classes);
    EXPECT_LE(c.depth(), classes <= 16 ? 28 : 36);
    EXPECT_LE(c.max_error, 0.01);
    EXPECT_LE(c.mean_error, 0.001);
    EXPECT_LE(c.worst_noise_gain * kNoise, classes <= 50 ? 0.005 : 0.015);
  }
}

TEST(SoftmaxCircuits, LookupTakesTheNextLargerCircuit) {
  const SoftmaxCircuit& nine = find_softmax_circuit("default", 9, 12);
  EXPECT_EQ(nine.classes, 10);
  EXPECT_LE(nine.min_classes, 9);
  EXPECT_THROW(find_softmax_circuit("default", 101, 12), DataError);
  EXPECT_THROW(find_softmax_circuit("default", 10, 1000), DataError);
  EXPECT_THROW(find_softmax_circuit("unheard-of", 10, 12), DataError);
  EXPECT_THROW(find_softmax_circuit("default", 1, 12), ContractError);
}

TEST(SoftmaxCircuits, NamesAreUnique) {
  std::set<std::string> names;
  for (const SoftmaxCircuit& c : softmax_circuits()) EXPECT_TRUE(names.insert(c.name).second);
}

TEST(SoftmaxCircuits, EvaluationChecksItsSizes) {
  const SoftmaxCircuit& c = find_softmax_circuit("default", 3, 12);
  Row z(3), p(2), large(c.classes + 1);
  EXPECT_THROW(evaluate_softmax_circuit(c, z, p), ContractError);
  EXPECT_THROW(evaluate_softmax_circuit(c, {}, {}), ContractError);
  EXPECT_THROW(evaluate_softmax_circuit(c, large, large), ContractError);
}

TEST(SoftmaxCircuits, ClenshawMatchesTheDefinition) {
  const Row c = {0.5, -1.25, 2, 0.75};
  for (double y : {-1.0, -0.3, 0.0, 0.7, 1.0}) {
    const double t2 = 2 * y * y - 1, t3 = y * (4 * y * y - 3);
    EXPECT_NEAR(chebyshev_evaluate(c, y), 0.5 - 1.25 * y + 2 * t2 + 0.75 * t3, 1e-14);
  }
  EXPECT_EQ(chebyshev_evaluate({}, 0.3), 0);
}

}  // namespace
}  // namespace blindtuner
