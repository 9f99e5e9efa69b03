// Softmax at the standard set: what encryption adds to the circuit's error. Minutes and gigabytes.
#include <iostream>

#include "learn/encrypted_fixture.h"

namespace blindtuner {
using namespace learn;
using namespace secret;
using namespace linalg;
namespace {

using namespace testing_support;

/// The circuit on the slots of a half bootstrap at the standard set, against softmax and against
/// itself in the clear.
Measured measure_circuit(const SoftmaxCircuit& circuit, std::size_t classes, std::size_t stride,
                         int bootstraps) {
  const BootstrapScheme s("Standard");
  const SoftmaxEvaluator evaluator(s.bootstrapper, circuit, classes, stride);
  EXPECT_EQ(evaluator.bootstraps(), bootstraps);
  const Measured m = measure_after_half_bootstrap(s, evaluator, classes, stride, 1);
  std::cout << "against the circuit in the clear: rms 2^" << std::log2(m.rms) << ", worst 2^"
            << std::log2(m.worst) << "; against softmax: worst " << m.from_exact << " (circuit "
            << circuit.max_error << "), rows beyond " << kFar << ": " << m.far_rows
            << "; classes that are not there: 2^" << std::log2(m.padding) << "\n";
  return m;
}

TEST(SoftmaxStandard, DefaultCircuitsOfTenClasses) {
  for (const double range : {12.0, 16.0}) {
    SCOPED_TRACE(range);
    const SoftmaxCircuit& circuit = find_softmax_circuit("default", 10, range);
    const Measured m = measure_circuit(circuit, 10, 16, 0);
    EXPECT_LT(m.rms, 0x1p-15);
    EXPECT_LT(m.worst, 0x1p-11);
    EXPECT_LT(m.padding, 0x1p-11);
    EXPECT_LT(m.from_exact, circuit.max_error + 0x1p-11);
  }
}

// A sixteenth of the rows have two classes that tie a little above 98 others. Their largest error has a
// long tail: over 14 runs it was 0.011 to 0.029, in four of them above 0.02.
// Nine rows or more there have a chance of one in a million at a mean of 1 a run (Poisson), and so has a
// largest error of 0.1 where each 0.006 more is e times rarer, as these runs have it.
TEST(SoftmaxStandard, WideCircuitOfAHundredClasses) {
  const SoftmaxCircuit& circuit = find_softmax_circuit("wide", 100, 128);
  const Measured m = measure_circuit(circuit, 100, 128, 2);
  EXPECT_LT(m.rms, 0x1p-10);
  EXPECT_LT(m.padding, 0x1p-11);
  EXPECT_LT(m.worst, 0.1);
  EXPECT_LT(m.from_exact, 0.1);
  EXPECT_LE(m.far_rows, 8u);
}

}  // namespace
}  // namespace blindtuner
