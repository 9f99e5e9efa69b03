// What is trained for. A head turns the scores of a sample into predictions, and what is left between
// those and the labels is all that training needs of its loss:
//
//   S = X W^T,   E = P(S) - Y,   G = E^T X          since dL / dz_k = P_k - y_k for every head
//
//   softmax   P_k = exp(z_k) / sum_j exp(z_j)       L = -log P_c, c the sample's class
//   sigmoid   P_k = 1 / (1 + exp(-z_k))             L = -log P_c - sum_(k != c) log(1 - P_k)
//   squared   P_k = z_k                             L = sum_k (z_k - y_k)^2 / 2
//
// On ciphertexts P is a circuit: right up to a stated error for scores in a stated range.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace blindtuner::ckks {
class Bootstrapper;
struct BootstrapKeys;
struct Halves;
}  // namespace blindtuner::ckks

namespace blindtuner::learn {
using namespace ckks;

class HeadCircuit;

/// Which circuit a run takes.
struct CircuitChoice {
  std::string head = "softmax";    ///< Head::name()
  std::string family = "default";  ///< of the softmax circuits
  double range = 0;                ///< |score| that it has to serve; 0: the head's choice
};

class Head {
 public:
  Head() = default;
  Head(const Head&) = delete;
  Head& operator=(const Head&) = delete;
  virtual ~Head() = default;

  virtual std::string_view name() const = 0;
  /// Learning rates that suit it, over softmax's: what curves more takes smaller steps.
  virtual double relative_rate() const = 0;
  /// Whether scores are logarithms of odds, so that classes' frequencies add to them.
  virtual bool log_odds() const = 0;
  /// Every prediction where all scores are zero: those of the first step, where W = 0, are public.
  virtual double prediction_at_zero(std::size_t classes) const = 0;
  /// The predictions of one sample, exactly, and its loss. Throws ContractError when the sizes differ
  /// or are zero, or there is no such class.
  virtual double evaluate(std::span<const double> scores, std::size_t label,
                          std::span<double> predictions) const = 0;
  /// How far the mean of losses, now `loss`, moves at most where all scores move by one, which is little:
  /// a bound of the mean of sum_k |dL / dz_k|.
  virtual double loss_slope(double loss, std::size_t classes) const = 0;
  /// Every circuit that ships.
  virtual std::span<const HeadCircuit* const> circuits() const = 0;
  /// The one of this family and range for so many classes. Throws DataError when there is none.
  virtual const HeadCircuit& circuit(std::string_view family, int classes, double range) const = 0;
};

/// A circuit at work: between half_bootstrap and slot_to_coeff.
class HeadEvaluator {
 public:
  HeadEvaluator() = default;
  HeadEvaluator(const HeadEvaluator&) = delete;
  HeadEvaluator& operator=(const HeadEvaluator&) = delete;
  virtual ~HeadEvaluator() = default;

  /// The scale to ask half_bootstrap for.
  virtual double input_scale() const = 0;
  /// The scale of the predictions, at slot_to_coeff_start() limbs.
  virtual double output_scale() const = 0;
  /// Full bootstraps in one evaluation.
  virtual int bootstraps() const = 0;
  /// Predictions of every class, 0 (up to noise) in the slots of classes that are not there.
  virtual Halves evaluate(Halves sines, const BootstrapKeys& keys) const = 0;
};

/// What sizes, checks and forecasts have to know of a circuit.
struct CircuitFigures {
  std::string name;             ///< unique; it stands in files
  int classes = 0;              ///< the most that it serves; 0: any number
  double range = 0;             ///< errors are at most max_error for |z| <= range
  double bound = 0;             ///< B: scores come to the bootstrapping as z / B ..
  double rho = 0;               ///< .. of rho q_0, so that they wrap around at B / (2 rho)
  double stable_range = 0;      ///< beyond this |z| predictions may be anything
  double max_error = 0;         ///< |circuit - P|, in exact arithmetic
  double noise_gain = 0;        ///< rms output error per rms noise added after every operation
  double largest_residual = 0;  ///< |P - y|, y 0 or 1, for scores within the range
  int levels = 0;
};

/// One way to compute a head's predictions on ciphertexts. There is one object of each, which lives as
/// long as the program.
class HeadCircuit : public CircuitFigures {
 public:
  HeadCircuit(const Head& head, CircuitFigures figures)
      : CircuitFigures(std::move(figures)), head_(head) {}
  HeadCircuit(const HeadCircuit&) = delete;
  HeadCircuit& operator=(const HeadCircuit&) = delete;
  virtual ~HeadCircuit() = default;

  const Head& head() const { return head_; }
  bool serves(std::size_t number) const {
    return classes == 0 || number <= static_cast<std::size_t>(classes);
  }
  /// What the evaluator computes, less its noise: of one sample, in the clear. Throws ContractError
  /// when the sizes differ or are zero, or it does not serve so many classes.
  virtual void evaluate(std::span<const double> scores, std::span<double> predictions) const = 0;
  /// For `number` classes, samples class_stride (a power of two) slots apart. The bootstrapper must
  /// outlive it. Throws ContractError for numbers that it does not serve.
  virtual std::unique_ptr<HeadEvaluator> evaluator(const Bootstrapper& bootstrapper,
                                                   std::size_t number,
                                                   std::size_t class_stride) const = 0;

 private:
  const Head& head_;
};

/// Every head that there is.
std::span<const Head* const> heads();
/// Throws DataError for names that are none.
const Head& head_named(std::string_view name);

/// Every circuit that ships, of all heads in turn.
std::vector<const HeadCircuit*> head_circuits();
/// Throws DataError when there is none of this name.
const HeadCircuit& circuit_named(std::string_view name);
/// Throws DataError when there is no such head, or no such circuit for so many classes.
const HeadCircuit& find_circuit(const CircuitChoice& choice, int classes);

}  // namespace blindtuner::learn
