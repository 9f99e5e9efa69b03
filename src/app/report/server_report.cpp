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

double amount(const JsonIn& in) {
  const double out = in.as<double>();
  if (!(out >= 0 && out <= 1e15)) in.refuse("a number from 0 to 1e15");
  return out;
}

/// All of these names, and no others.
json amounts(const JsonIn& in, std::span<const std::string_view> names) {
  json out = json::object();
  for (const std::string_view name : names) out[std::string(name)] = amount(in.at(name));
  for (const auto& [name, value] : in.members())
    if (!out.contains(name)) in.refuse("no more than the server's program writes by these names");
  return out;
}

}  // namespace

ServerReport read_server_report(const std::filesystem::path& path) {
  const json report = read_json(path);
  const JsonIn in(report, quoted_path(path) + ": not the report of a training");
  ServerReport out;
  out.steps = static_cast<int>(in.at("steps").whole(0, kMaxSteps));
  out.seconds = amounts(in.at("seconds"), kSeconds);
  const JsonIn steps = in.at("seconds_per_step");
  if (steps.size() > static_cast<std::size_t>(kMaxSteps)) steps.refuse("one a step");
  out.seconds_per_step = json::array();
  for (std::size_t i = 0; i < steps.size(); ++i)
    out.seconds_per_step.push_back(amounts(steps.at(i), kSecondsOfStep));
  out.peak_memory_bytes = amount(in.at("peak_memory_bytes"));
  return out;
}

}  // namespace blindtuner::app
