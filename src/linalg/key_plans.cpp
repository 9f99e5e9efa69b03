#include "linalg/key_plans.h"

namespace blindtuner::linalg {

std::vector<KeyPlan> key_plans(const Parameters& parameters, const ProductLayout& layout) {
  const KeyShape shape{2, parameters.small_special(), {2}};
  std::vector<KeyPlan> plans = {{KeyPlan::Kind::kRelinearisation, shape, 1, true}};
  for (const u64 g : ProductKeys::galois_elements(layout))
    plans.push_back({KeyPlan::Kind::kGalois, shape, g, true});
  return plans;
}

KeySwitchKey& key_in(ProductKeys& keys, const KeyPlan& plan) {
  return plan.kind == KeyPlan::Kind::kRelinearisation ? keys.relinearisation : keys.galois[plan.g];
}

std::string key_name(const ComponentMap& map) {
  return std::string(map.reversed ? "unpack" : "pack") + " key " + std::to_string(map.g);
}

}  // namespace blindtuner::linalg
