// Rounds of validation of a study: what owners and server know of them, out of the exchange (sN: the session, R the round, from 1, I
// the place of the owner whose rows are scored, from 1).
//
//   held-out            an owner's rows that are not trained on, without labels, encrypted as its data (kind 12); "held-out-commit"
//   scores-R-I          the server's, of these rows, encrypted under the keys of all (kind 6); "round-R-I" names its contents
//   score-share-R-I     each other owner's share of it, sealed for that owner alone; "score-answer-R-I"
//   vote-R              an owner's bit: whether this round's model is better on its rows than the one that is kept
//
// An owner without such rows has no vote. A round's model is kept where half of the votes or more are for it; after `patience` rounds
// without one the training stops. All of that follows from votes that everybody sees, so that everybody knows which model the server
// has to give.
#pragma once

#include "party/study/study_run.h"

namespace blindtuner::party {

inline constexpr const char *kHeldOutRecord = "held-out", *kHeldOutCommit = "held-out-commit";
/// Of a round and the owner at this place.
std::string scores_record(int round, std::size_t place);
std::string scores_commit(int round, std::size_t place);
std::string score_share_record(int round, std::size_t place);
std::string score_share_commit(int round, std::size_t place);
/// Of a round.
std::string vote_kind(int round);

/// Places of the owners whose rows are scored.
std::vector<std::size_t> voters(const JointRun& run);

struct RoundVotes {
  int better = 0, all = 0;
  bool kept = false;  ///< the model of this round, from here on
};
struct Rounds {
  std::vector<RoundVotes> done;  ///< all votes are there
  int kept = 0;                  ///< the round whose model it is so far; 0: none yet
  bool over = false;             ///< no further round, or there are none at all
  /// That which is under way.
  int round() const { return static_cast<int>(done.size()) + 1; }
};
/// Throws DataError for a vote that is none.
Rounds rounds_of(StudyMember& member, const JointRun& run);
/// Votes of the round that is under way that are not there.
std::vector<Awaited> missing_votes(StudyMember& member, const JointRun& run);
/// After how many steps the study's model is. Throws DataError where votes are missing.
int final_steps(StudyMember& member, const JointRun& run);

}  // namespace blindtuner::party
