// Softmax at the standard set: what encryption adds to the circuit's error. Minutes and gigabytes.
#include <iostream>

#include "train/encrypted_fixture.h"

namespace blindtuner {
namespace {

using namespace testing_support;

TEST(SoftmaxStandard, DefaultCircuitOfTenClasses) {
  const BootstrapScheme s("Standard");
  const SoftmaxCircuit& circuit = find_softmax_circuit("default", 10, 12);
  const SoftmaxEvaluator evaluator(s.bootstrapper, circuit, 10, 16);
  EXPECT_EQ(evaluator.bootstraps(), 0);
  const Measured m = measure_after_half_bootstrap(s, evaluator, 10, 16, 1);
  std::cout << "against the circuit in the clear: rms 2^" << std::log2(m.rms) << ", worst 2^"
            << std::log2(m.worst) << "; against softmax: worst " << m.from_exact << " (circuit "
            << circuit.max_error << "); classes that are not there: 2^" << std::log2(m.padding)
            << "\n";
  EXPECT_LT(m.rms, 0x1p-15);
  EXPECT_LT(m.worst, 0x1p-11);
  EXPECT_LT(m.padding, 0x1p-11);
  EXPECT_LT(m.from_exact, circuit.max_error + 0x1p-11);
}

}  // namespace
}  // namespace blindtuner
