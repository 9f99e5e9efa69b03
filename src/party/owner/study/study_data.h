// What an owner of a study trains with.
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>

#include "features/data/whitening.h"
#include "party/owner/data_checks.h"
#include "party/owner/listener.h"
#include "party/study/member.h"

namespace blindtuner::party {
using namespace features;

struct StudyData {
  Dataset train;                    ///< its classes numbered as the study's; the same at every call
  std::optional<Dataset> held_out;  ///< of its own, on which the model is judged
  std::optional<Whitening> map;     ///< where the study's whitening is a file's
  std::size_t known_rows = 0;       ///< of held_out, those that are in `train` as well
};

/// Whether this owner has labels.
bool has_labels(const StudyDraft& draft, const std::string& owner);
/// What of all that the study trains on an owner has.
TrainingPart part_of(const StudyDraft& draft);
/// Throws DataError where the study names a map, in this file, that is of other columns.
void require_fit(const StudyDraft& draft, const std::filesystem::path& file);
/// What an owner says of its columns (OwnerRows::names), of a study of rows that does not name them.
std::optional<Sha256Digest> names_to_compare(const StudyDraft& draft, const Dataset& rows);
/// The map that the study names, none where it names none. Throws DataError for another file, and where none is given.
std::optional<Whitening> named_map(const StudyDraft& draft, const std::filesystem::path& file);
/// These rows alone, in this order; `rows` need not have labels.
Dataset rows_of(Dataset&& rows, std::span<const std::uint32_t> order);
/// What of this owner's rows no training takes: other columns than the study says; without identifiers where rows are matched by
/// them, or with one for two rows. Rows are as they were read: messages count them from 1. Throws DataError.
void require_study_rows(const StudyDraft& draft, const std::string& owner, const Dataset& rows);
/// Holds rows to judge the model by, data.held_out, against what the owner trains on, and fills in data.known_rows; warns of rows
/// that are in both, or nearly, and of other scales. Throws DataError where all of them are trained on and for other columns than
/// the study's; `name`: the rows', in words.
void hold_test_rows(const StudyDraft& draft, const std::string& owner, StudyData& data,
                    const std::string& name, const Listener& listener);
/// The rows in an order by chance that is the same at every call, in a study of columns at all owners: batches are of all
/// that an owner has, whatever order its file has. Throws what require_study_rows() throws.
Dataset in_study_order(Dataset&& rows, StudyMember& member);

}  // namespace blindtuner::party
