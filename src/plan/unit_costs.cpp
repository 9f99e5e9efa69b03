#include "plan/unit_costs.h"

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json.h"
#include "linalg/component_map.h"
#include "plan/reference_costs.h"
#include "records/study/manifest.h"

namespace blindtuner::plan {
namespace {

constexpr Work kByLimbs[] = {Work::kKeySwitch, Work::kDecompose, Work::kKeyProduct,
                             Work::kGiantStep, Work::kScaleDown, Work::kRescale,
                             Work::kTensor};

const char* name(Work work) {
  switch (work) {
    case Work::kDecompose:
      return "decompose";
    case Work::kKeyProduct:
      return "key_product";
    case Work::kKeySwitch:
      return "key_switch";
    case Work::kGiantStep:
      return "giant_step";
    case Work::kScaleDown:
      return "scale_down";
    case Work::kRescale:
      return "rescale";
    case Work::kTensor:
      return "tensor";
    default:
      return "other";
  }
}

// Every number among the costs, by name.
template <typename Costs, typename F>
void for_each_number(Costs& c, F&& f) {
  f("diagonal", c.diagonal);
  f("transform", c.transform);
  f("pass", c.pass);
  f("encoding", c.encoding);
  f("expansion", c.expansion);
  f("tensor_term", c.tensor_term);
  f("relinearisation", c.relinearisation);
  f("score_relinearisation", c.score_relinearisation);
  f("score_automorphism", c.score_automorphism);
  f("error_automorphism", c.error_automorphism);
  f("map_one_fixed", c.map_one.fixed);
  f("map_one_each", c.map_one.each);
  f("map_batch_fixed", c.map_batch.fixed);
  f("map_batch_each", c.map_batch.each);
  f("gaussian", c.gaussian);
  f("uniform_limb", c.uniform_limb);
  f("encryption", c.encryption);
  f("byte_fresh", c.byte_fresh);
  f("byte_read", c.byte_read);
  f("byte_written", c.byte_written);
}

}  // namespace

double UnitCosts::seconds(const WorkItem& item) const {
  switch (item.work) {
    case Work::kDiagonal:
      return diagonal;
    case Work::kTransform:
      return transform;
    case Work::kPass:
      return pass;
    default:
      break;
  }
  const auto found = by_limbs.find(item.work);
  require(found != by_limbs.end() && !found->second.empty(), "an operation without a cost");
  const std::map<std::size_t, double>& knots = found->second;
  const double limbs = static_cast<double>(item.limbs);
  const auto above = knots.lower_bound(item.limbs);
  if (above == knots.end()) {
    const auto& [most, cost] = *knots.rbegin();
    return cost * limbs / static_cast<double>(most);
  }
  if (above->first == item.limbs || above == knots.begin()) return above->second;
  const auto below = std::prev(above);
  const double t = (limbs - static_cast<double>(below->first)) /
                   static_cast<double>(above->first - below->first);
  return below->second + t * (above->second - below->second);
}

double UnitCosts::seconds(const WorkCounts& counts) const {
  double sum = 0;
  for (const auto& [item, amount] : counts) sum += amount * seconds(item);
  return sum;
}

double UnitCosts::seconds(const ProductWork& work, std::size_t width) const {
  double sum = work.expansions * expansion + work.tensor_terms * tensor_term +
               work.relinearisations * relinearisation +
               work.score_relinearisations * score_relinearisation +
               work.score_automorphisms * score_automorphism +
               work.error_automorphisms * error_automorphism;
  // Batches go to the threads in turn; the last ones leave threads idle.
  const auto at_once = static_cast<std::size_t>(threads);
  for (const std::size_t inputs : work.map_inputs) {
    const std::size_t batches =
        (inputs + device::kComponentMapBatch - 1) / device::kComponentMapBatch;
    const std::size_t rounds = (batches + at_once - 1) / at_once;
    const double each = static_cast<double>(inputs) / static_cast<double>(batches);
    const double one = map_one.at(width), whole = map_batch.at(width);
    sum += static_cast<double>(rounds) *
           (one + (whole - one) * (each - 1) / static_cast<double>(device::kComponentMapBatch - 1));
  }
  return sum;
}

nlohmann::json to_json(const UnitCosts& costs) {
  nlohmann::json out = {
      {"machine", costs.machine}, {"parameters", costs.parameters}, {"threads", costs.threads}};
  for_each_number(costs, [&](const char* key, double value) { out[key] = value; });
  for (const auto& [work, knots] : costs.by_limbs)
    for (const auto& [limbs, cost] : knots) out[name(work)][std::to_string(limbs)] = cost;
  return out;
}

UnitCosts unit_costs_from_json(const nlohmann::json& json) {
  const JsonIn in(json, "unit costs");
  UnitCosts costs;
  costs.machine = in.at("machine").as<std::string>();
  costs.parameters = in.at("parameters").as<std::string>();
  costs.threads = in.at("threads").as<int>();
  for_each_number(costs, [&](const char* key, double& value) { value = in.at(key).as<double>(); });
  for (const Work work : kByLimbs)
    for (const auto& [limbs, cost] : in.at(name(work)).members())
      costs.by_limbs[work][std::stoul(limbs)] = cost.as<double>();
  return costs;
}

bool has_reference_costs(const std::string& parameters) {
  return parameters == standard_parameters().name ||
         parameters == records::StudyDraft::parameters_for(records::kLeastOwners) ||
         parameters == records::StudyDraft::parameters_for(records::kMostOwners);
}

UnitCosts reference_unit_costs(int threads) {
  const nlohmann::json one = parse_json(kReferenceCosts[0], "reference costs");
  const nlohmann::json two = parse_json(kReferenceCosts[1], "reference costs");
  if (threads <= 2) return unit_costs_from_json(threads == 2 ? two : one);
  // What does not get faster from one thread to two never will.
  nlohmann::json more = two;
  const std::function<void(nlohmann::json&, const nlohmann::json&)> extrapolate =
      [&](nlohmann::json& b, const nlohmann::json& a) {
        if (b.is_object())
          for (const auto& [key, value] : b.items()) extrapolate(value, a.at(key));
        if (!b.is_number_float()) return;
        const double serial =
            std::clamp(2 * b.get<double>() - a.get<double>(), 0.0, a.get<double>());
        b = serial + (a.get<double>() - serial) / threads;
      };
  extrapolate(more, one);
  more["threads"] = threads;
  return unit_costs_from_json(more);
}

}  // namespace blindtuner::plan
