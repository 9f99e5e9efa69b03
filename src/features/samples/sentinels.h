// Numbers that are no measures but say that there is none.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "features/samples/dataset.h"

namespace blindtuner::features {

/// A column where one number of nines (-99, -999, 999, -9999, ..) or -32768 lies below or above all others,
/// farther from them than these from one another: a mark for "not measured" of many programs.
struct Sentinel {
  std::size_t column = 0;  ///< from 0
  double value = 0;
  std::size_t rows = 0;        ///< that have it
  double least = 0, most = 0;  ///< of the others
};

/// Those of all columns. O(features).
std::vector<Sentinel> sentinels(const FeatureMatrix& features);

/// "3 columns hold a number that ..": with the first of them; empty without any. `names`: one a column, or none.
std::string sentinel_warning(const std::vector<Sentinel>& found,
                             const std::vector<std::string>& names, std::size_t rows);

}  // namespace blindtuner::features
