// Whether numbers count the rows that they are of.
#pragma once

#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

#include "features/tables/table_number.h"

namespace blindtuner::features {

/// Every row's number is the one before and a step, which is not 0, whatever the first is. Rows come in any
/// order. Fractions are rounded: by 10^-6 of the step.
class RowCount {
 public:
  void add(std::size_t row, double value) {
    if (seen_++ == 0) {
      start_ = value;
      start_row_ = row;
      return;
    }
    const double rows = static_cast<double>(row) - static_cast<double>(start_row_);
    if (seen_ == 2) step_ = (value - start_) / rows;
    const double off = std::abs(start_ + step_ * rows - value);
    counts_ = counts_ && step_ != 0 && off <= 1e-6 * std::abs(step_) + 1e-15 * std::abs(value);
  }
  /// A row without a number.
  void stop() { counts_ = false; }

  bool counts() const { return counts_; }
  double step() const { return step_; }  ///< 0: of a single row
  /// What a row has where the others count.
  double at(std::size_t row) const {
    return start_ + step_ * (static_cast<double>(row) - static_cast<double>(start_row_));
  }
  /// 0, 1, .. or 1, 2, ..: what a program writes that knows nothing of the rows but their places.
  bool by_default() const { return counts_ && step_ == 1 && (at(0) == 0 || at(0) == 1); }

 private:
  std::size_t seen_ = 0, start_row_ = 0;
  bool counts_ = true;
  double start_ = 0, step_ = 0;
};

/// The same of fields.
RowCount count_rows(const std::vector<std::string>& fields);

}  // namespace blindtuner::features
