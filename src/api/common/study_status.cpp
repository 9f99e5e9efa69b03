#include "api/common/study_status.h"

namespace blindtuner {

StudyStatus status_of(party::StudyMember& member, const party::Advance& where,
                      const std::optional<std::string>& fingerprint) {
  StudyStatus out;
  if (const auto draft = member.draft()) out.study = draft->name;
  out.party = member.name();
  out.fingerprint = fingerprint.value_or("");
  out.session = member.session_number();
  out.state = where.kind == party::Advance::Kind::kActed   ? StudyState::kDue
              : where.kind == party::Advance::Kind::kWaits ? StudyState::kWaits
                                                           : StudyState::kFinished;
  out.phase = where.phase;
  for (const party::Awaited& awaited : where.awaited)
    out.awaits.push_back({awaited.from, awaited.what, awaited.state});
  out.since = member.last_change();
  return out;
}

}  // namespace blindtuner
