// Where a party of a study is, an owner or the server.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#pragma GCC visibility push(default)
namespace blindtuner {

/// What is not there of what a party waits for, and who is to give it: another party, the party itself ("fingerprint" and
/// "data", which its operator gives) or, before there is a study, nobody by name.
struct StudyAwaited {
  std::string from, what;
  std::string state{};  ///< of what is there in part: what of it ("is not whole yet, ..."); empty: not there
};

enum class StudyState {
  kDue,       ///< a phase: of status(), that step() would do; of step(), that it has done
  kWaits,     ///< for what `awaits` lists
  kFinished,  ///< nothing is left to do
};

struct StudyStatus {
  std::string study{};            ///< its name; empty before it is written down
  std::string party{};            ///< whose status this is: an owner's name, or "server"
  std::string fingerprint{};      ///< what owners compare by voice; empty before all have joined
  std::uint64_t session = 1;      ///< attempts to make keys, from 1
  StudyState state{};
  std::string phase{};            ///< "joins the study", ..; what is waited for is needed for it; empty when finished
  std::vector<StudyAwaited> awaits{};
  /// Of an owner: why its last run or step ended, where it was refused, here or at the command line; empty: it was not.
  std::string refused{};
  std::string since{};            ///< of the last thing it did or heard, as "2026-01-31T12:00:00Z"; empty: nothing yet
};

}  // namespace blindtuner
#pragma GCC visibility pop
