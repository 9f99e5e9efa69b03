// What a party of a study tells of where it is.
#pragma once

#include <blindtuner/study_status.h>

#include "party/study/member.h"

namespace blindtuner {

/// `fingerprint`: none as long as not all have joined.
StudyStatus status_of(party::StudyMember& member, const party::Advance& where,
                      const std::optional<std::string>& fingerprint);

}  // namespace blindtuner
