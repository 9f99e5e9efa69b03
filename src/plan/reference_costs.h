// What measure_unit_costs() gave on the reference machine, as JSON: on one thread and on two.
#pragma once

namespace blindtuner::plan {

extern const char* const kReferenceCosts[2];

}  // namespace blindtuner::plan
