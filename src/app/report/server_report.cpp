#include "app/report/server_report.h"

#include <algorithm>
#include <array>
#include <span>
#include <string_view>

#include "base/error.h"
#include "base/json.h"
#include "base/path.h"
#include "learn/training_config.h"

namespace blindtuner::app {
using namespace learn;
namespace {

using nlohmann::json;

/// What the server's program writes (app/server/train.cpp): names go into our own report.
constexpr std::array<std::string_view, 5> kSeconds = {"reading_data", "reading_keys", "preparing",
                                                      "training", "total"};
constexpr std::array<std::string_view, 8> kSecondsOfStep = {
    "step", "seconds", "weights", "scores", "bootstrap", "softmax", "slot_to_coeff", "gradient"};

bool is_amount(const json& j) {
  return j.is_number() && j.get<double>() >= 0 && j.get<double>() <= 1e15;
}

bool is_object_of_amounts(const json& j, std::span<const std::string_view> names) {
  if (!j.is_object()) return false;
  for (const auto& [key, value] : j.items())
    if (!is_amount(value) || std::find(names.begin(), names.end(), key) == names.end())
      return false;
  return true;
}

}  // namespace

ServerReport read_server_report(const std::filesystem::path& path) {
  const json report = read_json(path);
  const auto expect = [&](bool good, const char* what) {
    if (!good)
      throw DataError(quoted_path(path) + ": not the report of a training: expected " + what);
  };
  const auto member = [&](const char* name) -> const json& {
    static const json none;
    const auto found = report.find(name);
    return found == report.end() ? none : *found;
  };
  expect(report.is_object(), "a JSON object");
  ServerReport out;
  const json& steps = member("steps");
  expect(steps.is_number_integer() && is_amount(steps) && steps.get<double>() <= kMaxSteps,
         "a number of steps");
  out.steps = steps.get<int>();
  out.seconds = member("seconds");
  expect(is_object_of_amounts(out.seconds, kSeconds),
         "seconds, an object of numbers by the names that the server's program gives them");
  out.seconds_per_step = member("seconds_per_step");
  expect(out.seconds_per_step.is_array() &&
             out.seconds_per_step.size() <= static_cast<std::size_t>(kMaxSteps),
         "seconds_per_step, a list");
  for (const json& step : out.seconds_per_step)
    expect(is_object_of_amounts(step, kSecondsOfStep),
           "seconds_per_step, a list of objects of numbers by such names");
  const json& memory = member("peak_memory_bytes");
  expect(is_amount(memory), "peak_memory_bytes, a number");
  out.peak_memory_bytes = memory.get<double>();
  return out;
}

}  // namespace blindtuner::app
