#include "linalg/key_plans.h"

namespace blindtuner::linalg {

namespace {

KeyShape small_shape(const Parameters& parameters) { return {2, parameters.small_special(), {2}}; }

}  // namespace

std::vector<KeyPlan> way_in_plans(const Parameters& parameters, std::size_t owners) {
  std::vector<KeyPlan> plans;
  for (std::size_t i = 0; i < owners; ++i)
    plans.push_back({KeyPlan::Kind::kWayIn, small_shape(parameters), i, true});
  return plans;
}

std::vector<KeyPlan> key_plans(const Parameters& parameters, const ProductLayout& layout) {
  const KeyShape shape = small_shape(parameters);
  std::vector<KeyPlan> plans = {{KeyPlan::Kind::kRelinearisation, shape, 1, true}};
  for (const u64 g : ProductKeys::galois_elements(layout))
    plans.push_back({KeyPlan::Kind::kGalois, shape, g, true});
  return plans;
}

KeySwitchKey& key_in(ProductKeys& keys, const KeyPlan& plan) {
  require(plan.kind == KeyPlan::Kind::kRelinearisation || plan.kind == KeyPlan::Kind::kGalois,
          "no key of the matrix products");
  return plan.kind == KeyPlan::Kind::kRelinearisation ? keys.relinearisation : keys.galois[plan.g];
}

std::string key_name(const ComponentMap& map) {
  return std::string(map.reversed ? "unpack" : "pack") + " key " + std::to_string(map.g);
}

}  // namespace blindtuner::linalg
