// How owners of different columns use the model that they have trained together: it is linear, so each owner makes, of rows that
// all have, its own columns' part of the scores, W_i z_i (z_i: its columns through its map), and whoever has all parts adds them up.
//
// All owners know all weights. A part therefore tells whoever has it as many linear functions of the owner's columns as there
// are classes, of every row; where columns are no more than classes, the whitened columns themselves.
//
// A file of them, .npz: partial_scores (rows x classes), owner (a text), model (a text: the digest of the model's record), made (a text:
// when, by its owner's clock, as base/utc_time.h has it; parts of earlier versions have none), and,
// where the study matches rows, rows (a text each: its identifier's hash under the study's key, in hexadecimal; row_matching.h);
// and signature (a text: its owner's, of all these and the study, in hexadecimal), so that nobody who carries it alters it. Who carries it can
// put an earlier part of the same owner and model in its place, which only `made` tells, to people.
#pragma once

#include <map>

#include "party/owner/study/study_training.h"

namespace blindtuner::party {

struct PartialScores {
  std::string owner, model;
  std::string made;  ///< empty: an earlier version's, which does not say
  Eigen::MatrixXd scores;
  std::vector<std::string> rows;  ///< none where rows are in one order
  Signature signature{};
};
void save_partial_scores(const std::filesystem::path& path, const PartialScores& part);
/// Throws DataError.
PartialScores load_partial_scores(const std::filesystem::path& path);

/// The owner's part of these rows, once it has opened the model; rows without an identifier are left out where the study matches rows.
/// The last owner's has the bias. Signed. Throws DataError, also where owners have all columns.
PartialScores partial_scores(StudyOwner& owner, StudyTraining& training, const Dataset& rows);

/// Throws DataError, which `name` opens, unless the part is as an owner of the study has signed it.
void require_signed(const StudyManifest& manifest, const PartialScores& part,
                    const std::string& name);

struct JoinedScores {
  Eigen::MatrixXd scores;
  std::vector<std::size_t> rows;  ///< of the first part, those that all parts have
  /// Of them, those that the study was trained on, as far as the owner can tell.
  std::size_t trained_on = 0;
  /// When the others' parts were made, by their owners' clocks; empty: the part does not say.
  std::map<std::string, std::string> made;
};
/// Of the owners' parts, one of each. `names` open messages. Throws DataError.
JoinedScores add_up(const std::vector<std::string>& owners, std::span<const PartialScores> parts,
                    std::span<const std::string> names);
/// This owner's part of these rows with those in the others' files: `rows` of the result are places among them. Rows that were
/// trained on are told by their identifiers and, where the study has none, if they are all that this owner gave. Throws DataError.
JoinedScores combined_scores(StudyOwner& owner, StudyTraining& training, const Dataset& rows,
                             std::span<const std::filesystem::path> files);

}  // namespace blindtuner::party
