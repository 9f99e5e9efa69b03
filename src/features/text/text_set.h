// Sets of texts: a table with one text a row.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "features/samples/class_names.h"
#include "features/samples/dataset.h"
#include "features/tables/table_columns.h"

namespace blindtuner::features {

struct TextSource {
  std::filesystem::path table;  ///< features/tables/table.h
  ColumnChoice columns;
  ClassRequest classes;  ///< when they are not to be found in the table
};

struct TextSet {
  std::vector<std::string> texts;
  Labels labels;                     ///< none when the table has none
  std::vector<std::string> classes;  ///< none without labels
  std::vector<std::string> names;    ///< the lines on which the texts begin
  SampleGroups groups{};             ///< features/samples/sample_groups.h
  Reading reading;
};

/// The columns are those that assign_columns() finds. Throws DataError: no texts, fewer than two
/// classes, labels that do not fit, and what Table and assign_columns() refuse.
TextSet read_text_set(const TextSource& source);

}  // namespace blindtuner::features
