#include "learn/optimiser.h"

#include <gtest/gtest.h>

#include <Eigen/Core>
#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>

#include "base/error.h"
#include "features/data/test_files.h"
#include "learn/training_config.h"

namespace blindtuner {
using namespace learn;
namespace {

using namespace testing_support;

// A gradient field that is neither linear nor symmetric, different at every step, "summed over n".
Eigen::VectorXd field(const Eigen::VectorXd& v, int step, double n) {
  Eigen::VectorXd out(v.size());
  for (Eigen::Index i = 0; i < v.size(); ++i)
    out(i) = n * (std::sin(1.3 * v(i) + 0.7 * static_cast<double>(i) + 0.2 * step) +
                  0.3 * v((i + 1) % v.size()));
  return out;
}

/// The methods as textbooks write them, on vectors: what UpdatePlan must reproduce.
struct Iteration {
  std::vector<Eigen::VectorXd> points, models, gradients;
  Iteration(const TrainingConfig& c, const std::vector<std::size_t>& sizes) {
    const auto total = static_cast<int>(sizes.size());
    Eigen::VectorXd w = Eigen::VectorXd::Zero(5), v = w, m = w, sum = w;
    double lambda = 1;
    models.push_back(w);
    for (int t = 0; t < total; ++t) {
      const auto n = static_cast<double>(sizes[static_cast<std::size_t>(t)]);
      const double r = c.rate(t, total);
      points.push_back(v);
      gradients.push_back(field(v, t, n));
      const Eigen::VectorXd g = gradients.back() / n + c.l2 * v;
      if (c.method == Method::kPlain) {
        w = w - r * g;
        v = w;
      } else if (c.method == Method::kMomentum) {
        m = c.momentum * m + g;
        w = w - r * m;
        v = w;
      } else {
        // with HETAL's signs: gamma = (1 - lambda) / lambda', V = (1 - gamma) W' + gamma W.
        const double next = (1 + std::sqrt(1 + 4 * lambda * lambda)) / 2;
        const double gamma = c.momentum > 0 ? -c.momentum : (1 - lambda) / next;
        lambda = next;
        const Eigen::VectorXd moved = v - r * g;
        v = (1 - gamma) * moved + gamma * w;
        w = moved;
      }
      if (c.averaging_start >= 0 && t + 1 > c.averaging_start) {
        sum += w;
        models.push_back(sum / (t + 1 - c.averaging_start));
      } else {
        models.push_back(w);
      }
    }
  }
};

Eigen::VectorXd combine(const std::vector<double>& c, const std::vector<Eigen::VectorXd>& g) {
  Eigen::VectorXd out = Eigen::VectorXd::Zero(5);
  for (std::size_t s = 0; s < c.size(); ++s) out += c[s] * g[s];
  return out;
}

TEST(UpdatePlan, EqualsTheIteration) {
  const std::vector<std::size_t> sizes = {100, 7, 7, 7, 3, 7, 7, 7, 3, 7, 7};
  for (const Method method : {Method::kPlain, Method::kMomentum, Method::kNesterov})
    for (const Schedule schedule : {Schedule::kConstant, Schedule::kCosine, Schedule::kStep,
                                    Schedule::kInverseTime, Schedule::kList})
      for (const double l2 : {0.0, 0.05})
        for (const int averaging : {-1, 0, 4})
          for (const double momentum : {0.0, 0.4}) {
            if (method == Method::kPlain && momentum > 0) continue;
            TrainingConfig c;
            c.steps = static_cast<int>(sizes.size());
            c.method = method;
            c.schedule = schedule;
            c.learning_rate = 0.4;
            c.rate_floor = 0.1;
            c.rate_period = 3;
            c.rate_decay = 0.3;
            c.rate_list = {2, 1, 0.5};
            c.l2 = l2;
            c.averaging_start = averaging;
            c.momentum = momentum;
            const Iteration want(c, sizes);
            const UpdatePlan plan(c, sizes);
            ASSERT_EQ(plan.steps(), c.steps);
            for (int t = 0; t <= c.steps; ++t) {
              const auto at = static_cast<std::size_t>(t);
              ASSERT_EQ(plan.model(t).size(), at);
              EXPECT_LT((combine(plan.model(t), want.gradients) - want.models[at]).norm(), 1e-12)
                  << name(method) << " " << name(schedule) << " step " << t;
              if (t == c.steps) break;
              ASSERT_EQ(plan.evaluation(t).size(), at);
              EXPECT_LT((combine(plan.evaluation(t), want.gradients) - want.points[at]).norm(),
                        1e-12)
                  << name(method) << " " << name(schedule) << " step " << t;
            }
            EXPECT_EQ(plan.final_model(), plan.model(c.steps));
          }
}

// The coefficients decide what is computed on ciphertexts, to the bit.
TEST(UpdatePlan, HasTheSameBitsAsTheMethodOnVectors) {
  std::vector<std::size_t> sizes(1300, 7);
  sizes[0] = 100;
  for (const Method method : {Method::kPlain, Method::kMomentum, Method::kNesterov})
    for (const int averaging : {-1, 600})
      for (const auto& [momentum, l2] :
           {std::pair{0.0, 0.01}, {0.4, 0.01}, {0.0, 0.0}, {0.4, 0.0}}) {
        if (method == Method::kPlain && momentum > 0) continue;
        TrainingConfig c;
        c.steps = static_cast<int>(sizes.size());
        c.method = method;
        c.schedule = Schedule::kInverseTime;
        c.rate_decay = 0.05;
        c.l2 = l2;
        c.momentum = momentum;
        c.averaging_start = averaging;
        const UpdatePlan plan(c, sizes);
        // One coefficient at a time: that of G_s, by the formulas of the header.
        double most = 0;
        std::map<int, std::vector<double>> evaluation, model;
        for (int s = 0; s < c.steps; ++s) {
          double w = 0, v = 0, velocity = 0, sum = 0, lambda = 1;
          for (int t = 0; t < c.steps; ++t) {
            const double next_lambda = (1 + std::sqrt(1 + 4 * lambda * lambda)) / 2;
            const double mu = momentum > 0 ? momentum : (lambda - 1) / next_lambda;
            lambda = next_lambda;
            if (t < s) continue;
            const double rate = c.rate(t, c.steps);
            const double share = 1.0 / static_cast<double>(sizes[static_cast<std::size_t>(t)]);
            const double g = (t == s ? share : 0.0) + c.l2 * v;
            if (method == Method::kNesterov) {
              const double next = v + -rate * g;
              v = next + mu * next + -mu * w;
              w = next;
            } else {
              velocity = method == Method::kMomentum ? g + momentum * velocity : g;
              v = w = w + -rate * velocity;
            }
            const int done = t + 1;
            const bool mean = averaging >= 0 && done > averaging;
            if (mean) sum += w;
            const double of_model = mean ? sum / (done - averaging) : w;
            most = std::max({most, std::abs(of_model), done < c.steps ? std::abs(v) : 0});
            if (done == 700 || done == 1299) evaluation[done].push_back(v);
            if (done == 700 || done == 1300) model[done].push_back(of_model);
          }
        }
        EXPECT_EQ(plan.model(1300), model[1300]) << name(method);
        EXPECT_EQ(plan.evaluation(1299), evaluation[1299]) << name(method);
        EXPECT_EQ(plan.model(700), model[700]) << name(method);
        EXPECT_EQ(plan.evaluation(700), evaluation[700]) << name(method);
        EXPECT_NEAR(plan.largest_coefficient(), most, l2 > 0 ? 0 : 1e-12 * most) << name(method);
      }
}

TEST(UpdatePlan, AsManyStepsAsMayBe) {
  TrainingConfig c;
  c.method = Method::kNesterov;
  const std::vector<std::size_t> most(kMaxSteps, 7), more(kMaxSteps + 1, 7);
  EXPECT_EQ(within_memory(std::size_t{64} << 20,
                          [&] {
                            const UpdatePlan plan(c, most);
                            plan.evaluation(kMaxSteps / 10);
                            require(plan.model(kMaxSteps / 10).size() == kMaxSteps / 10, "size");
                          }),
            "good");
  EXPECT_THROW(UpdatePlan(c, more), ContractError);
  c.steps = kMaxSteps;
  for (const int averaging : {-1, kMaxSteps / 2}) {
    c.averaging_start = averaging;
    EXPECT_GT(UpdatePlan(c, most).largest_coefficient(), 0);
  }
}

TEST(UpdatePlan, KnownCoefficients) {
  TrainingConfig c;
  c.learning_rate = 2;
  const std::vector<std::size_t> sizes = {4, 2};
  EXPECT_EQ(UpdatePlan(c, sizes).final_model(), (std::vector<double>{-0.5, -1}));
  c.method = Method::kMomentum;
  c.momentum = 0.5;
  EXPECT_EQ(UpdatePlan(c, sizes).final_model(), (std::vector<double>{-0.75, -1}));
  EXPECT_EQ(UpdatePlan(c, sizes).largest_coefficient(), 1);
  c.method = Method::kPlain;
  c.momentum = 0;
  c.averaging_start = 0;
  EXPECT_EQ(UpdatePlan(c, sizes).final_model(), (std::vector<double>{-0.5, -0.5}));
  EXPECT_EQ(UpdatePlan(c, sizes).evaluation(1), (std::vector<double>{-0.5}));
  EXPECT_THROW(UpdatePlan(c, std::vector<std::size_t>{}), ContractError);
  EXPECT_THROW(UpdatePlan(c, std::vector<std::size_t>{3, 0}), ContractError);
  EXPECT_THROW(UpdatePlan(c, sizes).evaluation(2), ContractError);
  EXPECT_THROW(UpdatePlan(c, sizes).model(3), ContractError);
}

TEST(UpdatePlan, NesterovLooksAheadByTheLambdaSequence) {
  TrainingConfig c;
  c.method = Method::kNesterov;
  c.learning_rate = 1;
  const std::vector<std::size_t> ones = {1, 1, 1};
  const UpdatePlan plan(c, ones);
  // lambda 1, 1.618, 2.194: no look-ahead after the first step, then (1.618 - 1) / 2.194.
  EXPECT_EQ(plan.evaluation(1), (std::vector<double>{-1}));
  const double l1 = (1 + std::sqrt(5.0)) / 2, l2 = (1 + std::sqrt(1 + 4 * l1 * l1)) / 2;
  EXPECT_NEAR(plan.evaluation(2)[0], -1, 1e-15);
  EXPECT_NEAR(plan.evaluation(2)[1], -1 - (l1 - 1) / l2, 1e-15);
}

TEST(UpdatePlan, Rounding) {
  const std::vector<double> c = {0.3, -1.26, 0};
  EXPECT_EQ(round_to_bits(c, 2), (std::vector<double>{0.25, -1.25, 0}));
  for (const double x : round_to_bits(c, 40))
    EXPECT_EQ(std::ldexp(x, 40), std::nearbyint(std::ldexp(x, 40)));
}

TEST(TrainingConfig, Batches) {
  TrainingConfig c;
  c.batch_size = 4;
  c.steps = 6;
  using Ranges = std::vector<BatchRange>;
  EXPECT_EQ(batch_ranges(c, 10), (Ranges{{0, 10}, {0, 4}, {4, 4}, {8, 2}, {0, 4}, {4, 4}}));
  c.drop_short_batch = true;
  EXPECT_EQ(batch_ranges(c, 10), (Ranges{{0, 10}, {0, 4}, {4, 4}, {0, 4}, {4, 4}, {0, 4}}));
  c.first_batch_full = false;
  c.steps = 0;
  c.epochs = 2;
  EXPECT_EQ(batch_ranges(c, 10), (Ranges{{0, 4}, {4, 4}, {0, 4}, {4, 4}}));
  EXPECT_EQ(batch_ranges(c, 3), (Ranges{{0, 3}, {0, 3}}));
  c.drop_short_batch = false;
  EXPECT_EQ(c.total_steps(10), 6);
  EXPECT_THROW(batch_ranges(c, 0), DataError);
}

TEST(TrainingConfig, OneRateForBlocksThatAreNotAllFull) {
  TrainingConfig c;
  c.batch_size = 8;
  c.steps = 6;
  c.learning_rate = 2;
  c.l2 = 0.5;
  c.first_batch_full = false;
  const auto rate = [&](const std::vector<std::size_t>& filled) {
    const TrainingConfig out = for_places(c, 4, filled);
    EXPECT_EQ(out.batch_size, 8u);
    EXPECT_DOUBLE_EQ(out.l2 * out.learning_rate, c.l2 * c.learning_rate);
    return out.learning_rate / c.learning_rate;
  };
  EXPECT_EQ(rate({4, 4, 4, 4}), 1);
  // As in a mean over samples, where batches are alike.
  EXPECT_EQ(rate({4, 2, 2, 4}), 16.0 / 12);
  EXPECT_EQ(rate({1, 1}), 4);
  EXPECT_DOUBLE_EQ(rate({4, 4, 4, 3}), 16.0 / 15);
  // Where they are not, by the fullest; those without a sample take no step.
  EXPECT_EQ(rate({4, 4, 1, 1}), kMostOfRate);
  EXPECT_EQ(rate({4, 3, 0, 0}), kMostOfRate * 8 / 7);
  EXPECT_EQ(for_places(c, 4, std::vector<std::size_t>{4, 4, 1, 1}, false).learning_rate, 3.2);
  c.steps = 1;
  EXPECT_EQ(rate({1, 1, 4, 4}), 16.0 / 10);  // the one batch of its steps
  c.first_batch_full = true;
  EXPECT_EQ(rate({4, 4, 1, 1}), 16.0 / 10);
  c.batch_size = 5;  // whole blocks
  EXPECT_EQ(for_places(c, 4, std::vector<std::size_t>{4, 4}).batch_size, 8u);
}

TEST(TrainingConfig, Schedules) {
  TrainingConfig c;
  c.learning_rate = 8;
  c.schedule = Schedule::kCosine;
  c.rate_floor = 0.5;
  EXPECT_DOUBLE_EQ(c.rate(0, 10), 8);
  EXPECT_DOUBLE_EQ(c.rate(5, 10), 6);
  c.schedule = Schedule::kStep;
  c.rate_period = 2;
  EXPECT_DOUBLE_EQ(c.rate(3, 10), 4);
  c.schedule = Schedule::kInverseTime;
  c.rate_decay = 1;
  EXPECT_DOUBLE_EQ(c.rate(3, 10), 2);
  c.schedule = Schedule::kList;
  c.rate_list = {1, 0.25};
  EXPECT_DOUBLE_EQ(c.rate(9, 10), 2);
  EXPECT_THROW(c.rate(10, 10), ContractError);
}

TEST(TrainingConfig, AnotherNumberOfStepsKeepsTheShareOfTheMean) {
  TrainingConfig c = default_training_config();
  ASSERT_EQ(c.steps, 20);
  ASSERT_EQ(c.averaging_start, 12);
  for (const auto& [steps, start] : {std::pair{5, 3}, {40, 24}, {1, 0}}) {
    TrainingConfig other = c;
    set_steps(other, steps);
    EXPECT_EQ(other.steps, steps);
    EXPECT_EQ(other.averaging_start, start);
    EXPECT_NO_THROW(validate(other));
  }
  set_epochs(c, 3);
  EXPECT_EQ(c.total_steps(8192), 6);
  EXPECT_EQ(c.averaging_start, -1);
  set_steps(c, 7);
  EXPECT_EQ(c.averaging_start, -1);
  EXPECT_NO_THROW(validate(c));
}

TEST(TrainingConfig, JsonThereAndBack) {
  EXPECT_NO_THROW(validate(default_training_config()));
  TrainingConfig c;
  c.classes = 7;
  c.method = Method::kNesterov;
  c.schedule = Schedule::kList;
  c.rate_list = {1, 0.1};
  c.l2 = 0.25;
  c.averaging_start = 3;
  c.drop_short_batch = true;
  EXPECT_EQ(parse_training_config(to_json(c).dump()), c);
  EXPECT_EQ(parse_training_config("{}"), TrainingConfig{});
}

TEST(TrainingConfig, RefusesBadText) {
  const auto refused = [](const std::string& text, const std::string& part) {
    try {
      parse_training_config(text);
      ADD_FAILURE() << text << " was taken";
    } catch (const DataError& error) {
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
    }
  };
  refused("", "not JSON");
  refused("[1]", "a JSON object");
  refused("{\"steps\": 8", "not JSON");
  refused("{\"stepz\": 8}", "unknown field 'stepz'");
  refused("{\"steps\": \"8\"}", "steps is string");
  refused("{\"steps\": 8.5}", "steps is 8.5");
  refused("{\"steps\": -1}", "steps is -1");
  refused("{\"steps\": 0}", "steps is 0 and so is epochs");
  refused("{\"steps\": 18446744073709551615}", "steps is 18446744073709551615");
  refused("{\"batch_size\": -1}", "batch_size is -1");
  refused("{\"batch_size\": 0}", "batch_size is 0");
  refused("{\"classes\": 1}", "classes is 1");
  refused("{\"learning_rate\": 0}", "learning_rate is 0");
  refused("{\"learning_rate\": 1e999}", "too large");
  refused("{\"method\": \"adam\"}", "method is 'adam', expected one of plain");
  refused("{\"schedule\": 3}", "schedule is number");
  refused("{\"schedule\": \"list\"}", "rate_list is empty");
  refused("{\"rate_list\": [1, -1]}", "rate_list is -1");
  refused("{\"rate_list\": {}}", "rate_list is object");
  refused("{\"momentum\": 0.5}", "momentum is 0.5, expected 0 with");
  refused("{\"method\": \"momentum\", \"momentum\": 1}", "momentum is 1");
  refused("{\"averaging_start\": 8}", "averaging_start is 8");
  refused("{\"first_batch_full\": 1}", "true or false");
  refused(std::string(100, '[') + std::string(100, ']'), "nested deeper");
  refused("{\"steps\": 8, \"steps\": 9}", "'steps' is there twice");
  refused(std::string((1 << 20) + 1, '['), "1 MiB");
  refused(std::string(1 << 20, '['), "nested deeper");
}

// As docs/LIMITS.md has them; the command line's are the same numbers.
TEST(TrainingConfig, NumbersOfFiles) {
  const auto taken = [](const std::string& text) {
    return within_memory(std::size_t{64} << 20, [&] { parse_training_config(text); }) == "good";
  };
  const std::string epochs = R"({"steps": 0, "epochs": )";
  for (const auto& [before, least, too_little, most, too_much] :
       std::vector<std::array<std::string, 5>>{
           {R"({"steps": )", "1", "-1", "100000", "100001"},
           {epochs, "1", "0", "100000", "100001"},
           {R"({"validation_every": )", "0", "-1", "100000", "100001"},
           {R"({"learning_rate": )", "1e-12", "0.99e-12", "1e6", "1000001"},
           {R"({"rate_decay": )", "0", "-1e-9", "1e6", "1000001"},
           {R"({"rate_floor": )", "0", "-1e-9", "1", "1.000001"},
           {R"({"rate_factor": )", "1e-300", "0", "1", "1.000001"},
           {R"({"rate_list": [1], "l2": )", "0", "-1e-9", "1e6", "1000001"},
           {R"({"method": "momentum", "momentum": )", "0", "-1e-9", "0.9999", "0.99991"}}) {
    for (const std::string& good : {least, most}) EXPECT_TRUE(taken(before + good + "}")) << good;
    for (const std::string& bad : {too_little, too_much})
      EXPECT_FALSE(taken(before + bad + "}")) << before << bad;
  }
  EXPECT_TRUE(taken("{}" + std::string(kMaxConfigBytes - 2, ' ')));
  EXPECT_FALSE(taken("{}" + std::string(kMaxConfigBytes - 1, ' ')));
  EXPECT_TRUE(taken(R"({"rate_list": [0, 1e6]})"));
  EXPECT_FALSE(taken(R"({"rate_list": [0, 1000001]})"));
}

}  // namespace
}  // namespace blindtuner
