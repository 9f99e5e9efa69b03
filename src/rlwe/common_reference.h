// Where the uniform halves of evaluation keys come from. Shares add up to a key only where all were made
// from the same uniform half, so that is what the owners of a key agree on first.
#pragma once

#include <optional>
#include <set>
#include <string>

#include "base/random.h"

namespace blindtuner::rlwe {

class CommonReference {
 public:
  /// One owner's, who has nobody to agree with: every key's seed is drawn by itself.
  CommonReference() = default;
  /// That of all who know the session: a key's seed is HMAC-SHA256 of the key's name under the session. A
  /// session serves one set of keys, once: two keys from one uniform half tell the difference of what
  /// they hide.
  explicit CommonReference(const Seed& session) : session_(session) {}

  /// The seed that the key's uniform halves are expanded from, stream by stream (uniform_halves). Throws
  /// ContractError for a name that was asked for before.
  Seed seed(const std::string& key);

 private:
  std::optional<Seed> session_;
  std::set<std::string> given_;
};

}  // namespace blindtuner::rlwe
