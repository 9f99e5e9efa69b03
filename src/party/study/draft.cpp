#include "party/study/draft.h"

#include "base/input_file.h"

namespace blindtuner::party {

void set_whitening(StudyDraft& draft, const std::string& choice, double epsilon) {
  if (choice == "pooled") {
    draft.whitening = StudyDraft::Whitening::kPooled;
    draft.epsilon = epsilon;
  } else if (choice != "none") {
    draft.whitening = StudyDraft::Whitening::kFile;
    draft.whitening_file = file_digest(choice);
  }
}

std::string note_on_whitening(const StudyDraft& draft) {
  if (draft.whitening == StudyDraft::Whitening::kNone)
    return "features are trained on as they are: unless all owners' columns have about the same "
           "scale and are hardly correlated, '--whitening pooled' trains better";
  if (draft.whitening == StudyDraft::Whitening::kPooled && draft.owners.size() == 2)
    return "of two owners each learns the other's means and covariances from the pooled ones, by "
           "subtraction; '--whitening FILE' takes a map of data that may be seen";
  return {};
}

}  // namespace blindtuner::party
