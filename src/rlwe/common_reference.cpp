#include "rlwe/common_reference.h"

#include "base/error.h"
#include "base/hmac.h"

namespace blindtuner::rlwe {

Seed CommonReference::seed(const std::string& key) {
  require(given_.insert(key).second, "a second " + key + " from one reference");
  if (!session_) return fresh_seed();
  return hmac_sha256(*session_, "uniform half: " + key);
}

}  // namespace blindtuner::rlwe
