#include "party/owner/study/study_data.h"

#include "base/error.h"
#include "base/input_file.h"
#include "base/path.h"
#include "features/samples/shuffle.h"

namespace blindtuner::party {

bool has_labels(const StudyDraft& draft, const std::string& owner) {
  return draft.layout == StudyDraft::Layout::kRows || draft.labels == owner;
}

std::optional<Whitening> named_map(const StudyDraft& draft, const std::filesystem::path& file) {
  if (draft.whitening != StudyDraft::Whitening::kFile) return std::nullopt;
  if (file.empty())
    throw DataError("the study names a whitening map: give its file with --whitening");
  if (file_digest(file) != draft.whitening_file)
    throw DataError(quoted_path(file) + ": is not the map that the study names");
  return Whitening::load(file);
}

Dataset in_study_order(Dataset&& rows, StudyMember& member) {
  const std::vector<std::uint32_t> order =
      shuffled_indices(static_cast<std::size_t>(rows.features.rows()), member.session().seed);
  if (!rows.labels.empty()) return select(std::move(rows), order);
  FeatureMatrix features(rows.features.rows(), rows.features.cols());
  for (std::size_t i = 0; i < order.size(); ++i)
    features.row(static_cast<Eigen::Index>(i)) =
        rows.features.row(static_cast<Eigen::Index>(order[i]));
  rows.features = std::move(features);
  return std::move(rows);
}

}  // namespace blindtuner::party
