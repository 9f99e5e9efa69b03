#include "party/study/phases.h"

#include <algorithm>

#include "base/buffer.h"

namespace blindtuner::party {

Advance take_step(std::span<const Phase> phases, bool act) {
  for (const Phase& phase : phases) {
    if (phase.done()) continue;
    std::vector<Awaited> awaited = phase.awaits();
    if (!awaited.empty()) return {Advance::Kind::kWaits, phase.name, std::move(awaited)};
    if (act) {
      phase.act();
      // What a phase worked with is not the next one's: the peak is the largest phase's, not their sum.
      release_pooled_memory();
    }
    return {Advance::Kind::kActed, phase.name, {}};
  }
  return {Advance::Kind::kFinished, {}, {}};
}

bool waits_for_operator(const Advance& where, const std::string& party) {
  return !where.awaited.empty() &&
         std::ranges::all_of(where.awaited, [&](const Awaited& a) { return a.from == party; });
}

}  // namespace blindtuner::party
