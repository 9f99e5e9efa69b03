#include "features/samples/left_out_rows.h"

#include <algorithm>

#include "base/error.h"

namespace blindtuner::features {

void require_same_places(const LeftOutRows& rows_a, const std::string& a, const LeftOutRows& rows_b,
                         const std::string& b, const std::string& advice) {
  const auto refuse = [&](const LeftOutRows& rows, std::size_t at, const std::string& file,
                          const std::string& other) {
    throw DataError(file + ", line " + std::to_string(rows.lines[at]) +
                    ": no sample, as it is empty or lacks a value, but " + other +
                    " may have one in its place: rows go together by their places, and those "
                    "below would go to others; " +
                    advice);
  };
  const std::size_t both = std::min(rows_a.places.size(), rows_b.places.size());
  std::size_t at = 0;
  while (at < both && rows_a.places[at] == rows_b.places[at]) ++at;
  const bool of_a = at < rows_a.places.size(), of_b = at < rows_b.places.size();
  if (of_a && (!of_b || rows_a.places[at] < rows_b.places[at])) refuse(rows_a, at, a, b);
  if (of_b) refuse(rows_b, at, b, a);
}

}  // namespace blindtuner::features
