#include "party/study/left_out.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "party/study/study_run.h"

namespace blindtuner::party {
namespace {

constexpr const char* kStages[] = {"rows", "statistics", "data"};

bool among(std::span<const std::string> names, const std::string& name) {
  return std::ranges::find(names, name) != names.end();
}

/// Whether the server has said a model of all owners' data, as its transcript has it: then others have said too late that they go
/// on without some.
bool has_trained_on_all(StudyMember& member) {
  const StudyDraft& draft = member.manifest().draft;
  if (!missing_of(member, nullptr, kDataCommit, draft.owners).empty()) return false;
  const std::optional<Transcript> said = transcript_of_server(member);
  return said && said->data == data_contents_of(member, draft.owners);
}

/// Where nobody can be left out nothing of it is read.
bool possible(const StudyDraft& draft) {
  return draft.by_threshold() && draft.layout == StudyDraft::Layout::kRows;
}

}  // namespace

std::string quoted_names(std::span<const std::string> names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "'" : ", '") + name + "'";
  return out;
}

nlohmann::json to_json(const LeftOut& out) {
  return {{"owners", out.owners}, {"from", kStages[static_cast<std::size_t>(out.from)]}};
}

std::vector<std::string> others_than(const StudyDraft& draft, std::span<const std::string> out) {
  std::vector<std::string> others;
  std::ranges::copy_if(draft.owners, std::back_inserter(others),
                       [&](const std::string& owner) { return !among(out, owner); });
  return others;
}

std::optional<LeftOut> said_without(StudyMember& member, const std::string& owner) {
  const StudyManifest& manifest = member.manifest();
  const StudyDraft& draft = manifest.draft;
  const auto said = member.exchange().hear(manifest, kWithout, member.session_number(), owner);
  if (!said) return std::nullopt;
  const std::string where = member.exchange().channel().place(member.record(kWithout, owner));
  return read_of(owner, [&] {
    const JsonIn body(said->body, where);
    require_members(body, {"owners", "from"});
    LeftOut out;
    body.take("owners", out.owners);
    const auto from = body.at("from").as<std::string>();
    const auto stage = std::ranges::find(kStages, from);
    if (stage == std::end(kStages)) body.at("from").refuse("rows, statistics or data");
    out.from = static_cast<Stage>(stage - std::begin(kStages));
    const std::vector<std::string> others = others_than(draft, out.owners);
    if (out.owners.empty() || others_than(draft, others) != out.owners)
      body.at("owners").refuse("owners, each once, in their order");
    if (!among(others, owner)) body.at("owners").refuse("others than who says it");
    if (others.size() < draft.needed())
      body.at("owners").refuse("so few that " + std::to_string(draft.needed()) +
                               " remain, who open the model");
    return out;
  });
}

std::optional<LeftOut> left_out(StudyMember& member) {
  const StudyDraft& draft = member.manifest().draft;
  if (!possible(draft)) return std::nullopt;
  std::map<std::string, LeftOut> said;
  for (const std::string& owner : draft.owners)
    if (std::optional<LeftOut> out = said_without(member, owner))
      said.emplace(owner, std::move(*out));
  std::optional<LeftOut> found;
  for (const auto& own : said) {
    const LeftOut& out = own.second;
    const bool all =
        std::ranges::all_of(others_than(draft, out.owners), [&](const std::string& other) {
          const auto its = said.find(other);
          return its != said.end() && its->second == out;
        });
    if (!all || found == out) continue;
    if (found) throw DataError("two sets of owners go on without each other: nothing is");
    found = out;
  }
  if (found && found->from == Stage::kData && has_trained_on_all(member)) return std::nullopt;
  return found;
}

bool has_lapsed(StudyMember& member, const LeftOut& out) {
  const StudyManifest& manifest = member.manifest();
  const auto says = [&](const std::string& party, const char* kind) {
    return member.exchange().hear(manifest, kind, member.session_number(), party).has_value();
  };
  if (left_out(member)) return false;
  if (says(std::string(kServerName), kModel)) return true;
  if (out.from == Stage::kData)
    return missing_of(member, kDataRecord, kDataCommit, out.owners).empty();
  return std::ranges::any_of(others_than(manifest.draft, out.owners), [&](const auto& other) {
    if (says(other, kWithout)) return false;
    return says(other, kStatsAnswer) ||
           (out.from == Stage::kRows && (says(other, kStatsCommit) || says(other, kDataCommit)));
  });
}

bool may_be_said(StudyMember& member, const LeftOut& out) {
  return !has_lapsed(member, out) &&
         !missing_of(member, kDataRecord, kDataCommit, out.owners).empty();
}

bool is_asked(StudyMember& member, Stage until) {
  const StudyDraft& draft = member.manifest().draft;
  if (!possible(draft) || left_out(member) || said_without(member, member.name())) return false;
  return std::ranges::any_of(draft.owners, [&](const std::string& other) {
    const std::optional<LeftOut> out = said_without(member, other);
    return out && out->from <= until && among(others_than(draft, out->owners), member.name()) &&
           may_be_said(member, *out);
  });
}

namespace {

/// "'a', 'b' DO without 'c'" of all that was said and does not hold, may hold or not; `one`, `several`: what is said of whom.
std::string words_without(StudyMember& member, bool may_hold, const char* one,
                          const char* several) {
  const StudyDraft& draft = member.manifest().draft;
  if (!possible(draft) || left_out(member)) return {};
  std::map<std::vector<std::string>, std::vector<std::string>> who;  // by whom they go on without
  for (const std::string& owner : draft.owners)
    if (const std::optional<LeftOut> out = said_without(member, owner);
        out && may_be_said(member, *out) == may_hold)
      who[out->owners].push_back(owner);
  std::string words;
  for (const auto& [out, owners] : who)
    words += (words.empty() ? "" : "; ") + quoted_names(owners) +
             (owners.size() > 1 ? several : one) + " without " + quoted_names(out);
  return words;
}

}  // namespace

std::string leaving_words(StudyMember& member) {
  const std::string words = words_without(member, true, " goes on", " go on");
  return words.empty() ? words : words + " once all others have said so";
}

std::string lapsed_words(StudyMember& member) {
  const std::string words =
      words_without(member, false, " would have gone on", " would have gone on");
  return words.empty()
             ? words
             : words + ", which not all others have said, and nothing waits for it any more";
}

std::string split_words(StudyMember& member) {
  if (!member.missing_joins().empty()) return {};
  const StudyManifest& manifest = member.manifest();
  const std::vector<std::string>& owners = manifest.draft.owners;
  const auto who = [&](std::initializer_list<const char*> kinds, std::uint64_t number) {
    std::vector<std::string> out;
    std::ranges::copy_if(owners, std::back_inserter(out), [&](const std::string& owner) {
      return std::ranges::any_of(kinds, [&](const char* kind) {
        return member.exchange().hear(manifest, kind, number, owner).has_value();
      });
    });
    return out;
  };
  const std::uint64_t now = member.session_number();
  for (const std::uint64_t number : {now - 1, now}) {
    // The first that who has the keys says with them.
    const std::vector<std::string> with_keys =
        number > 0 ? who({kRows, kMatchCommit}, number) : std::vector<std::string>();
    const std::vector<std::string> anew = who({kCommit}, number + 1);
    if (with_keys.empty() || anew.empty() || number + 1 > kMaxSession) continue;
    return quoted_names(anew) + (anew.size() > 1 ? " have" : " has") + " begun session " +
           std::to_string(number + 1) + ", and " + quoted_names(with_keys) +
           (with_keys.size() > 1 ? " go" : " goes") + " on with the keys of session " +
           std::to_string(number) +
           ": they do not meet again, and this study takes another one in its place, in another "
           "exchange" +
           (possible(manifest.draft) ? ", if those with keys cannot go on without the others" : "");
  }
  return {};
}

std::vector<Awaited> missing_to_tell_whose(StudyMember& member) {
  const std::optional<LeftOut> out = left_out(member);
  if (!out || out->from != Stage::kData) return {};
  const std::optional<Transcript> said = transcript_of_server(member);
  if (!said || said->data == study_data_contents(member)) return {};
  std::vector<Awaited> missing = missing_of(member, nullptr, kDataCommit, out->owners);
  for (Awaited& one : missing)
    one.state =
        "tells whether the server's model, which is not of those alone who go on, is of all";
  return missing;
}

bool may_go_on_without(StudyMember& member, std::span<const Awaited> awaited) {
  if (!member.missing_joins().empty() || !possible(member.manifest().draft) || left_out(member) ||
      !leaving_words(member).empty())
    return false;
  std::vector<std::string> missing;
  for (const Awaited& a : awaited)
    if (a.from != member.name()) missing.push_back(a.from);
  const std::vector<std::string> others = others_than(member.manifest().draft, missing);
  // Who has said it of somebody says it of nobody else.
  if (others.size() < member.manifest().draft.needed() ||
      std::ranges::any_of(others, [&](const std::string& other) {
        return said_without(member, other).has_value();
      }))
    return false;
  // Statistics that somebody has answered with those in them whose answers are missing are opened so, or not at all.
  std::vector<std::string> answer = member.manifest().draft.owners;
  bool answers = false;
  for (const Awaited& a : awaited)
    if (a.what.starts_with(kStatsAnswer) || a.what.starts_with(kStatsShareRecord)) {
      answers = true;
      std::erase(answer, a.from);
    }
  if (answers && missing_of(member, nullptr, kStatsAnswer, answer).size() < answer.size())
    return false;
  return std::ranges::any_of(awaited, [&](const Awaited& a) {
    return a.from != member.name() && std::ranges::any_of(kStages, [&](const char* kind) {
             return a.what.starts_with(std::string(kind).substr(0, 4));
           });
  });
}

std::vector<std::string> contributors(StudyMember& member, Stage stage) {
  const std::optional<LeftOut> out = left_out(member);
  const StudyDraft& draft = member.manifest().draft;
  return out && stage >= out->from ? others_than(draft, out->owners) : draft.owners;
}

}  // namespace blindtuner::party
