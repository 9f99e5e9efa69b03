// Features of another set that cannot be measured as the training set's were.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "features/samples/dataset.h"

namespace blindtuner::features {

/// Columns of `other` that lie more than 20 median deviations from those of `known`, or are 30 times
/// as spread or a thirtieth: in other units, or standardised apart. Medians, so that a few samples far
/// away are none; columns of which half the values are one, and sets of fewer than ten, tell nothing.
std::vector<std::size_t> columns_of_other_scale(const FeatureMatrix& known,
                                                const FeatureMatrix& other);

/// "2 of 5 features of `whose` lie elsewhere than in `known_as` ..", with the first by name; empty without
/// any. `names`: one a column, or none.
std::string other_scale_warning(const std::vector<std::size_t>& columns, std::size_t width,
                                const std::vector<std::string>& names, const std::string& whose,
                                const std::string& known_as);

}  // namespace blindtuner::features
