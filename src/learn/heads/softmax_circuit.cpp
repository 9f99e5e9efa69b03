#include "learn/heads/softmax_circuit.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numbers>

#include "base/error.h"
#include "math/chebyshev.h"

namespace blindtuner::learn {
using namespace math;
namespace {

// What find_softmax_circuit takes where no range is named.
constexpr int kHalfBootstrapLevels = 14;
constexpr double kLeastUsualRange = 12;

}  // namespace

int SoftmaxCircuit::depth() const {
  const auto terms = static_cast<unsigned>(exp_chebyshev.size());
  return static_cast<int>(std::bit_width(terms - 1) + steps.size());
}

int SoftmaxCircuit::products() const { return 4 + static_cast<int>(steps.size()); }

const SoftmaxCircuit& find_softmax_circuit(std::string_view family, int classes, double range) {
  require(classes >= 2, "find_softmax_circuit: a softmax has at least two classes");
  const auto serves = [&](const SoftmaxCircuit& circuit) {
    return circuit.family == family && circuit.min_classes <= classes && classes <= circuit.classes;
  };
  if (range == 0) {
    range = kLeastUsualRange;
    for (const SoftmaxCircuit& circuit : softmax_circuits())
      if (serves(circuit) && circuit.depth() <= kHalfBootstrapLevels)
        range = std::max(range, circuit.range);
  }
  const SoftmaxCircuit* best = nullptr;
  for (const SoftmaxCircuit& circuit : softmax_circuits()) {
    if (!serves(circuit) || circuit.range < range) continue;
    if (best == nullptr || circuit.classes < best->classes ||
        (circuit.classes == best->classes && circuit.range < best->range)) {
      best = &circuit;
    }
  }
  if (best == nullptr) {
    const auto all = softmax_circuits();
    const bool any = std::any_of(all.begin(), all.end(), [&](const SoftmaxCircuit& circuit) {
      return circuit.classes >= classes;
    });
    throw DataError("no softmax circuit of family '" + std::string(family) + "' for " +
                    std::to_string(classes) + " classes and logits up to " + std::to_string(range) +
                    "; docs/SOFTMAX.md lists those that ship" +
                    (any ? ""
                         : ", none of them for so many classes: the heads 'sigmoid' and "
                           "'squared' take them"));
  }
  return *best;
}

void evaluate_softmax_circuit(const SoftmaxCircuit& circuit, std::span<const double> logits,
                              std::span<double> probabilities) {
  require(!logits.empty() && logits.size() == probabilities.size(),
          "evaluate_softmax_circuit: as many probabilities as logits");
  require(logits.size() <= static_cast<size_t>(circuit.classes),
          "evaluate_softmax_circuit: more classes than the circuit was fitted for");
  const double omega = 2 * std::numbers::pi * circuit.rho;
  for (size_t k = 0; k < logits.size(); ++k) {
    const double y = std::sin(omega * logits[k] / circuit.bound) / omega;
    probabilities[k] = chebyshev_evaluate(circuit.exp_chebyshev, y);
  }
  for (const SoftmaxStep& step : circuit.steps) {
    if (step.kind == 'q') {
      for (double& v : probabilities) v *= step.g * v;
    } else {
      double sum = 0;
      for (double v : probabilities) sum += v;
      for (double& v : probabilities) v *= step.a + step.b * sum;
    }
  }
}

}  // namespace blindtuner::learn
