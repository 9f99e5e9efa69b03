#include "party/owner/study/leaving_out.h"

#include <algorithm>

#include "base/error.h"

namespace blindtuner::party {
namespace {

bool has_said(StudyOwner& owner, const char* kind) {
  return owner.exchange().has_said(owner.record(kind, owner.name()));
}

/// Of what its operator has said, in their order.
std::vector<std::string> named(StudyOwner& owner, std::span<const std::string> names) {
  const StudyDraft& draft = owner.manifest().draft;
  const auto refuse = [](const std::string& what) { throw DataError("going on without: " + what); };
  if (draft.layout != StudyDraft::Layout::kRows)
    refuse(
        "nobody can be left out where owners have different columns: the model is of all of them");
  if (!draft.by_threshold())
    refuse(
        "this study's model is opened by all of its owners; only 'study create --threshold' lets "
        "others finish");
  for (const std::string& name : names)
    if (std::ranges::find(draft.owners, name) == draft.owners.end())
      refuse("the study has no owner '" + name + "'");
  std::vector<std::string> out = others_than(draft, others_than(draft, names));
  const std::vector<std::string> others = others_than(draft, out);
  if (others.size() < draft.needed())
    refuse("the model takes " + std::to_string(draft.needed()) + " owners, and " +
           std::to_string(others.size()) + " would remain");
  if (std::ranges::find(others, owner.name()) == others.end())
    refuse("'" + owner.name() + "' is the owner that this folder is of");
  return out;
}

bool all_there(StudyOwner& owner, const char* kind, std::span<const std::string> names) {
  return missing_of(owner, nullptr, kind, names).empty();
}

LeftOut who_is_left_out(StudyOwner& owner, std::span<const std::string> names) {
  const StudyDraft& draft = owner.manifest().draft;
  LeftOut out{named(owner, names), Stage::kRows};
  if (missing_of_server(owner, nullptr, kModel).empty())
    throw DataError("going on without: the server has said its model, and nothing waits for " +
                    quoted_names(out.owners));
  const auto has_data = [&](const std::string& name) {
    return missing_of(owner, kDataRecord, kDataCommit, std::span(&name, 1)).empty();
  };
  const auto refuse_for = [](const std::string& who) {
    throw DataError(who + " has sent its data: nothing waits for it");
  };
  const std::vector<std::string> others = others_than(draft, out.owners);
  for (const std::string& other : others)
    if (const std::optional<LeftOut> its = said_without(owner, other)) {
      if (its->owners != out.owners)
        throw DataError("'" + other + "' goes on without " + quoted_names(its->owners) +
                        ", and not " + quoted_names(out.owners));
      // Those of them who are back are left out with the others.
      if (std::ranges::all_of(out.owners, has_data))
        refuse_for("each of " + quoted_names(out.owners));
      return *its;
    }
  for (const std::string& name : out.owners)
    if (has_data(name)) refuse_for("'" + name + "'");
  if (all_there(owner, kRows, out.owners))
    out.from = pools_statistics(draft) &&
                       !missing_of(owner, kStatsShareRecord, kStatsAnswer, out.owners).empty()
                   ? Stage::kStatistics
                   : Stage::kData;
  return out;
}

/// Whether it has sent all of what is its part before a stage: nobody waits for that in vain.
bool has_sent_before(StudyOwner& owner, Stage stage) {
  StudyExchange& exchange = owner.exchange();
  const auto sent = [&](const char* kind) {
    return exchange.said(owner.record(kind, owner.name()));
  };
  if (stage > Stage::kRows && !sent(kRows)) return false;
  return stage <= Stage::kStatistics || !pools_statistics(owner.manifest().draft) ||
         (sent(kStatsAnswer) &&
          exchange.channel().begun(owner.record(kStatsShareRecord, owner.name())));
}

/// Whether what it would send next could keep others from what they have said, whose word takes its own.
bool is_held(StudyOwner& owner) {
  for (const Stage from : {Stage::kRows, Stage::kStatistics})
    if (is_asked(owner, from)) return has_sent_before(owner, from);
  return false;
}

}  // namespace

void require_can_go_on_without(StudyOwner& owner, std::span<const std::string> names) {
  if (!owner.ready())
    throw DataError(
        "going on without: the keys are not there yet; 'study run --new-session' begins "
        "others, and a study without somebody is a new one");
  (void)who_is_left_out(owner, names);
}

bool leaves_out(StudyOwner& owner) {
  if (left_out(owner)) return false;
  if (!has_said(owner, kWithout)) return !owner.without().empty() || is_held(owner);
  const std::optional<LeftOut> own = said_without(owner, owner.name());
  return !own || (!has_lapsed(owner, *own) && has_sent_before(owner, own->from));
}

std::vector<Awaited> missing_without(StudyOwner& owner) {
  if (!has_said(owner, kWithout) && owner.without().empty()) return {{owner.name(), kWithout}};
  const std::optional<LeftOut> own = said_without(owner, owner.name());
  if (!own) return {};
  std::vector<Awaited> silent =
      missing_of(owner, nullptr, kWithout, others_than(owner.manifest().draft, own->owners));
  if (may_be_said(owner, *own)) return silent;
  // They say it no more: it lapses as the first of them sends its data.
  for (Awaited& one : silent) one.what = owner.record(kDataCommit, one.from);
  return silent;
}

void leave_out(StudyOwner& owner) {
  const StudyDraft& draft = owner.manifest().draft;
  if (!has_said(owner, kWithout)) {
    const LeftOut out = who_is_left_out(owner, owner.without());
    // Statistics are opened once: the difference of two sums would be one owner's own.
    if (out.from < Stage::kData && pools_statistics(draft))
      for (const std::string& other : others_than(draft, out.owners))
        if (all_there(owner, kStatsAnswer, std::span(&other, 1)))
          throw DataError("'" + other + "' has given its share of the statistics of all, " +
                          quoted_names(out.owners) +
                          " with them, and other statistics are not opened: who is missing is "
                          "needed for this study, or a new one");
    if (out.from == Stage::kRows && (has_said(owner, kStatsCommit) || has_said(owner, kDataCommit)))
      throw DataError("'" + owner.name() + "' has sent what counts the rows of " +
                      quoted_names(out.owners) + " in, and others go on without these rows");
    owner.say(
        {kWithout, owner.name(), owner.manifest().digest, owner.session_number(), to_json(out)});
    return;
  }
  owner.exchange().say(owner.record(kWithout, owner.name()), {});  // sent again, if it was lost
  const LeftOut own = said_without(owner, owner.name()).value();
  for (const std::string& other : others_than(draft, own.owners))
    if (const std::optional<LeftOut> its = said_without(owner, other); its && *its != own)
      throw DataError("'" + owner.name() + "' goes on without " + quoted_names(own.owners) +
                      ", and '" + other + "' without " + quoted_names(its->owners) +
                      (its->owners == own.owners ? ", of whom it counts something else" : "") +
                      ": the study cannot go on");
}

}  // namespace blindtuner::party
