// What features lose when they become single precision.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
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

  /// `exact` tells values apart that are whole numbers beyond those that double precision holds; 0: `value` is exact.
  void add(std::size_t column, double value, std::uint64_t exact = 0) {
    Column& c = columns_[column];
    if (c.count == 0) {
      c.first = value;
      c.first_exact = exact;
    }
    c.differ = c.differ || (value == c.first && exact != c.first_exact);
    const double shifted = value - c.first, error = value - static_cast<float>(value);
    c.largest = std::max(c.largest, std::abs(shifted));
    c.largest_error = std::max(c.largest_error, std::abs(error));
    ++c.count;
    c.sum += shifted;
    c.squares += shifted * shifted;
    c.error_squares += error * error;
  }

  /// Throws DataError, which `where(column)` opens, for a column whose rounding errors are more than a
  /// hundredth of its standard deviation, and for one whose deviation is 2^-24 of its mean or less, which Whitening takes for a
  /// constant. Deviations below 2^-40 of the values are rounding themselves, and no loss, but those of whole numbers
  /// that double precision makes one.
  void check(const std::function<std::string(std::size_t)>& where) const;

 private:
  struct Column {
    std::size_t count = 0;
    std::uint64_t first_exact = 0;
    bool differ = false;  // numbers that are one in double precision
    double first = 0, sum = 0, squares = 0, error_squares = 0, largest = 0, largest_error = 0;
  };
  std::vector<Column> columns_;
};

}  // namespace blindtuner::features
