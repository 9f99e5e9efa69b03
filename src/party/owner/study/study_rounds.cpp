// An owner's part in rounds of validation (party/study/rounds.h).
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string_view>
#include <unordered_map>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/json.h"
#include "base/path.h"
#include "base/utf8.h"
#include "features/samples/sample_groups.h"
#include "learn/reference/early_stopping.h"
#include "learn/result_shape.h"
#include "party/owner/study/contributing.h"
#include "party/owner/study/study_training.h"
#include "party/owner/trust.h"

namespace blindtuner::party {
using namespace reference;
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// Noise grows with the root of the numbers that are opened, as fast as the mean over them falls: more rows than these would
// only make single scores coarser.
constexpr double kHeldOutShare = 0.1, kMostHeldOut = 100;

/// As it was written: what is no number is null.
double number_of(const json& figure) {
  return figure.is_null() ? std::nan("") : figure.get<double>();
}
double loss_of(const json& round) { return number_of(round.at("loss")); }

std::string in_figures(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3g", value);
  return text;
}

}  // namespace

std::vector<std::uint32_t> rows_to_hold_out(const Dataset& train, const Seed& seed) {
  const auto rows = static_cast<double>(train.size());
  return split_of(train, std::min(kHeldOutShare, kMostHeldOut / rows), seed).second;
}

Dataset take_out(Dataset& train, std::span<const std::uint32_t> rows) {
  std::vector<bool> out(train.size());
  for (const std::uint32_t row : rows) {
    require(row < out.size() && !out[row], "rows to take out are there, each once");
    out[row] = true;
  }
  std::vector<std::uint32_t> rest;
  for (std::uint32_t row = 0; row < out.size(); ++row)
    if (!out[row]) rest.push_back(row);
  Dataset held = select(Dataset(train), rows);
  train = select(std::move(train), rest);
  return held;
}

void StudyTraining::hold_out() {
  Dataset& train = data_->train;
  const auto refuse = [&] {
    throw DataError(
        "these are the rows that '" + owner_.name() +
        "' has told the others of, but in other groups" +
        (train.groups.column.empty() ? "" : " ('" + printable(train.groups.column) + "')") +
        ", by which others of them would be held out: give the same data, groups and "
        "all, at every step; where they were told of without groups, as in Python, "
        "without that column ('--drop-columns')");
  };
  const fs::path path = held_out_path();
  if (path_exists(path)) {
    const json kept = read_json(path);
    const JsonIn in(kept, quoted_path(path));
    std::vector<bool> is_out(train.size());
    held_out_places_.clear();
    for (std::size_t i = 0; i < in.size(); ++i) {
      const auto place =
          static_cast<std::size_t>(in.at(i).whole(0, static_cast<std::int64_t>(train.size()) - 1));
      if (is_out[place]) in.at(i).refuse("another row than those before it");
      is_out[place] = true;
      held_out_places_.push_back(static_cast<std::uint32_t>(place));
    }
    // Without groups, as in Python, there is none that is on both sides.
    std::unordered_map<std::string_view, bool> side;
    for (std::size_t i = 0; train.groups.together && i < train.groups.values.size(); ++i)
      if (const std::string& group = train.groups.values[i];
          !group.empty() && side.emplace(group, is_out[i]).first->second != is_out[i])
        refuse();
  } else {
    held_out_places_ = rows_to_hold_out(train, owner_.session().seed);
    // Told of before they were kept: how many they were is what is known of them.
    if (owner_.exchange().has_said(owner_.record(kRows, owner_.name()))) {
      const json told = owner_.heard(kRows, owner_.name()).body;
      if (told.at("held_out") != held_out_places_.size()) refuse();
      keep_held_out();
    }
  }
  held_out_ = take_out(train, held_out_places_);
}

void StudyTraining::keep_held_out() {
  if (path_exists(held_out_path())) return;
  write_file_atomically(held_out_path(), json_text(json(held_out_places_)) + "\n", kForTheOwner);
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
  (void)data();
  send(kHeldOutRecord, kHeldOutCommit, [&](ByteSink& sink) {
    Disclosure at = door();
    return party::send_data(sink, rows, 0, keys(), at,
                            features_for(rows, 0, held_out_->features, sent_map()), {},
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
    std::vector<Sha256Digest> given;
    for (const std::size_t place : voters(run()))
      given.push_back(scores_of_round(place, now.round()).contents);
    audit(given);
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

StudyTraining::ScoredRows StudyTraining::scores_in_round(int round) {
  const JointRun& r = run();
  const std::size_t own = owner_.index();
  (void)data();
  const Origin from = origin_of_round(own, round);
  const ScoresFile file = scores_of_round(own, round);
  const CiphertextShape shape = score_shape(*r.parameters, file.scores.layout, *r.circuit);
  ScoredRows out;
  out.noise = share_noise(*r.parameters, shape, opening_of_scores(r, own, round), from.name);
  std::vector<std::string> others = owner_.manifest().draft.owners;
  others.erase(others.begin() + static_cast<std::ptrdiff_t>(own));
  const std::vector<OpeningShare> shares = shares_of(
      others, score_share_record(round, own).c_str(), score_share_commit(round, own).c_str(),
      {"scores", 0, file.contents}, shape, out.noise);
  ProductLayout rows = file.scores.layout;
  rows.samples = held_out_->size();  // without those that only fill up
  out.scores = scores_of(door().open(file.scores, rows.samples, shares, from), rows);
  return out;
}

json StudyTraining::judged_round(int round, double kept_loss) {
  const JointRun& r = run();
  const ScoredRows opened = scores_in_round(round);
  const ValidationScore score =
      validation_score(r.circuit->head(), opened.scores, held_out_->labels);
  // A loss that is not a number is better than none, and every other than it.
  const bool better = score.max_logit <= logit_limit(*r.circuit) &&
                      (std::isnan(kept_loss) || score.loss < kept_loss);
  return {{"round", round},
          {"steps", r.rounds[static_cast<std::size_t>(round) - 1]},
          {"loss", score.loss},
          {"accuracy", score.accuracy},
          {"max_logit", score.max_logit},
          {"noise", opened.noise},
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

void StudyTraining::judge_rounds(json& report, const LinearClassifier& classifier) {
  const JointRun& r = run();
  json& notes = report.at("together").at("notes");
  if (!has_vote()) {
    notes.push_back(voters(r).empty()
                        ? "no owner has rows enough to hold some out: there were no rounds of "
                          "validation, and all steps were taken"
                        : "this owner has too few rows to hold some out, and had no vote in the "
                          "rounds of validation");
    return;
  }
  const double limit = logit_limit(*r.circuit);
  for (const json& round : own_rounds())
    if (const double most = number_of(round.at("max_logit")); !(most <= limit))
      notes.push_back("in round " + std::to_string(round.at("round").get<int>()) +
                      " logits of its held-out rows reached " + in_figures(most) + ", beyond the " +
                      in_figures(limit) +
                      " that the training stands: it had left its range, or somebody's share of "
                      "them was none");
  const int kept = std::max(rounds_of(owner_, r).kept, 1);
  const ScoredRows shown = scores_in_round(kept);
  const Eigen::MatrixXd off = (shown.scores - scores(classifier, held_out_->features)).cwiseAbs();
  // Of the others' shares, and of all shares of the model times the row that it was trained for, with its constant column.
  const std::optional<Whitening> map = sent_map();
  const FeatureMatrix rows = features_for(r, owner_.index(), held_out_->features, map);
  const auto owners = static_cast<double>(r.owners());
  const double own = report.at("noise").get<double>();
  double most = 0;
  for (Eigen::Index i = 0; i < off.rows(); ++i) {
    const double norm = rows.row(i).cast<double>().squaredNorm() + 1;
    const double expected =
        std::sqrt((owners - 1) * shown.noise * shown.noise + owners * own * own * norm);
    most = std::max(most, off.row(i).maxCoeff() / expected);
  }
  report.at("validation").update({{"deviations", most}});
  constexpr double kMostDeviations = 16;  // the scores' own errors are far below the noise for them
  if (!(most <= kMostDeviations))
    distrust(
        report,
        "the scores of its held-out rows by which this owner voted in round " +
            std::to_string(kept) + " are not those of the model: off by " +
            in_figures(off.maxCoeff()) + ", " + in_figures(most) + " times what the noise explains",
        "The rounds chose the model and its steps by scores that were none: somebody's share of "
        "them was wrong, or the server sent others. Make the study again without rounds, or "
        "with owners who have them audited.");
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
  if (now.done.size() > 1)
    validation["note"] =
        "the rounds that were not kept rest on each owner's word: one that adds something to its "
        "shares of the others' scores makes their losses larger there, which nobody sees, and so "
        "chooses among the rounds; of the kept round alone owners hold the scores against the "
        "model";
  if (!owner_.is_recipient()) {
    validation.update({{"samples", run().held_out.at(owner_.index())}});
    report.update({{"rounds", own_rounds()}});
  }
  report.update({{"validation", std::move(validation)}});
}

}  // namespace blindtuner::party
