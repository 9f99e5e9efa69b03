// What a whitening map needs to know of rows: how many, their sums and the sums of products of two columns. They add up, so
// that several owners can have the map of all their rows without showing any.
//
// Columns are counted in powers of two, agreed beforehand, that make every entry 1 at most: nothing overflows and nothing
// vanishes, whatever their units, and dividing by them is exact.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "features/samples/dataset.h"

namespace blindtuner::features {

/// Of a column of zeros.
inline constexpr int kNoExponent = -1000;
/// Every entry of the column is below 2^exponent in magnitude, and not all below half of that. Throws DataError for
/// numbers that are not finite.
std::vector<int> column_exponents(const FeatureMatrix& features);

struct Moments {
  std::uint64_t rows = 0;
  std::vector<int> exponents;  ///< of columns; kNoExponent: all zero
  Eigen::VectorXd sums;        ///< of x_j / 2^e_j
  Eigen::MatrixXd products;    ///< of pairs of these, symmetric

  std::size_t columns() const { return exponents.size(); }
};

/// Throws ContractError for exponents below a column's own.
Moments moments_of(const FeatureMatrix& features, std::span<const int> exponents);

/// The numbers of moments: rows, sums, products of j and k >= j, row by row. rows at most each.
std::vector<double> moment_numbers(const Moments& moments);
std::size_t moment_count(std::size_t columns);
/// Of such numbers, opened with a little noise: rows become a whole number again. Throws DataError unless they are `rows`,
/// for another number of them, and for sums that no rows have: a column whose variance is below zero or whose entries are
/// beyond its power of two, covariances that are not positive semidefinite. Each as far as numbers that are wrong by 2^-40 of
/// the rows tell, far more than an opening's noise.
Moments moments_from(std::span<const double> numbers, std::uint64_t rows,
                     std::vector<int> exponents);

}  // namespace blindtuner::features
