// What an operator says of a study that is to be, as a draft has it.
#pragma once

#include <string>
#include <vector>

#include "records/study/manifest.h"

namespace blindtuner::party {
using namespace records;

/// choice: "none", "pooled", or a file with a map that all owners have; empty: pooled for three owners or more; epsilon: of "pooled". Throws DataError.
void set_whitening(StudyDraft& draft, const std::string& choice, double epsilon);
/// That a new study (and no draft of an earlier version) is of use to whom it is for. Throws DataError.
void require_useful(const StudyDraft& draft);
/// Of one that names an encoder, which; empty for others.
std::string encoder_words(const StudyDraft& draft);
/// What whoever takes part in it has to know of a study that fewer than all owners open; empty for others.
std::string threshold_words(const StudyDraft& draft);
/// The same of one with a recipient.
std::string recipient_words(const StudyDraft& draft);
/// Of one with rounds of validation, what its owners tell by them.
std::string validation_words(const StudyDraft& draft);
/// What follows from a draft, and is easily not thought of by whoever writes it; that of the threshold among it.
std::vector<std::string> notes_on(const StudyDraft& draft);

}  // namespace blindtuner::party
