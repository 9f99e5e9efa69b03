// Which column of a table is what.
//
// In this order: what the user says; usual names in the header; what is in the column. Where several
// columns remain for one role, the table is refused and they are listed. What was taken for what, and
// what was left out for which reason, is in the reading.
#pragma once

#include <cstddef>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "features/tables/table.h"
#include "features/tables/table_number.h"

namespace blindtuner::features {

/// Where another set has its labels: by its name wherever they are, by its place in a table without a header and of as many
/// columns.
struct KnownLabel {
  std::string name{};          ///< of the header, or of the member; empty: without one
  std::size_t column = 0;      ///< from 1; 0: not known
  std::size_t of_columns = 0;  ///< of that table
  bool apart = false;          ///< that is of labels alone
  bool required = false;       ///< a table with a header that lacks the name is refused
};

/// Columns as the command line names them: by a name of the header, a number from 1, or "last".
struct ColumnChoice {
  std::string label{}, text{}, path{};  ///< empty: by the table; label "none": without labels
  std::vector<std::string> features{}, drop{};
  std::string decimal{};      ///< "comma", "point"; empty: by the table
  bool skip_missing = false;  ///< leave out rows without a value instead of refusing them
  KnownLabel known_label{};   ///< where no label is named
  /// What samples of one origin have in common; empty: by the table, "none": nothing.
  std::string group{};
  std::string known_group{};  ///< of another set, to be compared with: taken where it is there
  std::string id{};           ///< by which others know the rows; empty: nothing
};

/// What a reader took for what.
struct Reading {
  std::vector<std::string> notes, warnings;           ///< sentences without their full stop
  nlohmann::json details = nlohmann::json::object();  ///< the same for programs
};

enum class TableUse { kFeatures, kLabels, kTexts, kPictures };
/// kMaybe: a label where one is found. kElsewhere: labels are in another file, which ColumnChoice::label is of. A column of that name, as
/// any that a label's name is on, is no feature here.
enum class Labelled { kYes, kMaybe, kNo, kElsewhere };

struct TableRequest {
  TableUse use = TableUse::kFeatures;
  Labelled labelled = Labelled::kYes;
  ColumnChoice columns;
  /// The features of another set: the same columns are taken, in that order; where several have one
  /// name (or none has), they must be in that order here as well. None: by the rules.
  std::vector<std::string> feature_names;
  std::function<bool(std::string_view)> is_file;  ///< of kPictures
  bool identifiers = false;  ///< FeatureTable::others takes all that is neither feature nor label
};

struct TableColumns {
  bool header = false;
  std::vector<std::string> names;  ///< one a column; empty ones without a header
  std::vector<std::size_t> features;
  std::optional<std::size_t> label, content;  ///< content: the texts or paths
  std::optional<std::size_t> group;           ///< as ColumnChoice::group asks for it
  std::optional<std::size_t> id;              ///< as ColumnChoice::id does
  std::vector<std::size_t> one_hot;           ///< columns of zeros and a one, one a class
  std::vector<std::size_t> dropped;           ///< columns that were left out as asked
  std::vector<std::size_t> rows;              ///< those that are data
  std::vector<std::size_t> logical;           ///< features of True and False, which are 1 and 0
  bool dash_is_class = false;                 ///< "-" is a label
  DecimalMark mark = DecimalMark::kPoint;
  std::string column_text(std::size_t column) const;  ///< "column 3 ('bmi')"
};

/// Throws DataError: a column that is not there, several for one role, none, text or nothing where
/// numbers are to be, decimal marks that contradict one another or may be thousands.
TableColumns assign_columns(const Table& table, const TableRequest& request, Reading& reading);

}  // namespace blindtuner::features
