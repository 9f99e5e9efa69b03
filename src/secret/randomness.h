// Where secrets and their errors come from.
#pragma once

#include <optional>
#include <string_view>

#include "base/random.h"

namespace blindtuner::secret {

/// The system's generator; or all of it out of one secret seed, for what must come out the same when a program that was
/// killed makes it again.
class Randomness {
 public:
  Randomness() = default;
  explicit Randomness(const Seed& seed) : seed_(seed) {}
  ~Randomness();
  Randomness(const Randomness&) = default;
  Randomness& operator=(const Randomness&) = default;

  /// A generator for this purpose, independent of those for others. From a seed the same one each time: nothing may
  /// be drawn for two things by one name.
  Prng prng(std::string_view purpose) const;

 private:
  std::optional<Seed> seed_;
};

}  // namespace blindtuner::secret
