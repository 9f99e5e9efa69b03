// An owner's part in going on without others, who are away for good (party/study/left_out.h).
#pragma once

#include "party/owner/study/study_owner.h"
#include "party/study/study_run.h"

namespace blindtuner::party {

/// Throws DataError where these cannot be left out of the study, as far as an owner can tell before it says so.
void require_can_go_on_without(StudyOwner& owner, std::span<const std::string> names);
/// Whether its operator has told it to, or others wait for its word, and not all others who go on have said so yet.
bool leaves_out(StudyOwner& owner);
/// Whose word is missing, once it has said its own; its operator's, where others wait for it.
std::vector<Awaited> missing_without(StudyOwner& owner);
/// Says so, in the words of the first who has. Throws DataError where nobody can be left out of the study, or not these any more, or
/// where others go on without somebody else.
void leave_out(StudyOwner& owner);

}  // namespace blindtuner::party
