// Rows that are no samples, where rows of two files go together by their places.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace blindtuner::features {

/// Rows of a table that are left out amid others: those of nothing, those without a value. Behind the last
/// sample they shift nothing, and are not here.
struct LeftOutRows {
  std::vector<std::size_t>
      places;  ///< among all rows below the header, these among them, from 0, rising
  std::vector<std::uint32_t> lines;  ///< of the file, from 1, one a place
};

/// Of two files (`a`, `b`) whose rows go together by their places: both have left out the same ones. Throws DataError
/// for the first that one alone leaves out, by its line; `advice` says what is to be done.
void require_same_places(const LeftOutRows& rows_a, const std::string& a, const LeftOutRows& rows_b,
                         const std::string& b, const std::string& advice);

}  // namespace blindtuner::features
