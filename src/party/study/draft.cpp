#include "party/study/draft.h"

#include "base/error.h"
#include "base/input_file.h"
#include "party/study/study_run.h"

namespace blindtuner::party {

void set_whitening(StudyDraft& draft, const std::string& choice, double epsilon) {
  draft.epsilon = epsilon;  // which no other whitening takes
  if (choice == "pooled" || (choice.empty() && draft.owners.size() > 2)) {
    draft.whitening = StudyDraft::Whitening::kPooled;
  } else if (choice != "none" && !choice.empty()) {
    draft.whitening = StudyDraft::Whitening::kFile;
    draft.whitening_file = file_digest(choice);
  }
}

void require_useful(const StudyDraft& draft) {
  if (draft.config.validation_every > 0)
    throw DataError(
        "the training's 'validation_every' is of one owner's validation: a study's rounds, which "
        "all vote in, are asked for by themselves ('study create --validate-every')");
  if (draft.whitening == StudyDraft::Whitening::kPooled && !draft.recipient.empty() &&
      !pools_statistics(draft))
    throw DataError("the recipient '" + draft.recipient +
                    "' could not use the model: owners of different columns whiten them by maps of "
                    "their own, which stay with them; with '--whitening none' it can, or leave the "
                    "recipient out");
}

std::string encoder_words(const StudyDraft& draft) {
  if (!draft.encoder) return {};
  return "all take features of the encoder whose file has the SHA-256 " + to_hex(*draft.encoder) +
         ": each compares it with its own ('sha256sum'), nothing else does";
}

std::string threshold_words(const StudyDraft& draft) {
  if (!draft.by_threshold()) return {};
  return "any " + std::to_string(draft.needed()) + " of the " +
         std::to_string(draft.owners.size()) +
         " owners open the model, and together with the server can read every owner's rows";
}

std::string recipient_words(const StudyDraft& draft) {
  if (draft.recipient.empty()) return {};
  const bool pooled = pools_statistics(draft);
  return "the model is for '" + draft.recipient + "'" +
         (draft.recipient_alone ? " alone, and no owner opens it" : ", who is no owner, too") +
         (pooled ? "; it gets the pooled statistics as well, without which nobody can use it" : "");
}

std::string validation_words(const StudyDraft& draft) {
  if (draft.validate_every == 0) return {};
  return "each owner holds out a tenth of its rows, about 100 at most, and says after every " +
         std::to_string(draft.validate_every) +
         " steps, for all to see, whether the model is better on them: one bit. A server that "
         "deviates and has one owner on its side could read the others' rows by the rounds, unless "
         "these have each computed again before they answer it ('study run --audit')";
}

std::vector<std::string> notes_on(const StudyDraft& draft) {
  std::vector<std::string> out;
  if (draft.whitening == StudyDraft::Whitening::kNone)
    out.emplace_back(
        "features are trained on as they are: unless all owners' columns have about the same "
        "scale and are hardly correlated, '--whitening pooled' trains better" +
        std::string(draft.layout == StudyDraft::Layout::kRows && draft.owners.size() == 2
                        ? ", but of two owners each then learns the other's means and covariances, "
                          "and '--whitening FILE' takes a map of data that may be seen ('whiten' "
                          "makes it)"
                        : ""));
  if (pools_statistics(draft) && draft.owners.size() == 2)
    out.emplace_back(
        "of two owners each learns the other's means and covariances from the pooled ones, by "
        "subtraction; '--whitening FILE' takes a map of data that may be seen");
  if (draft.layout == StudyDraft::Layout::kColumns && !draft.identifiers)
    out.emplace_back(
        "owners' rows are taken to be the same ones in the same order; '--identifiers' matches "
        "them");
  if (draft.encoder) out.push_back(encoder_words(draft));
  if (draft.by_threshold()) out.push_back(threshold_words(draft));
  if (!draft.recipient.empty()) out.push_back(recipient_words(draft));
  if (draft.validate_every > 0) out.push_back(validation_words(draft));
  return out;
}

}  // namespace blindtuner::party
