// The usual names of columns. A heading is compared without capitals, blanks and dashes.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace blindtuner::features {

enum class TableUse;

/// "Patient-ID " is "patient_id".
std::string heading_key(std::string_view name);

bool is_label_heading(std::string_view name);  ///< label, target, class, diagnosis, ..
/// Of these, those that do not say what they tell: label, y, target, ..
bool is_plain_label_heading(std::string_view name);
bool is_text_heading(std::string_view name);        ///< text, sentence, review, ..
bool is_path_heading(std::string_view name);        ///< path, image, filename, ..
bool is_identifier_heading(std::string_view name);  ///< id, index, .._id, filename, ..
/// Of those, names that are also ones of measures: no (nitric oxide), key (of a song).
bool is_ambiguous_identifier(std::string_view name);
/// x (as R calls row names), case, obs, ..: numbers of rows, or measures.
bool is_counter_heading(std::string_view name);
/// Whose a row is, whatever is behind it: patient, patient_id, SubjectID, lesion_no, ..
bool is_origin_heading(std::string_view name);
/// Of those the ones that are nothing else: a family, a case, a student may be a measure.
bool is_certain_origin_heading(std::string_view name);
/// What rows of one origin may have in common: those, and identifiers that are no number of a row.
bool is_group_heading(std::string_view name);
bool is_split_heading(std::string_view name);    ///< split, fold, ..
bool is_unnamed_heading(std::string_view name);  ///< Unnamed: 0, level_0

/// Whether a word is a usual heading of a table for that use.
std::function<bool(std::string_view)> known_headings(TableUse use);

/// "2021-03-01", "1.2.2021 10:30", "2021-03-01T10:30:00Z", "03/2021", "05-Mar-2021", "10:30:00", "09:30":
/// two separators, a month's name or a year of four digits, so not "120/80".
bool looks_like_date(std::string_view field);
/// train, test, validation, ..
bool is_split_name(std::string_view field);

}  // namespace blindtuner::features
