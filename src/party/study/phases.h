// What a party of a study does, one thing after the other.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

namespace blindtuner::party {

/// A record of the exchange, or an answer of the party's own operator, and who is to give it.
struct Awaited {
  std::string from, what;
  /// Of a record that is there in part: what of it; empty: not there. Of an audit: which training it is to be of.
  std::string state{};
};

/// One thing that a party does. A run that was killed begins again at the first phase that is not done, so `act` may
/// find any part of its work done already, and does the same again.
struct Phase {
  std::string name;  ///< "joins the study"
  std::function<bool()> done;
  /// What is not there of all that it takes. Asked once the phases before are done.
  std::function<std::vector<Awaited>()> awaits;
  std::function<void()> act;
};

struct Advance {
  enum class Kind { kActed, kWaits, kFinished };
  Kind kind{};
  std::string phase;             ///< none when finished
  std::vector<Awaited> awaited;  ///< of kWaits
};
/// Does the first phase that is not done, if it waits for nothing. With `act` false it only says: kActed where it would.
Advance take_step(std::span<const Phase> phases, bool act = true);
/// It waits, and for nobody but the party's own operator.
bool waits_for_operator(const Advance& where, const std::string& party);

}  // namespace blindtuner::party
