// What features lose when they become single precision.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

namespace blindtuner::features {

/// Of columns whose values are read in double precision and kept in single precision: how much of
/// what tells samples apart is rounded away. An offset that is large beside what a column varies by,
/// as a time in seconds has, leaves steps of its own size behind.
class ColumnRounding {
 public:
  explicit ColumnRounding(std::size_t columns) : columns_(columns) {}

  void add(std::size_t column, double value) {
    Column& c = columns_[column];
    if (c.count == 0) c.first = value;
    const double shifted = value - c.first, error = value - static_cast<float>(value);
    ++c.count;
    c.sum += shifted;
    c.squares += shifted * shifted;
    c.error_squares += error * error;
  }

  /// Throws DataError, which `where(column)` opens, for a column whose rounding errors are more than a
  /// hundredth of its standard deviation. Deviations below 2^-40 of the values are rounding themselves,
  /// and no loss.
  void check(const std::function<std::string(std::size_t)>& where) const;

 private:
  struct Column {
    std::size_t count = 0;
    double first = 0, sum = 0, squares = 0, error_squares = 0;
  };
  std::vector<Column> columns_;
};

}  // namespace blindtuner::features
