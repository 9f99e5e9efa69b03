#include "learn/optimiser.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/parallel.h"

namespace blindtuner::learn {
namespace {

// Coefficients whose points stay in the first-level cache.
constexpr std::size_t kBlock = 512;

double largest(const std::vector<double>& values) {
  double most = 0;
  for (const double value : values) most = std::max(most, std::abs(value));
  return most;
}

std::vector<std::size_t> sizes_of(const TrainingConfig& config, std::size_t samples) {
  std::vector<std::size_t> sizes;
  for (const BatchRange& range : batch_ranges(config, samples)) sizes.push_back(range.count);
  return sizes;
}

}  // namespace

UpdatePlan::UpdatePlan(const TrainingConfig& config, std::size_t samples)
    : UpdatePlan(config, sizes_of(config, samples)) {}

UpdatePlan::UpdatePlan(const TrainingConfig& config, std::span<const std::size_t> batch_sizes)
    : method_(config.method),
      l2_(config.l2),
      averaging_start_(config.averaging_start),
      point_(0, batch_sizes.size()) {
  validate(config);
  const std::size_t total = batch_sizes.size();
  require(total > 0 && total <= static_cast<std::size_t>(kMaxSteps), "UpdatePlan: number of steps");
  double lambda = 1;
  for (std::size_t t = 0; t < total; ++t) {
    require(batch_sizes[t] > 0, "UpdatePlan: empty batch");
    Update update;
    update.rate = config.rate(static_cast<int>(t), static_cast<int>(total));
    update.share = 1.0 / static_cast<double>(batch_sizes[t]);
    update.momentum = config.momentum;
    const double next_lambda = (1 + std::sqrt(1 + 4 * lambda * lambda)) / 2;
    if (method_ == Method::kNesterov && config.momentum == 0)
      update.momentum = (lambda - 1) / next_lambda;
    lambda = next_lambda;
    updates_.push_back(update);
  }
}

void UpdatePlan::advance(Point& point) const {
  const auto t = static_cast<std::size_t>(point.steps);
  const Update& u = updates_[t];
  ++point.steps;
  // The method itself, with coefficients in the place of weights. Loops that compilers vectorise.
  double *const w = point.w.data(), *const v = point.v.data(),
                *const velocity = point.velocity.data();
  const auto update = [&](std::size_t begin, std::size_t end, double share) {
    switch (method_) {
      case Method::kPlain:
        for (std::size_t i = begin; i < end; ++i) v[i] = w[i] += -u.rate * (share + l2_ * v[i]);
        break;
      case Method::kMomentum:
        for (std::size_t i = begin; i < end; ++i) {
          velocity[i] = (share + l2_ * v[i]) + u.momentum * velocity[i];
          v[i] = w[i] += -u.rate * velocity[i];
        }
        break;
      case Method::kNesterov:
        for (std::size_t i = begin; i < end; ++i) {
          const double next = v[i] + -u.rate * (share + l2_ * v[i]);
          v[i] = next + u.momentum * next + -u.momentum * w[i];
          w[i] = next;
        }
        break;
    }
  };
  const std::size_t before = std::min(t - point.first, point.w.size());
  const std::size_t used = std::min(before + 1, point.w.size());
  update(0, before, 0.0);
  update(before, used, u.share);  // this step's own gradient, where it is one of the point's
  if (averaged(point.steps))
    for (std::size_t i = 0; i < used; ++i) point.sum[i] += w[i];
}

const UpdatePlan::Point& UpdatePlan::point_after(int t) const {
  if (t < point_.steps) point_ = Point(0, updates_.size());
  while (point_.steps < t) {
    if (point_.steps % 256 == 0) throw_if_interrupted();
    advance(point_);
  }
  return point_;
}

std::vector<double> UpdatePlan::evaluation(int t) const {
  require(t >= 0 && t < steps(), "UpdatePlan::evaluation: no such step");
  const Point& point = point_after(t);
  return {point.v.begin(), point.v.begin() + t};
}

std::vector<double> UpdatePlan::model(int t) const {
  require(t >= 0 && t <= steps(), "UpdatePlan::model: no such step");
  const Point& point = point_after(t);
  const std::vector<double>& from = averaged(t) ? point.sum : point.w;
  std::vector<double> out(from.begin(), from.begin() + t);
  if (averaged(t))
    for (double& c : out) c /= count(point);
  return out;
}

// Without l2 a coefficient only grows from step to step, that of G_s after T steps to
//   share_s * p_s(T),  p_s(T) = r_s + mu_s p_{s+1}(T) (momentum), r_s (1 + mu_s q_{s+1}(T)) (Nesterov's),
// with q as p at r = 1, and its mean, too. So the largest ones are those at the end.
double UpdatePlan::largest_growing() const {
  const std::size_t total = updates_.size();
  const std::size_t after = static_cast<std::size_t>(std::max(averaging_start_, 0));
  const bool mean = averaged(steps());
  // At the end, one step before it, and the sum of those that the mean is of.
  double last = 0, before = 0, sum = 0, most = 0;
  for (std::size_t s = total; s-- > 0;) {
    const Update& u = updates_[s];
    const double growth = method_ == Method::kPlain ? 0 : u.momentum;
    const double rate = method_ == Method::kNesterov ? 1 : u.rate;
    last = rate + growth * last;
    if (s + 1 < total) before = rate + growth * before;
    if (mean) sum = rate * static_cast<double>(total - std::max(s, after)) + growth * sum;
    const double unit = u.share * (method_ == Method::kNesterov ? u.rate : 1);
    // The point where the last gradient is taken; nothing is evaluated after the last step.
    if (s + 1 < total) most = std::max(most, unit * (method_ == Method::kNesterov ? last : before));
    most = std::max(most, unit * (mean ? sum / (steps() - averaging_start_) : last));
  }
  return most;
}

double UpdatePlan::largest_coefficient() const {
  if (l2_ == 0) return largest_growing();
  const std::size_t total = updates_.size(), blocks = (total + kBlock - 1) / kBlock;
  std::vector<double> most(blocks);
  parallel_for(blocks, [&](std::size_t b) {
    Point point(b * kBlock, std::min(kBlock, total - b * kBlock));
    point.steps = static_cast<int>(point.first);  // all are 0 before
    while (point.steps < steps()) {
      if (point.steps % 256 == 0) throw_if_interrupted();
      advance(point);
      // Nothing is evaluated after the last step.
      if (point.steps < steps()) most[b] = std::max(most[b], largest(point.v));
      const bool mean = averaged(point.steps);
      most[b] = std::max(most[b], largest(mean ? point.sum : point.w) / (mean ? count(point) : 1));
    }
  });
  return *std::max_element(most.begin(), most.end());
}

std::vector<double> round_to_bits(std::span<const double> coefficients, int bits) {
  std::vector<double> out;
  out.reserve(coefficients.size());
  for (const double c : coefficients)
    out.push_back(std::ldexp(std::nearbyint(std::ldexp(c, bits)), -bits));
  return out;
}

}  // namespace blindtuner::learn
