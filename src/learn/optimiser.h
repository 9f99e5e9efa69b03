// First-order methods as public linear combinations of kept gradients.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "learn/training_config.h"

namespace blindtuner::learn {

/// Coefficients of gradients. Let G_s be step s's gradient SUMMED over its batch,
///   G_s = (P - Y)^T X  at the evaluation point V_s,  n_s the batch's size,  W_0 = V_0 = 0.
/// Every iterate of every method here is a linear combination of G_0 .. G_{t-1} whose coefficients
/// depend on the configuration only (signs and 1/n_s included), so the server forms
///   V_t = sum_s evaluation(t)[s] G_s   and   W_t = sum_s model(t)[s] G_s
/// from the gradients it keeps, and no iterate ever loses a level.
///
/// With g = G_t / n_t + l2 V_t and r = rate(t):
///   plain:     V_t = W_t;  W_{t+1} = W_t - r g
///   momentum:  V_t = W_t;  M_{t+1} = mu M_t + g;  W_{t+1} = W_t - r M_{t+1}
///   nesterov:  W_{t+1} = V_t - r g;  V_{t+1} = W_{t+1} + mu_t (W_{t+1} - W_t), where
///              mu_t = (lambda_t - 1) / lambda_{t+1}, lambda_0 = 1,
///              lambda_{t+1} = (1 + sqrt(1 + 4 lambda_t^2)) / 2;  a constant mu when momentum > 0
///   averaging from a: model(t) is the mean of W_{a+1} .. W_t (W_t itself for t <= a).
///
/// The plan keeps a few numbers a step, not the coefficients: those of t + 1 come from those of t in
/// t operations. One thread.
class UpdatePlan {
 public:
  /// One batch size a step. Throws DataError (configuration), ContractError (no steps or more than
  /// kMaxSteps, empty batch).
  UpdatePlan(const TrainingConfig& config, std::span<const std::size_t> batch_sizes);
  /// The plan for batch_ranges(config, samples).
  UpdatePlan(const TrainingConfig& config, std::size_t samples);

  int steps() const { return static_cast<int>(updates_.size()); }
  /// t coefficients, of G_0 .. G_{t-1}: where step t (0 <= t < steps) takes its gradient. For t = 0
  /// none: V_0 = 0. Asked with rising t, all of them together take steps^2 operations; going back
  /// begins anew.
  std::vector<double> evaluation(int t) const;
  /// t coefficients: the model if training ends after t steps (0 <= t <= steps). The same.
  std::vector<double> model(int t) const;
  std::vector<double> final_model() const { return model(steps()); }
  /// The largest |coefficient| of all vectors: what an integer representation has to hold. Takes a few
  /// operations a step without l2; steps^2, on all threads, with it.
  double largest_coefficient() const;

 private:
  /// What step t does to every coefficient.
  struct Update {
    double rate = 0, share = 0;  ///< share = 1 / n_t, the new gradient's
    double momentum = 0;         ///< mu or mu_t
  };
  /// Coefficients of G_first .. G_(first + count - 1) after a number of steps.
  struct Point {
    std::size_t first = 0;
    int steps = 0;
    std::vector<double> w, v, velocity, sum;
    Point(std::size_t begin, std::size_t count)
        : first(begin), w(count), v(count), velocity(count), sum(count) {}
  };
  /// Goes on by one step. No gradient of the point may come later than it.
  void advance(Point& point) const;
  /// largest_coefficient() without l2.
  double largest_growing() const;
  /// Whether the model after these steps is a mean of iterates, and of how many.
  bool averaged(int steps) const { return averaging_start_ >= 0 && steps > averaging_start_; }
  int count(const Point& point) const { return point.steps - averaging_start_; }
  const Point& point_after(int steps) const;

  Method method_;
  double l2_;
  int averaging_start_;
  std::vector<Update> updates_;
  mutable Point point_;  // the last that was asked for
};

/// round(c * 2^bits) / 2^bits for every c: what a trainer with integer coefficients computes with.
std::vector<double> round_to_bits(std::span<const double> coefficients, int bits);

}  // namespace blindtuner::learn
