// Which keys a bootstrapping key set has, one by one.
#pragma once

#include "ckks/bootstrap/bootstrapper.h"
#include "rlwe/key_share.h"

namespace blindtuner::ckks {

/// In the order of their file. All owners of a set, and whoever adds up their shares, go through it.
std::vector<KeyPlan> key_plans(const BootstrapKeyShapes& shapes);

/// The planned key's place in the set; a rotation key's is made where there is none.
KeySwitchKey& key_in(BootstrapKeys& keys, const KeyPlan& plan);

}  // namespace blindtuner::ckks
