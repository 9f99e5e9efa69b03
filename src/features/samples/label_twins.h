// Features that are the label in disguise: what a classifier learns from them is no knowledge.
#pragma once

#include <cstddef>
#include <vector>

#include "features/samples/dataset.h"

namespace blindtuner::features {

struct LabelTwin {
  std::vector<std::size_t> columns;  ///< one, or one-hot columns
  double share = 1;                  ///< of the samples whose class it tells
};

/// Columns with one value a class, another one for each, and columns that are one-hot together (one a
/// class, or all but one), for at least 99 % of the samples; and that by chance less than once in a
/// million sets. A feature of few values that decides the class by a threshold is none. `labels` are
/// in [0, classes), one a row.
std::vector<LabelTwin> label_twins(const FeatureMatrix& features, const Labels& labels,
                                   int classes);

/// Columns that count the rows, by whatever step from whatever number, of 20 rows or more.
std::vector<std::size_t> row_counters(const FeatureMatrix& features);

/// Of the others, columns that may be rows' numbers in another order, or those of a part of the rows:
/// whole numbers, none twice, either 0 to n - 1 or 1 to n, or too close for that by chance. Ranks are
/// such, too.
std::vector<std::size_t> row_numbers(const FeatureMatrix& features);

}  // namespace blindtuner::features
