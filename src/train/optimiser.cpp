#include "train/optimiser.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace blindtuner {
namespace {

/// A point as its coefficients of G_0, G_1, ..; all the same length here.
using Point = std::vector<double>;

/// a + factor * b
Point plus(Point a, double factor, const Point& b) {
  for (std::size_t s = 0; s < a.size(); ++s) a[s] += factor * b[s];
  return a;
}

std::vector<std::size_t> sizes_of(const TrainingConfig& config, std::size_t samples) {
  std::vector<std::size_t> sizes;
  for (const BatchRange& range : batch_ranges(config, samples)) sizes.push_back(range.count);
  return sizes;
}

}  // namespace

UpdatePlan::UpdatePlan(const TrainingConfig& config, std::size_t samples)
    : UpdatePlan(config, sizes_of(config, samples)) {}

UpdatePlan::UpdatePlan(const TrainingConfig& config, std::span<const std::size_t> batch_sizes) {
  validate(config);
  const std::size_t total = batch_sizes.size();
  require(total > 0 && total <= 100000, "UpdatePlan: number of steps");
  // Runs the method itself, with coefficient vectors in the place of weights.
  Point w(total, 0.0), v(total, 0.0), velocity(total, 0.0), sum(total, 0.0);
  double lambda = 1;
  model_.push_back({});
  for (std::size_t t = 0; t < total; ++t) {
    require(batch_sizes[t] > 0, "UpdatePlan: empty batch");
    const auto used = static_cast<std::ptrdiff_t>(t);
    evaluation_.emplace_back(v.begin(), v.begin() + used);
    const double rate = config.rate(static_cast<int>(t), static_cast<int>(total));
    Point gradient(total, 0.0);
    gradient[t] = 1.0 / static_cast<double>(batch_sizes[t]);
    gradient = plus(std::move(gradient), config.l2, v);
    switch (config.method) {
      case Method::kPlain:
        w = plus(std::move(w), -rate, gradient);
        v = w;
        break;
      case Method::kMomentum:
        velocity = plus(std::move(gradient), config.momentum, velocity);
        w = plus(std::move(w), -rate, velocity);
        v = w;
        break;
      case Method::kNesterov: {
        const double next_lambda = (1 + std::sqrt(1 + 4 * lambda * lambda)) / 2;
        const double mu = config.momentum > 0 ? config.momentum : (lambda - 1) / next_lambda;
        lambda = next_lambda;
        Point next = plus(v, -rate, gradient);
        v = plus(plus(next, mu, next), -mu, w);
        w = std::move(next);
        break;
      }
    }
    const auto done = used + 1;
    const int after = static_cast<int>(t) + 1;
    if (config.averaging_start >= 0 && after > config.averaging_start) {
      sum = plus(std::move(sum), 1, w);
      Point mean(sum.begin(), sum.begin() + done);
      for (double& c : mean) c /= after - config.averaging_start;
      model_.push_back(std::move(mean));
    } else {
      model_.emplace_back(w.begin(), w.begin() + done);
    }
  }
}

const std::vector<double>& UpdatePlan::evaluation(int t) const {
  require(t >= 0 && t < steps(), "UpdatePlan::evaluation: no such step");
  return evaluation_[static_cast<std::size_t>(t)];
}

const std::vector<double>& UpdatePlan::model(int t) const {
  require(t >= 0 && t <= steps(), "UpdatePlan::model: no such step");
  return model_[static_cast<std::size_t>(t)];
}

double UpdatePlan::largest_coefficient() const {
  double most = 0;
  for (const auto* list : {&evaluation_, &model_})
    for (const auto& point : *list)
      for (const double c : point) most = std::max(most, std::abs(c));
  return most;
}

std::vector<double> round_to_bits(std::span<const double> coefficients, int bits) {
  std::vector<double> out;
  out.reserve(coefficients.size());
  for (const double c : coefficients)
    out.push_back(std::ldexp(std::nearbyint(std::ldexp(c, bits)), -bits));
  return out;
}

}  // namespace blindtuner
