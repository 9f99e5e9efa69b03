#include "party/study/left_out.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace blindtuner::party {
namespace {

constexpr const char* kStages[] = {"rows", "statistics", "data"};

bool among(std::span<const std::string> names, const std::string& name) {
  return std::ranges::find(names, name) != names.end();
}

/// Where nobody can be left out nothing of it is read.
bool possible(const StudyDraft& draft) {
  return draft.by_threshold() && draft.layout == StudyDraft::Layout::kRows;
}

}  // namespace

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
  return found;
}

bool may_go_on_without(StudyMember& member, std::span<const Awaited> awaited) {
  if (!member.missing_joins().empty() || !possible(member.manifest().draft) || left_out(member))
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
