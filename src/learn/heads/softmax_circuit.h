// Softmax as a chain of low-degree steps, the form in which CKKS evaluates it (docs/SOFTMAX.md).
//
//   x = z / B                            logits z, centred per row, brought to [-1, 1]
//   y = sin(2 pi rho x) / (2 pi rho)     what eval_mod hands over instead of x
//   v = E(y)                             Chebyshev polynomial, E(y(x)) ~ exp(B x / 2^q) / const
//   n:  v <- v * (a + b * S)             S = sum of v over the row's classes
//   q:  v <- g * v * v                   doubles the exponent; q of them in the whole chain
//
// The constants are fitted by tools/fit_softmax and written to softmax_circuits.gen.cpp. They
// are normalised: max |v| over the fitted rows is 1 after E and after every step.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace blindtuner::learn {

/// One step of the chain; costs one level. `a` and `b` count for kind 'n', `g` for kind 'q'.
struct SoftmaxStep {
  char kind = 'n';
  double a = 0;
  double b = 0;
  double g = 0;
  double max_v = 0;  ///< max |v| after the step over the fitted rows
  double max_s = 0;  ///< max |sum of v| after the step over the fitted rows
  bool operator==(const SoftmaxStep&) const = default;
};

/// A fitted circuit. Rows are *centred*: their logits sum to zero, up to +-0.1 in the mean, as
/// those of gradient-trained weights do. Classes of a row that are padding have v = 0 exactly after
/// E; min_classes .. classes real ones are within the stated error.
struct SoftmaxCircuit {
  std::string name;
  std::string family;   ///< "default", "guaranteed" or "wide"
  int classes = 0;      ///< most real classes of a row
  int min_classes = 0;  ///< fewest real classes for which max_error was fitted and measured
  double range = 0;     ///< R: max_error holds for logits in [-R, R]; see docs for "wide"
  double bound = 0;     ///< B: the input is y(z / B)
  double rho = 0;       ///< message ratio of the sine that E undoes
  std::vector<double> exp_chebyshev;  ///< E in the Chebyshev basis of y in [-1, 1], degree 0 first
  std::vector<SoftmaxStep> steps;
  double max_error = 0;         ///< max |p - softmax| over the fitted range, measured
  double mean_error = 0;        ///< mean |p - softmax| over classes and rows, measured
  double max_v_after_exp = 0;   ///< max |v| after E over the fitted rows
  double max_s_after_exp = 0;   ///< max |sum of v| after E over the fitted rows
  double stable_range = 0;      ///< up to this |z| all |v| of all steps stay <= 2, measured
  double bound_error = 0;       ///< max |p - softmax| up to stable_range, measured
  double noise_gain = 0;        ///< rms output error per rms noise added after every operation
  double worst_noise_gain = 0;  ///< the same for the class and row where it is largest, sampled
  double crowd = 0;  ///< if not 0, errors hold for rows with mean exp(3 z / R) <= crowd; see docs

  /// Levels used: ceil(log2(deg E + 1)) for E and one a step.
  int depth() const;
  /// Ciphertext-ciphertext products for one ciphertext of v per group of classes: 4 for E, of degree
  /// 7, and one a step.
  int products() const;
  bool operator==(const SoftmaxCircuit&) const = default;
};

/// Every circuit that ships, grouped by family.
std::span<const SoftmaxCircuit> softmax_circuits();

/// The shipped circuit of `family` made for `classes` real classes (min_classes .. classes) with
/// the smallest range >= `range`. A range of 0 stands for the widest that takes no more than the 14
/// levels which a half bootstrap leaves at the standard parameters, and 12 at least. Throws
/// DataError when there is none. classes >= 2.
const SoftmaxCircuit& find_softmax_circuit(std::string_view family, int classes, double range);

/// probabilities = circuit(logits), sine included: what the encrypted chain computes, less its
/// noise. One row; logits.size() real classes (<= circuit.classes), the padding being implied.
/// Throws ContractError if the sizes differ, are zero, or exceed the circuit's classes.
void evaluate_softmax_circuit(const SoftmaxCircuit& circuit, std::span<const double> logits,
                              std::span<double> probabilities);

}  // namespace blindtuner::learn
