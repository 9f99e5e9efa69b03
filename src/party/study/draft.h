// What an operator says of a study that is to be, as a draft has it.
#pragma once

#include <string>

#include "records/study/manifest.h"

namespace blindtuner::party {
using namespace records;

/// choice: "none", "pooled", or a file with a map that all owners have; epsilon: of "pooled". Throws DataError.
void set_whitening(StudyDraft& draft, const std::string& choice, double epsilon);
/// What follows from the choice, and is easily not thought of; empty: nothing.
std::string note_on_whitening(const StudyDraft& draft);

}  // namespace blindtuner::party
