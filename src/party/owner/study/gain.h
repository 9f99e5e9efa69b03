// What an owner of a study of rows gained: the model of all rows beside what the owner gets from its own alone.
#pragma once

#include <nlohmann/json.hpp>

#include "party/owner/study/study_training.h"
#include "party/owner/trust.h"

namespace blindtuner::party {

/// The study's training in the clear on one owner's rows alone, through a map of their own where the study's is
/// pooled; of rows of one class alone, a classifier that knows no other. Throws DataError where the rows train nothing.
LinearClassifier trained_alone(const StudyDraft& draft, const StudyData& data);

/// What cannot be trained on in a study whose whitening is not pooled is refused at its owner, before anything of it is sent:
/// numbers beyond what is encrypted, and labelled rows on which the study's training in the clear, on these alone, takes logits
/// beyond what its circuit stands. Throws DataError, which says what helps.
void require_trainable(const StudyDraft& draft, const Parameters& parameters,
                       const StudyData& data);

/// What the pooled map makes next to nothing of, though this owner's rows differ in it: columns whose spread here is far below that
/// of all rows, as where another owner has other units, or writes 999999 for what is missing. Empty: none.
std::string faint_columns(const Dataset& own, const Whitening& pooled);

/// {"held_out", "judged_rows", "own_classes": [{"name", "own_rows"}], "missing_classes": those that the owner has no rows of,
/// "together" and "alone": quality_report(), but their macro F1 is of the classes "macro_f1_of", those that are among the judged rows,
/// in both; "accuracy", "balanced_accuracy", "macro_f1" and "max_logit" of "together",
/// and what judge_logits() adds}. Both are judged on rows that nobody has trained on, where the owner kept some, else on
/// its training rows. "alone" is null where nothing could be trained, "alone_reason" says why.
nlohmann::json gain_report(const StudyDraft& draft, const StudyData& data,
                           const LinearClassifier& together, const LogitLimit& limit);

}  // namespace blindtuner::party
