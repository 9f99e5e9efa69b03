#include "features/data/moments.h"

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/parallel.h"

namespace blindtuner::features {
namespace {

constexpr Eigen::Index kBlockRows = 512;

// Of an opened mean of entries up to 1. An opening's noise is 2^-60 at most (secret/disclosure.h, linalg/sums.h), what
// rounding of sums in double precision leaves 2^-45 with 2^32 rows.
constexpr double kMomentError = 0x1p-40;

/// Throws DataError unless rows could have these: one entry's square is 1 at most, and covariances are those of rows.
void require_possible(const Moments& m) {
  const auto rows = static_cast<double>(m.rows);
  const Eigen::VectorXd mean = m.sums / rows;
  Eigen::MatrixXd covariance = m.products / rows - mean * mean.transpose();
  const char* const hint =
      ": an owner has sent statistics of no rows, or has altered its share of them";
  for (Eigen::Index j = 0; j < covariance.cols(); ++j)
    if (!(m.products(j, j) / rows <= 1 + kMomentError && covariance(j, j) >= -kMomentError))
      throw DataError("statistics that no rows have: column " + std::to_string(j + 1) +
                      " with a variance of " + std::to_string(covariance(j, j)) + " of its range" +
                      hint);
  // A symmetric matrix whose entries err by so much has eigenvalues that err by as much as all entries of a row together.
  covariance.diagonal().array() += kMomentError * static_cast<double>(covariance.cols());
  if (covariance.llt().info() != Eigen::Success)
    throw DataError(
        std::string("statistics that no rows have: covariances that do not go together") + hint);
}

}  // namespace

std::vector<int> column_exponents(const FeatureMatrix& features) {
  std::vector<int> out(static_cast<std::size_t>(features.cols()), kNoExponent);
  for (Eigen::Index i = 0; i < features.rows(); ++i)
    for (Eigen::Index j = 0; j < features.cols(); ++j) {
      const float value = features(i, j);
      if (!std::isfinite(value))
        throw DataError("row " + std::to_string(i) + ", feature " + std::to_string(j) +
                        " is no finite number");
      int& exponent = out[static_cast<std::size_t>(j)];
      if (value != 0) exponent = std::max(exponent, std::ilogb(value) + 1);
    }
  return out;
}

Moments moments_of(const FeatureMatrix& x, std::span<const int> exponents) {
  require(exponents.size() == static_cast<std::size_t>(x.cols()), "an exponent for every column");
  const std::vector<int> own = column_exponents(x);
  for (std::size_t j = 0; j < own.size(); ++j)
    require(own[j] <= exponents[j], "exponents of all owners' columns");
  Moments out;
  out.rows = static_cast<std::uint64_t>(x.rows());
  out.exponents.assign(exponents.begin(), exponents.end());
  Eigen::RowVectorXd factors(x.cols());
  for (Eigen::Index j = 0; j < x.cols(); ++j) {
    const int exponent = exponents[static_cast<std::size_t>(j)];
    factors(j) = exponent == kNoExponent ? 0 : std::ldexp(1.0, -exponent);
  }
  out.sums = Eigen::VectorXd::Zero(x.cols());
  out.products = Eigen::MatrixXd::Zero(x.cols(), x.cols());
  // Blocks in parallel, their sums added in order: the same bits on any number of threads.
  struct Sums {
    Eigen::VectorXd sums;
    Eigen::MatrixXd products;
  };
  const Eigen::Index blocks = (x.rows() + kBlockRows - 1) / kBlockRows;
  std::vector<Sums> parts(x.cols() <= 2048 ? 8 : 2);
  for (Eigen::Index first = 0; first < blocks; first += static_cast<Eigen::Index>(parts.size())) {
    const auto count = std::min(parts.size(), static_cast<std::size_t>(blocks - first));
    parallel_for(count, [&](std::size_t g) {
      const Eigen::Index begin = (first + static_cast<Eigen::Index>(g)) * kBlockRows;
      const Eigen::MatrixXd rows = (x.middleRows(begin, std::min(kBlockRows, x.rows() - begin))
                                        .cast<double>()
                                        .array()
                                        .rowwise() *
                                    factors.array())
                                       .matrix();
      parts[g].sums = rows.colwise().sum().transpose();
      parts[g].products.setZero(x.cols(), x.cols());
      parts[g].products.selfadjointView<Eigen::Lower>().rankUpdate(rows.transpose());
    });
    for (std::size_t g = 0; g < count; ++g) {
      out.sums += parts[g].sums;
      out.products += parts[g].products;
    }
  }
  out.products.triangularView<Eigen::StrictlyUpper>() = out.products.transpose();
  return out;
}

std::size_t moment_count(std::size_t columns) { return 1 + columns + columns * (columns + 1) / 2; }

std::vector<double> moment_numbers(const Moments& moments) {
  std::vector<double> out;
  out.reserve(moment_count(moments.columns()));
  out.push_back(static_cast<double>(moments.rows));
  out.insert(out.end(), moments.sums.begin(), moments.sums.end());
  for (Eigen::Index j = 0; j < moments.products.rows(); ++j)
    for (Eigen::Index k = j; k < moments.products.cols(); ++k)
      out.push_back(moments.products(j, k));
  return out;
}

Moments moments_from(std::span<const double> numbers, std::uint64_t rows,
                     std::vector<int> exponents) {
  const std::size_t columns = exponents.size();
  if (numbers.size() != moment_count(columns))
    throw DataError("statistics of " + std::to_string(numbers.size()) + " numbers, expected " +
                    std::to_string(moment_count(columns)));
  if (!(std::abs(numbers[0] - static_cast<double>(rows)) < 0.25))
    throw DataError("statistics of " + std::to_string(std::llround(numbers[0])) +
                    " rows, expected " + std::to_string(rows));
  Moments out;
  out.rows = rows;
  out.exponents = std::move(exponents);
  const auto d = static_cast<Eigen::Index>(columns);
  out.sums = Eigen::Map<const Eigen::VectorXd>(numbers.data() + 1, d);
  out.products.resize(d, d);
  std::size_t next = 1 + columns;
  for (Eigen::Index j = 0; j < d; ++j)
    for (Eigen::Index k = j; k < d; ++k) out.products(j, k) = out.products(k, j) = numbers[next++];
  require_possible(out);
  return out;
}

}  // namespace blindtuner::features
