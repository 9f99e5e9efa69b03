#include "learn/training_config.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numbers>
#include <type_traits>

#include "base/error.h"
#include "base/json.h"
#include "learn/heads/softmax.h"
#include "math/reproducible.h"

namespace blindtuner::learn {
namespace {

constexpr Method kMethods[] = {Method::kPlain, Method::kMomentum, Method::kNesterov};
constexpr Schedule kSchedules[] = {Schedule::kConstant, Schedule::kCosine, Schedule::kStep,
                                   Schedule::kInverseTime, Schedule::kList};

[[noreturn]] void refuse(const std::string& field, const std::string& is,
                         const std::string& expected) {
  throw DataError("training configuration: " + field + " is " + is + ", expected " + expected);
}

void check(bool good, const char* field, double is, const char* expected) {
  if (good) return;
  std::string text = json_text(is);
  if (text.ends_with(".0")) text.resize(text.size() - 2);
  refuse(field, text == "null" ? "not finite" : text, expected);
}

std::size_t steps_of_a_pass(const TrainingConfig& c, std::size_t samples) {
  const std::size_t whole = samples / c.batch_size, rest = samples % c.batch_size;
  return whole + (rest != 0 && (!c.drop_short_batch || whole == 0) ? 1 : 0);
}

/// Takes members out of an object one by one; what is left over is unknown.
class Fields {
 public:
  explicit Fields(const nlohmann::json& json) : json_(json) {
    if (!json_.is_object()) refuse("the whole", json_.type_name(), "a JSON object");
  }

  template <typename T>
  void take(const char* key, T& out) {
    const auto found = json_.find(key);
    if (found == json_.end()) return;
    convert(key, *found, out);
    json_.erase(found);
  }
  template <typename Enum, std::size_t n>
  void take(const char* key, const Enum (&values)[n], Enum& out) {
    std::string word = name(out);
    take(key, word);
    std::string known;
    for (const Enum value : values) {
      if (word == name(value)) {
        out = value;
        return;
      }
      if (!known.empty()) known += ", ";
      known += name(value);
    }
    std::string shown = word.substr(0, 32);
    shown.insert(shown.begin(), '\'');
    shown.push_back('\'');
    known.insert(0, "one of ");
    refuse(key, shown, known);
  }
  void finish() const {
    if (!json_.empty())
      throw DataError("training configuration: unknown field '" +
                      json_.begin().key().substr(0, 32) + "'");
  }

 private:
  static void convert(const char* key, const nlohmann::json& value, bool& out) {
    if (!value.is_boolean()) refuse(key, value.type_name(), "true or false");
    out = value.get<bool>();
  }
  static void convert(const char* key, const nlohmann::json& value, std::string& out) {
    if (!value.is_string()) refuse(key, value.type_name(), "a word");
    out = value.get<std::string>();
  }
  static void convert(const char* key, const nlohmann::json& value, double& out) {
    if (!value.is_number()) refuse(key, value.type_name(), "a number");
    out = value.get<double>();
  }
  static void convert(const char* key, const nlohmann::json& value, std::vector<double>& out) {
    if (!value.is_array() || value.size() > static_cast<std::size_t>(kMaxSteps))
      refuse(key, value.type_name(), "a list of numbers");
    out.clear();
    for (const auto& item : value) {
      double number = 0;
      convert(key, item, number);
      out.push_back(number);
    }
  }
  template <typename T>
  requires std::is_integral_v<T>
  static void convert(const char* key, const nlohmann::json& value, T& out) {
    // Unsigned numbers beyond 2^63 would wrap on the way to a signed one.
    if (!value.is_number_integer() ||
        (value.is_number_unsigned() && value.get<std::uint64_t>() > INT64_MAX))
      refuse(key, value.is_number() ? json_text(value) : value.type_name(), "a whole number");
    const auto number = value.get<std::int64_t>();
    if (number < -1 || number > (std::int64_t{1} << 31) - 1)
      refuse(key, std::to_string(number), "a whole number below 2^31");
    if (std::is_unsigned_v<T> && number < 0) refuse(key, std::to_string(number), "0 or more");
    out = static_cast<T>(number);
  }

  nlohmann::json json_;
};

}  // namespace

const char* name(Method method) {
  switch (method) {
    case Method::kPlain:
      return "plain";
    case Method::kMomentum:
      return "momentum";
    case Method::kNesterov:
      return "nesterov";
  }
  return "?";
}

const char* name(Schedule schedule) {
  switch (schedule) {
    case Schedule::kConstant:
      return "constant";
    case Schedule::kCosine:
      return "cosine";
    case Schedule::kStep:
      return "step";
    case Schedule::kInverseTime:
      return "inverse_time";
    case Schedule::kList:
      return "list";
  }
  return "?";
}

TrainingConfig default_training_config(std::string_view head) {
  TrainingConfig c;
  c.head = head;
  c.batch_size = 4096;
  c.first_batch_full = true;
  c.steps = 20;
  c.learning_rate = 4 * head_named(head).relative_rate();
  c.schedule = Schedule::kInverseTime;
  c.rate_decay = 0.05;
  c.method = Method::kNesterov;
  c.momentum = 0.4;
  c.averaging_start = 12;
  return c;
}

void set_steps(TrainingConfig& config, int steps) {
  if (config.averaging_start >= 0)
    config.averaging_start = config.steps == 0 ? -1 : config.averaging_start * steps / config.steps;
  config.steps = steps;
}

void set_epochs(TrainingConfig& config, int epochs) {
  config.averaging_start = -1;
  config.steps = 0;
  config.epochs = epochs;
}

void validate(const TrainingConfig& c) {
  try {
    (void)head_named(c.head);
  } catch (const DataError& error) {
    throw DataError(std::string("training configuration: ") + error.what());
  }
  check(c.classes >= 2 && c.classes <= (1 << 20), "classes", c.classes, "2 to 2^20");
  check(c.batch_size >= 1, "batch_size", static_cast<double>(c.batch_size), "1 or more");
  check(c.steps >= 0 && c.steps <= kMaxSteps, "steps", c.steps, "0 to 100000");
  check(c.epochs >= 0 && c.epochs <= kMaxSteps, "epochs", c.epochs, "0 to 100000");
  if (c.steps == 0 && c.epochs == 0)
    refuse("steps", "0 and so is epochs", "one of them to be 1 or more");
  check(c.learning_rate >= kMinRate && c.learning_rate <= kMaxRate, "learning_rate",
        c.learning_rate, "1e-12 to 1e6");
  check(c.rate_floor >= 0 && c.rate_floor <= 1, "rate_floor", c.rate_floor, "0 to 1");
  check(c.rate_factor > 0 && c.rate_factor <= 1, "rate_factor", c.rate_factor,
        "more than 0, at most 1");
  check(c.rate_period >= 1, "rate_period", c.rate_period, "1 or more");
  check(c.rate_decay >= 0 && c.rate_decay <= kMaxRate, "rate_decay", c.rate_decay, "0 to 1e6");
  if (c.schedule == Schedule::kList && c.rate_list.empty())
    refuse("rate_list", "empty", "one factor a step for the schedule 'list'");
  for (const double factor : c.rate_list)
    check(factor >= 0 && factor <= kMaxRate, "rate_list", factor, "factors of 0 to 1e6");
  check(c.momentum >= 0 && c.momentum <= kMaxMomentum, "momentum", c.momentum, "0 to 0.9999");
  if (c.method == Method::kPlain)
    check(c.momentum == 0, "momentum", c.momentum, "0 with the method 'plain'");
  check(c.l2 >= 0 && c.l2 <= kMaxRate, "l2", c.l2, "0 to 1e6");
  check(c.averaging_start >= -1 && (c.steps == 0 || c.averaging_start < c.steps), "averaging_start",
        c.averaging_start, "-1 (none) to steps - 1");
  check(c.validation_every >= 0 && c.validation_every <= kMaxSteps, "validation_every",
        c.validation_every, "0 (once a pass) to 100000");
}

int TrainingConfig::total_steps(std::size_t samples) const {
  validate(*this);
  if (samples == 0) throw DataError("training: no samples");
  if (steps > 0) return steps;
  const std::size_t total = steps_of_a_pass(*this, samples) * static_cast<std::size_t>(epochs);
  if (total > static_cast<std::size_t>(kMaxSteps))
    refuse("epochs", std::to_string(epochs) + " (" + std::to_string(total) + " steps)",
           "at most 100000 steps");
  return static_cast<int>(total);
}

double TrainingConfig::rate(int step, int total) const {
  require(step >= 0 && step < total, "TrainingConfig::rate: no such step");
  switch (schedule) {
    case Schedule::kConstant:
      return learning_rate;
    case Schedule::kCosine: {
      const double turn = 0.5 * (1 + math::reproducible::cos(std::numbers::pi * step / total));
      return learning_rate * (rate_floor + (1 - rate_floor) * turn);
    }
    case Schedule::kStep: {
      const int drops = step / rate_period;
      return learning_rate * math::reproducible::pow(rate_factor, drops);
    }
    case Schedule::kInverseTime:
      return learning_rate / (1 + rate_decay * step);
    case Schedule::kList: {
      require(!rate_list.empty(), "TrainingConfig::rate: empty rate_list");
      const auto last = rate_list.size() - 1;
      return learning_rate * rate_list[std::min(static_cast<std::size_t>(step), last)];
    }
  }
  return learning_rate;
}

void require_classes(const TrainingConfig& config, std::size_t of_keys) {
  if (static_cast<std::size_t>(config.classes) != of_keys)
    throw DataError("the configuration has " + std::to_string(config.classes) +
                    " classes, the keys were made for " + std::to_string(of_keys));
}

TrainingConfig for_places(TrainingConfig config, std::size_t rows,
                          std::span<const std::size_t> filled, bool by_batch) {
  std::vector<std::size_t> before{0};  // samples in the blocks before each
  for (const std::size_t samples : filled) {
    require(samples <= rows, "no more samples in a block than places");
    before.push_back(before.back() + samples);
  }
  const std::size_t places = filled.size() * rows;
  require(before.back() >= 1, "blocks with samples");
  config.batch_size = (config.batch_size + rows - 1) / rows * rows;
  if (before.back() == places) return config;
  double ratio = static_cast<double>(places) / static_cast<double>(before.back());
  for (const auto& [begin, count] :
       by_batch ? batch_ranges(config, places) : std::vector<BatchRange>())
    if (const std::size_t own = before[(begin + count) / rows] - before[begin / rows]; own > 0)
      ratio = std::min(ratio, kMostOfRate * static_cast<double>(count) / static_cast<double>(own));
  config.learning_rate *= ratio;
  config.l2 /= ratio;
  return config;
}

std::vector<BatchRange> batch_ranges(const TrainingConfig& config, std::size_t samples) {
  const int total = config.total_steps(samples);
  const std::size_t size = std::min(config.batch_size, samples);
  std::vector<BatchRange> ranges;
  std::size_t begin = 0;
  for (int t = 0; t < total; ++t) {
    if (t == 0 && config.first_batch_full) {
      ranges.push_back({0, samples});
      continue;
    }
    const std::size_t count = std::min(size, samples - begin);
    ranges.push_back({begin, count});
    begin += count;
    const bool short_next = samples - begin < size;
    if (begin == samples || (config.drop_short_batch && short_next)) begin = 0;
  }
  return ranges;
}

std::vector<int> validation_steps(const TrainingConfig& config, std::size_t samples) {
  const auto total = static_cast<std::size_t>(config.total_steps(samples));
  const std::size_t every = config.validation_every > 0
                                ? static_cast<std::size_t>(config.validation_every)
                                : steps_of_a_pass(config, samples);
  std::vector<int> out;
  for (std::size_t t = every; t < total; t += every) out.push_back(static_cast<int>(t));
  out.push_back(static_cast<int>(total));
  return out;
}

nlohmann::json to_json(const TrainingConfig& c) {
  nlohmann::json out = {{"classes", c.classes},
                        {"batch_size", c.batch_size},
                        {"first_batch_full", c.first_batch_full},
                        {"steps", c.steps},
                        {"epochs", c.epochs},
                        {"drop_short_batch", c.drop_short_batch},
                        {"learning_rate", c.learning_rate},
                        {"schedule", name(c.schedule)},
                        {"rate_floor", c.rate_floor},
                        {"rate_factor", c.rate_factor},
                        {"rate_period", c.rate_period},
                        {"rate_decay", c.rate_decay},
                        {"rate_list", c.rate_list},
                        {"method", name(c.method)},
                        {"momentum", c.momentum},
                        {"l2", c.l2},
                        {"averaging_start", c.averaging_start},
                        {"validation_every", c.validation_every}};
  if (c.head != softmax_head().name()) out["head"] = c.head;
  return out;
}

TrainingConfig training_config_from_json(const nlohmann::json& json) {
  TrainingConfig c;
  Fields fields(json);
  fields.take("head", c.head);
  fields.take("classes", c.classes);
  fields.take("batch_size", c.batch_size);
  fields.take("first_batch_full", c.first_batch_full);
  fields.take("steps", c.steps);
  fields.take("epochs", c.epochs);
  fields.take("drop_short_batch", c.drop_short_batch);
  fields.take("learning_rate", c.learning_rate);
  fields.take("schedule", kSchedules, c.schedule);
  fields.take("rate_floor", c.rate_floor);
  fields.take("rate_factor", c.rate_factor);
  fields.take("rate_period", c.rate_period);
  fields.take("rate_decay", c.rate_decay);
  fields.take("rate_list", c.rate_list);
  fields.take("method", kMethods, c.method);
  fields.take("momentum", c.momentum);
  fields.take("l2", c.l2);
  fields.take("averaging_start", c.averaging_start);
  fields.take("validation_every", c.validation_every);
  fields.finish();
  validate(c);
  return c;
}

TrainingConfig parse_training_config(const std::string& text) {
  if (text.size() > kMaxConfigBytes)
    throw DataError("training configuration: more than 1 MiB of text");
  return training_config_from_json(parse_json(text, "training configuration"));
}

}  // namespace blindtuner::learn
