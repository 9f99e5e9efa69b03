#include "party/owner/finetuning_settings.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "base/error.h"
#include "learn/head.h"

namespace blindtuner::party {
namespace {

/// One ciphertext of the big ring holds the scores of this many samples, at least.
std::size_t full_batch(int classes) {
  return std::max<std::size_t>(4096, 65536 / std::bit_ceil(static_cast<unsigned>(classes)));
}

/// The family of its circuits that stands the largest scores.
std::string widest(const std::string& head) { return head == "softmax" ? "wide" : "default"; }

TrainingWay fast(int classes, const std::string& head) {
  TrainingWay way;
  way.name = "fast";
  way.config = default_training_config(head);
  way.config.classes = classes;
  way.config.validation_every = 1;
  way.config.batch_size = full_batch(classes);
  return way;
}

TrainingWay thorough(int classes, const std::string& head) {
  TrainingWay way = fast(classes, head);
  way.name = "thorough";
  way.softmax = widest(head);
  TrainingConfig& c = way.config;
  c.batch_size *= 2;
  c.steps = 40;
  c.learning_rate = 3 * head_named(head).relative_rate();
  c.schedule = Schedule::kConstant;
  c.rate_decay = 0;
  c.momentum = 0.7;
  c.averaging_start = 34;
  c.validation_every = 2;
  return way;
}

TrainingWay paper(const Dataset& train, const std::string& head) {
  TrainingWay way;
  way.name = "paper";
  way.epsilon = 0;
  way.softmax = widest(head);
  TrainingConfig& c = way.config;
  c.head = head;
  c.classes = train.classes;
  c.batch_size = train.size() < 6000 ? 512 : train.size() < 40000 ? 1024 : 2048;
  c.first_batch_full = false;
  c.steps = 0;
  c.epochs = 30;
  c.learning_rate =
      std::min(1.0, 8.0 / static_cast<double>(train.features.rowwise().squaredNorm().mean())) *
      head_named(head).relative_rate();
  c.method = Method::kNesterov;
  c.validation_every = 1;
  return way;
}

/// What `auto` chooses from: public, and the same for everybody. In docs/TRAINING.md.
std::vector<TrainingWay> choices(int classes, const std::string& head) {
  std::vector<TrainingWay> out;
  const auto add = [&](TrainingWay way, const char* name, double rate, double epsilon) {
    way.name = name;
    way.config.learning_rate = rate * head_named(head).relative_rate();
    way.epsilon = epsilon;
    out.push_back(std::move(way));
  };
  add(fast(classes, head), "fast", 4, 0.01);
  add(fast(classes, head), "fast, smaller steps", 1, 0.01);
  add(fast(classes, head), "fast, smoother features", 4, 0.1);
  add(fast(classes, head), "fast, very smooth features", 4, 1);
  add(fast(classes, head), "fast, smoothest features", 4, 3);
  add(thorough(classes, head), "thorough", 3, 0.01);
  add(thorough(classes, head), "thorough, very smooth features", 3, 1);
  return out;
}

/// What was asked for stands, whatever the preset or the choice.
void override(TrainingWay& way, const FinetuningWishes& w) {
  TrainingConfig& config = way.config;
  if (w.config) config = *w.config;
  if (w.steps > 0)
    set_steps(config, w.steps);
  else if (w.epochs > 0)
    set_epochs(config, w.epochs);
  if (w.learning_rate > 0) config.learning_rate = w.learning_rate;
  if (w.batch > 0) config.batch_size = w.batch;
  if (w.validation_every >= 0) config.validation_every = w.validation_every;
  if (w.l2) config.l2 = *w.l2;
  if (w.whitened.value_or(false) && way.epsilon == 0) way.epsilon = Whitening::kDefaultEpsilon;
  if (!w.whitened.value_or(true)) way.epsilon = 0;
  if (w.epsilon) way.epsilon = *w.epsilon;
  if (!w.softmax.empty()) way.softmax = w.softmax;
  if (w.range > 0) way.range = w.range;
}

/// Ways that wishes have made the same are tried once; one alone is no choice.
void drop_repeated(std::vector<TrainingWay>& ways) {
  std::vector<TrainingWay> distinct;
  for (TrainingWay& way : ways)
    if (std::none_of(distinct.begin(), distinct.end(),
                     [&](const TrainingWay& other) { return same_training(way, other); }))
      distinct.push_back(std::move(way));
  ways = distinct.size() > 1 ? std::move(distinct) : std::vector<TrainingWay>{};
}

}  // namespace

bool same_training(const TrainingWay& a, const TrainingWay& b) {
  return a.config == b.config && a.epsilon == b.epsilon && a.softmax == b.softmax &&
         a.range == b.range;
}

FinetuningSettings preset_settings(const std::string& name, const Dataset& train,
                                   const std::string& head) {
  FinetuningSettings s;
  s.validation_fraction = std::min(0.1, 3000.0 / static_cast<double>(train.size()));
  TrainingWay& way = s;
  if (name == "auto") {
    s.choices = choices(train.classes, head);
    way = s.choices.front();
  } else if (name == "fast") {
    way = fast(train.classes, head);
  } else if (name == "thorough") {
    way = thorough(train.classes, head);
  } else {
    require(name == "paper", "no such preset");
    way = paper(train, head);
  }
  return s;
}

FinetuningSettings settings_of(const FinetuningWishes& wishes, const Dataset& train) {
  FinetuningSettings s =
      preset_settings(wishes.preset, train, wishes.config ? wishes.config->head : wishes.head);
  override(s, wishes);
  for (TrainingWay& way : s.choices) override(way, wishes);
  if (!wishes.whitened.value_or(true) && wishes.learning_rate == 0 && !wishes.config &&
      !s.choices.empty()) {
    // To a power of two: what the server learns of the features by it is their size.
    const double moment =
        std::exp2(std::ceil(std::log2(std::max(1.0, largest_second_moment(train.features)))));
    for (TrainingWay& way : s.choices) way.config.learning_rate /= moment;
  }
  drop_repeated(s.choices);
  if (wishes.validation_fraction >= 0) s.validation_fraction = wishes.validation_fraction;
  return s;
}

double largest_second_moment(const FeatureMatrix& features) {
  // Power iteration. Single precision will do, and so will some thousand samples.
  const Eigen::Index rows = std::min<Eigen::Index>(features.rows(), 4096);
  const auto x = features.topRows(rows);
  Eigen::VectorXf v = Eigen::VectorXf::Ones(features.cols()).normalized();
  // Not orthogonal to every direction by accident: each entry a little different.
  for (Eigen::Index j = 0; j < v.size(); ++j) v(j) *= 1 + 0.1f * static_cast<float>(j % 7);
  double moment = 0;
  for (int i = 0; i < 50; ++i) {
    const Eigen::VectorXf next = x.transpose() * (x * v) / static_cast<float>(rows);
    moment = next.norm() / v.norm();
    if (!(moment > 0) || !std::isfinite(moment)) return 1;
    v = next / next.norm();
  }
  return moment;
}

}  // namespace blindtuner::party
