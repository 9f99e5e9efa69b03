// What an owner of a study trains with.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "features/data/whitening.h"
#include "party/study/member.h"

namespace blindtuner::party {
using namespace features;

struct StudyData {
  Dataset train;                    ///< its classes numbered as the study's; the same at every call
  std::optional<Dataset> held_out;  ///< of its own, on which the model is judged
  std::optional<Whitening> map;     ///< where the study's whitening is a file's
};

/// Whether this owner has labels.
bool has_labels(const StudyDraft& draft, const std::string& owner);
/// The map that the study names, none where it names none. Throws DataError for another file, and where none is given.
std::optional<Whitening> named_map(const StudyDraft& draft, const std::filesystem::path& file);
/// The rows in an order by chance that is the same at every call, in a study of columns at all owners: batches are of all
/// that an owner has, whatever order its file has.
Dataset in_study_order(Dataset&& rows, StudyMember& member);

}  // namespace blindtuner::party
