#include "party/study/rounds.h"

#include "base/error.h"

namespace blindtuner::party {
namespace {

std::string of_round(const char* what, int round, std::size_t place) {
  return std::string(what) + "-" + std::to_string(round) + "-" + std::to_string(place + 1);
}

}  // namespace

std::string scores_record(int round, std::size_t place) { return of_round("scores", round, place); }
std::string scores_commit(int round, std::size_t place) { return of_round("round", round, place); }
std::string score_share_record(int round, std::size_t place) {
  return of_round("score-share", round, place);
}
std::string score_share_commit(int round, std::size_t place) {
  return of_round("score-answer", round, place);
}
std::string vote_kind(int round) { return "vote-" + std::to_string(round); }

std::vector<std::size_t> voters(const JointRun& run) {
  std::vector<std::size_t> out;
  for (std::size_t i = 0; i < run.held_out.size(); ++i)
    if (run.held_out[i] > 0) out.push_back(i);
  return out;
}

Rounds rounds_of(StudyMember& member, const JointRun& run) {
  const StudyDraft& draft = member.manifest().draft;
  const std::vector<std::size_t> all = voters(run);
  Rounds out;
  out.over = all.empty();
  while (!out.over) {
    const int round = out.round();
    RoundVotes votes;
    votes.all = static_cast<int>(all.size());
    for (const std::size_t place : all) {
      const std::string& owner = draft.owners[place];
      const auto said = member.exchange().hear(member.manifest(), vote_kind(round),
                                               member.session_number(), owner);
      if (!said) return out;
      const JsonIn body(said->body,
                        member.exchange().channel().place(member.record(vote_kind(round), owner)));
      require_members(body, {"better"});
      votes.better += body.at("better").as<bool>() ? 1 : 0;
    }
    votes.kept = 2 * votes.better >= votes.all;
    if (votes.kept) out.kept = round;
    out.done.push_back(votes);
    out.over = round == static_cast<int>(run.rounds.size()) || round - out.kept >= draft.patience;
  }
  return out;
}

std::vector<Awaited> missing_votes(StudyMember& member, const JointRun& run) {
  const Rounds now = rounds_of(member, run);
  if (now.over) return {};
  std::vector<std::string> owners;
  for (const std::size_t place : voters(run))
    owners.push_back(member.manifest().draft.owners[place]);
  return missing_of(member, nullptr, vote_kind(now.round()).c_str(), owners);
}

int final_steps(StudyMember& member, const JointRun& run) {
  const Rounds now = rounds_of(member, run);
  if (!now.over) throw DataError("not all votes on the rounds of validation are there");
  if (now.done.empty()) return run.config.total_steps(run.arrangement.layout.samples);
  // Where no round was ever kept there is nothing that one could be better than.
  return run.rounds[static_cast<std::size_t>(std::max(now.kept, 1)) - 1];
}

}  // namespace blindtuner::party
