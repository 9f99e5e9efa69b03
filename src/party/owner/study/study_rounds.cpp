// An owner's part in rounds of validation (party/study/rounds.h).
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/json.h"
#include "base/path.h"
#include "features/samples/sample_groups.h"
#include "learn/reference/early_stopping.h"
#include "learn/result_shape.h"
#include "party/owner/study/contributing.h"
#include "party/owner/study/study_training.h"

namespace blindtuner::party {
using namespace reference;
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// Noise grows with the root of the numbers that are opened, as fast as the mean over them falls: more rows than these would
// only make single scores coarser.
constexpr double kHeldOutShare = 0.1, kMostHeldOut = 100;

double loss_of(const json& round) {
  return round.at("loss").is_null() ? std::nan("") : round.at("loss").get<double>();
}

}  // namespace

Dataset hold_out(Dataset& train, const Seed& seed) {
  const auto rows = static_cast<double>(train.size());
  const Split split = split_of(train, std::min(kHeldOutShare, kMostHeldOut / rows), seed);
  Dataset held = select(Dataset(train), split.second);
  train = select(std::move(train), split.first);
  return held;
}

json StudyTraining::own_rounds() {
  if (owner_.is_recipient() || !path_exists(rounds_path())) return json::array();
  json out = read_json(rounds_path());
  const JsonIn all(out, quoted_path(rounds_path()));
  const std::vector<int>& steps = told_run().rounds;
  if (all.size() > steps.size())
    all.refuse("at most " + std::to_string(steps.size()) + " rounds of validation");
  for (std::size_t i = 0; i < all.size(); ++i) {
    const JsonIn round = all.at(i);
    require_members(round, {"round", "steps", "loss", "accuracy", "max_logit", "noise", "better"});
    const auto number = static_cast<std::int64_t>(i) + 1;
    (void)round.at("round").whole(number, number);
    (void)round.at("steps").whole(steps[i], steps[i]);
    for (const char* figure : {"loss", "accuracy", "max_logit", "noise"})
      if (!round.at(figure).is_null()) (void)round.at(figure).as<double>();  // null: none
    (void)round.at("better").as<bool>();
  }
  return out;
}

void StudyTraining::require_room_in_rounds() {
  for (const std::size_t place : voters(run())) {
    const ProductLayout rows = held_out_run(run(), place).arrangement.layout;
    const CiphertextShape shape = score_shape(*run().parameters, rows, *run().circuit);
    for (int round = 1; round <= static_cast<int>(run().rounds.size()); ++round)
      (void)share_noise(*run().parameters, shape, opening_of_scores(run(), place, round),
                        "rounds of validation, fewer of which ('--validate-every') may have it");
  }
}

void StudyTraining::send_held_out() {
  const JointRun rows = held_out_run(run(), owner_.index());
  const fs::path map = owner_.session_folder() / "whitening.npz";
  (void)data();
  send(kHeldOutRecord, kHeldOutCommit, [&](ByteSink& sink) {
    Disclosure at = door();
    std::optional<Whitening> whitening;
    if (path_exists(map)) whitening = Whitening::load(map);
    return party::send_data(sink, rows, 0, keys(), at,
                            features_for(rows, 0, held_out_->features, whitening), {},
                            "the owner's held-out rows");
  });
}

bool StudyTraining::has_vote() { return told_run().held_out.at(owner_.index()) > 0; }

Origin StudyTraining::origin_of_round(std::size_t place, int round) {
  Origin out = origin("round " + std::to_string(round));
  out.data = out.run = to_string(held_out_run(run(), place).data);
  out.round = round;
  out.rounds = static_cast<int>(run().rounds.size());
  out.rule = run().decryptors;
  out.votes = true;
  return out;
}

ScoresFile StudyTraining::scores_of_round(std::size_t place, int round) {
  ScoresFile out;
  const int steps = run().rounds.at(static_cast<std::size_t>(round) - 1);
  read_record_of(owner_, scores_record(round, place).c_str(), scores_commit(round, place).c_str(),
                 std::string(kServerName), [&](ByteSource& source) {
                   out = read_scores(source, run().joint, [&](const ScoresFile& head) {
                     require_scores_of(run(), head, place, steps, source.name());
                   });
                   return out.contents;
                 });
  return out;
}

std::vector<Awaited> StudyTraining::missing_in_round() {
  const Rounds now = rounds_of(owner_, told_run());
  const int round = now.round();
  const std::vector<std::string>& owners = owner_.manifest().draft.owners;
  const std::size_t own = owner_.index();
  std::vector<Awaited> out;
  const auto add = [&](const std::string& record_kind, const std::string& commit_kind,
                       const std::string& party) {
    std::ranges::move(
        missing_of(owner_, record_kind.c_str(), commit_kind.c_str(), std::span(&party, 1)),
        std::back_inserter(out));
  };
  for (const std::size_t place : voters(told_run()))
    if (place == own ? !said_vote(round) : !sent_score_share(round, place))
      add(scores_record(round, place), scores_commit(round, place), std::string(kServerName));
  if (!out.empty())
    if (std::vector<Awaited> mine = spoiled(); !mine.empty()) return mine;
  // What it owes the others comes first.
  if (!out.empty() || !answered_others(round)) return out;
  if (!said_vote(round)) {
    for (std::size_t place = 0; place < owners.size(); ++place)
      if (place != own)
        add(score_share_record(round, own), score_share_commit(round, own), owners[place]);
    return with_data(std::move(out));
  }
  return missing_votes(owner_, told_run());
}

bool StudyTraining::sent_score_share(int round, std::size_t place) {
  return owner_.exchange().said(owner_.record(score_share_commit(round, place), owner_.name())) &&
         owner_.exchange().channel().begun(
             owner_.record(score_share_record(round, place), owner_.name()));
}

bool StudyTraining::answered_others(int round) {
  return std::ranges::all_of(voters(told_run()), [&](std::size_t place) {
    return place == owner_.index() || sent_score_share(round, place);
  });
}

bool StudyTraining::said_vote(int round) {
  return !has_vote() || owner_.exchange().said(owner_.record(vote_kind(round), owner_.name()));
}

void StudyTraining::act_in_round() {
  const Rounds now = rounds_of(owner_, told_run());
  if (owner_.holds_answer())
    throw DataError(
        "a study with rounds of validation is answered while it trains: '--hold' waits for an "
        "audit of the whole training; '--audit' looks at each round before it is answered");
  if (owner_.audit()) {
    // All that the server has given of the round.
    Sha256 given;
    given.add("blindtuner study round 1").add_number(static_cast<std::uint64_t>(now.round()));
    for (const std::size_t place : voters(run()))
      given.add(scores_of_round(place, now.round()).contents);
    audit(given.finish());
  }
  if (!answered_others(now.round()))
    answer_others(now.round());
  else
    vote(now);
}

void StudyTraining::answer_others(int round) {
  for (const std::size_t place : voters(run())) {
    if (place == owner_.index()) continue;
    send(score_share_record(round, place).c_str(), score_share_commit(round, place).c_str(),
         [&](ByteSink& sink) {
           const ScoresFile file = scores_of_round(place, round);
           Disclosure own = door();
           const joint::PublicBoxKey reader = owner_.manifest().owners[place].sealing;
           return send_share(sink, run(), {"scores", owner_.index(), file.contents},
                             own.share(file.scores, origin_of_round(place, round),
                                       opening_of_scores(run(), place, round)),
                             std::span(&reader, 1));
         });
  }
}

json StudyTraining::judged_round(int round, double kept_loss) {
  const JointRun& r = run();
  const std::size_t own = owner_.index();
  (void)data();
  const Origin from = origin_of_round(own, round);
  const ScoresFile file = scores_of_round(own, round);
  const CiphertextShape shape = score_shape(*r.parameters, file.scores.layout, *r.circuit);
  const double noise =
      share_noise(*r.parameters, shape, opening_of_scores(r, own, round), from.name);
  std::vector<std::string> others = owner_.manifest().draft.owners;
  others.erase(others.begin() + static_cast<std::ptrdiff_t>(own));
  const std::vector<OpeningShare> shares =
      shares_of(others, score_share_record(round, own).c_str(),
                score_share_commit(round, own).c_str(), {"scores", 0, file.contents}, shape, noise);
  Disclosure at = door();
  ProductLayout rows = file.scores.layout;
  rows.samples = held_out_->size();  // without those that only fill up
  const ValidationScore score = validation_score(
      r.circuit->head(), scores_of(at.open(file.scores, rows.samples, shares, from), rows),
      held_out_->labels);
  // A loss that is not a number is better than none, and every other than it.
  const bool better = score.max_logit <= logit_limit(*r.circuit) &&
                      (std::isnan(kept_loss) || score.loss < kept_loss);
  return {{"round", round},
          {"steps", file.training->steps},
          {"loss", score.loss},
          {"accuracy", score.accuracy},
          {"max_logit", score.max_logit},
          {"noise", noise},
          {"better", better}};
}

// What is found of a round is on the disk before it is said: a vote is never made twice. Rounds that the file has lost
// are opened again, as they were.
void StudyTraining::vote(const Rounds& now) {
  const int round = now.round();
  json rounds = own_rounds();
  while (rounds.size() < static_cast<std::size_t>(round)) {
    int kept = 0;
    for (std::size_t i = 0; i < rounds.size(); ++i)
      if (now.done[i].kept) kept = static_cast<int>(i) + 1;
    rounds.push_back(judged_round(
        static_cast<int>(rounds.size()) + 1,
        kept == 0 ? std::nan("") : loss_of(rounds.at(static_cast<std::size_t>(kept) - 1))));
    write_file_atomically(rounds_path(), json_text(rounds, 1) + "\n", kForTheOwner);
  }
  const bool better = rounds.at(static_cast<std::size_t>(round) - 1).at("better").get<bool>();
  door().answer(origin_of_round(owner_.index(), round), !better);
  owner_.say({vote_kind(round),
              owner_.name(),
              owner_.manifest().digest,
              owner_.session_number(),
              {{"better", better}}});
}

void StudyTraining::report_rounds(json& report) {
  const Rounds now = rounds_of(owner_, run());
  json votes = json::array();
  for (const RoundVotes& round : now.done)
    votes.push_back({{"better", round.better}, {"of", round.all}});
  json validation = {{"best_round", std::max(now.kept, 1)},
                     {"stopped_early", now.done.size() < run().rounds.size()},
                     {"patience", owner_.manifest().draft.patience},
                     {"votes", std::move(votes)}};
  if (!owner_.is_recipient()) {
    validation.update({{"samples", run().held_out.at(owner_.index())}});
    report.update({{"rounds", own_rounds()}});
  }
  report.update({{"validation", std::move(validation)}});
}

}  // namespace blindtuner::party
