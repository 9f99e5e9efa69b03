// Columns that are no features but the answer: the label again, under another name or in other numbers.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "features/samples/dataset.h"

namespace blindtuner::features {

/// A column whose values fall into one interval a class, with that share of all rows in the interval
/// of their own class: a copy of the label, an affine or another one-to-one map of it, or what the
/// label was cut from.
struct AnswerColumn {
  std::size_t column = 0;  ///< of the features, from 0
  double share = 0;        ///< of the rows
};

/// Columns with a share of 99.5 %, and errors in no more than 2 % of the rows outside the largest
/// class. Rows that are too few to tell give none: a column with a value a class must have been met
/// by chance less often than once in a million such tables; one with more values, which a good
/// feature may have, must separate 200 rows, 20 at least of every class.
/// O(features), and rows * log(rows) for the columns that are found. `set` as validate_set() has it.
std::vector<AnswerColumn> answer_columns(const Dataset& set);

/// "'visits'", "feature 3" (from 1), and several of these, not too many.
std::string feature_list(const Dataset& set, const std::vector<std::size_t>& columns);

/// "'visits' alone gives the label in 100 % of 300 rows: is it an answer rather than a feature? ..";
/// empty without columns.
std::string answer_warning(const Dataset& set, const std::vector<AnswerColumn>& columns);

}  // namespace blindtuner::features
