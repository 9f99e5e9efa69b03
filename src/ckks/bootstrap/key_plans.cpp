#include "ckks/bootstrap/key_plans.h"

namespace blindtuner::ckks {

std::vector<KeyPlan> key_plans(const BootstrapKeyShapes& shapes) {
  using Kind = KeyPlan::Kind;
  std::vector<KeyPlan> plans = {{Kind::kRelinearisation, shapes.relinearisation}};
  for (const auto& [g, shape] : shapes.galois) plans.push_back({Kind::kGalois, shape, g});
  plans.push_back({Kind::kSmallToSparse, shapes.small_to_sparse});
  plans.push_back({Kind::kDenseToSparse, shapes.dense_to_sparse});
  plans.push_back({Kind::kSparseToDense, shapes.sparse_to_dense});
  plans.push_back({Kind::kDenseToSmall, shapes.dense_to_small});
  return plans;
}

KeySwitchKey& key_in(BootstrapKeys& keys, const KeyPlan& plan) {
  switch (plan.kind) {
    case KeyPlan::Kind::kRelinearisation:
      return keys.evaluation.relinearisation;
    case KeyPlan::Kind::kGalois:
      return keys.evaluation.galois[plan.g];
    case KeyPlan::Kind::kSmallToSparse:
      return keys.small_to_sparse;
    case KeyPlan::Kind::kDenseToSparse:
      return keys.dense_to_sparse;
    case KeyPlan::Kind::kSparseToDense:
      return keys.sparse_to_dense;
    case KeyPlan::Kind::kDenseToSmall:
      return keys.dense_to_small;
    case KeyPlan::Kind::kWayIn:
      break;
  }
  throw ContractError("no key of the bootstrapping circuits");
}

}  // namespace blindtuner::ckks
