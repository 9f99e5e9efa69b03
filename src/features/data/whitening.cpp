#include "features/data/whitening.h"

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <exception>
#include <functional>
#include <future>
#include <memory>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/parallel.h"
#include "base/path.h"
#include "base/sha256.h"
#include "features/data/npy.h"

namespace blindtuner::features {
namespace {

constexpr Eigen::Index kRows = 512;

std::size_t blocks_of(Eigen::Index rows) {
  return static_cast<std::size_t>((rows + kRows - 1) / kRows);
}

/// Mean and 1 / standard deviation of every column; 0 in place of the latter without variance.
struct Columns {
  Eigen::VectorXd mean, inverse_deviation;
};

// What rounding one number to single precision may move it by, as a share of it: a column that varies by no more is constant.
constexpr double kConstant = 0x1p-24;
// Of a column of entries up to 1: what a difference of sums of squares in double precision does not tell from 0.
constexpr double kLeastVariance = 0x1p-40;

Columns columns_of(const FeatureMatrix& x) {
  const auto samples = static_cast<double>(x.rows());
  Eigen::VectorXd sum = Eigen::VectorXd::Zero(x.cols()), squares = sum;
  const auto over_rows = [&](const auto& add) {
    for (Eigen::Index i = 0; i < x.rows(); ++i) {
      if (i % kRows == 0) throw_if_interrupted();
      add(x.row(i).transpose().cast<double>());
    }
  };
  // From the first row on, so that what is added up is as exact as the differences.
  const Eigen::VectorXd first = x.row(0).transpose().cast<double>();
  over_rows([&](const auto& row) { sum += row - first; });
  Columns out{first + sum / samples, {}};
  over_rows([&](const auto& row) { squares += (row - out.mean).cwiseAbs2(); });
  out.inverse_deviation = Eigen::VectorXd::Zero(x.cols());
  for (Eigen::Index j = 0; j < x.cols(); ++j) {
    const double deviation = std::sqrt(squares(j) / samples);
    if (deviation > kConstant * std::abs(out.mean(j)) && std::isnormal(deviation))
      out.inverse_deviation(j) = 1 / deviation;
  }
  return out;
}

/// Rows [begin, begin + rows) standardised, columns [left, left + width).
Eigen::MatrixXf standardised(const FeatureMatrix& x, const Columns& columns, Eigen::Index begin,
                             Eigen::Index rows, Eigen::Index left, Eigen::Index width) {
  const auto mean = columns.mean.segment(left, width).transpose();
  const auto scale = columns.inverse_deviation.segment(left, width).transpose();
  const Eigen::MatrixXd centred = x.block(begin, left, rows, width).cast<double>().rowwise() - mean;
  return (centred.array().rowwise() * scale.array()).cast<float>();
}

/// The sum over parts of part^T part, each `width` columns wide. In single precision within a part,
/// in double over parts; groups of parts are made in parallel and added in order.
Eigen::MatrixXd sum_of_squares(std::size_t parts, Eigen::Index width,
                               const std::function<Eigen::MatrixXf(std::size_t)>& part) {
  Eigen::MatrixXd sum = Eigen::MatrixXd::Zero(width, width);
  // Groups of wide parts are smaller, for the memory.
  const std::size_t group = width <= 2048 ? 8 : 2;
  std::vector<Eigen::MatrixXf> partial(group);
  for (std::size_t first = 0; first < parts; first += group) {
    throw_if_interrupted();
    const std::size_t count = std::min(group, parts - first);
    parallel_for(count, [&](std::size_t g) {
      const Eigen::MatrixXf m = part(first + g);
      partial[g].setZero(width, width);
      partial[g].selfadjointView<Eigen::Lower>().rankUpdate(m.transpose());
    });
    for (std::size_t g = 0; g < count; ++g) sum += partial[g].cast<double>();
  }
  sum.triangularView<Eigen::StrictlyUpper>() = sum.transpose();
  return sum;
}

Eigen::Index part_begin(std::size_t part) { return static_cast<Eigen::Index>(part) * kRows; }
Eigen::Index part_size(std::size_t part, Eigen::Index all) {
  return std::min(kRows, all - part_begin(part));
}

/// d x d, of the standardised features.
Eigen::MatrixXd covariance(const FeatureMatrix& x, const Columns& columns) {
  return sum_of_squares(blocks_of(x.rows()), x.cols(),
                        [&](std::size_t p) {
                          return standardised(x, columns, part_begin(p), part_size(p, x.rows()), 0,
                                              x.cols());
                        }) /
         static_cast<double>(x.rows());
}

/// n x n inner products of the standardised samples, divided by n.
Eigen::MatrixXd inner_products(const FeatureMatrix& x, const Columns& columns) {
  return sum_of_squares(blocks_of(x.cols()), x.rows(),
                        [&](std::size_t p) -> Eigen::MatrixXf {
                          return standardised(x, columns, 0, x.rows(), part_begin(p),
                                              part_size(p, x.cols()))
                              .transpose();
                        }) /
         static_cast<double>(x.rows());
}

using Solver = Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd>;

/// The solver cannot be interrupted, so it works on a thread of its own, which is left behind when
/// the program is asked to end: it touches nothing but what it shares here.
std::shared_ptr<const Solver> solve(Eigen::MatrixXd matrix) {
  struct Shared {
    Eigen::MatrixXd matrix;
    Solver solver;
    std::promise<void> promise;
  };
  const auto shared = std::make_shared<Shared>();
  shared->matrix = std::move(matrix);
  std::future<void> done = shared->promise.get_future();
  std::thread([shared] {
    try {
      shared->solver.compute(shared->matrix);
      shared->promise.set_value();
    } catch (...) {
      shared->promise.set_exception(std::current_exception());
    }
  }).detach();
  while (done.wait_for(std::chrono::milliseconds(100)) != std::future_status::ready)
    throw_if_interrupted();
  done.get();
  if (shared->solver.info() != Eigen::Success || !shared->solver.eigenvalues().allFinite())
    throw DataError("whitening: the covariance has no eigenvalues (NaN or infinite features?)");
  return {shared, &shared->solver};
}

// Of the largest eigenvalue: less is rounding, where samples are fewer than features.
constexpr double kNoDirection = 1e-6;

struct Directions {
  Eigen::VectorXd eigenvalues;  ///< falling, d
  Eigen::MatrixXd vectors;      ///< d x k, of length 1
};

Directions directions_of(const FeatureMatrix& x, const Columns& columns, Eigen::Index most) {
  const Eigen::Index n = x.rows(), d = x.cols();
  const bool wide = d >= n;
  const auto solved = solve(wide ? inner_products(x, columns) : covariance(x, columns));
  Directions out{Eigen::VectorXd::Zero(d), {}};
  out.eigenvalues.head(std::min(n, d)) = solved->eigenvalues().reverse();
  if (!wide) {
    out.vectors = solved->eigenvectors().rowwise().reverse().leftCols(most == 0 ? d : most);
    return out;
  }
  Eigen::Index rank = 0;
  while (rank < n - 1 && out.eigenvalues(rank) > kNoDirection * out.eigenvalues(0)) ++rank;
  if (most > rank)
    throw DataError("whitening: " + std::to_string(n) + " samples differ along " +
                    std::to_string(rank) + " directions, fewer than the " + std::to_string(most) +
                    " components asked for");
  const Eigen::Index k = most == 0 ? rank : most;
  // Eigenvectors v of X X^T / n give those of X^T X / n: X^T v / sqrt(n lambda).
  Eigen::MatrixXd samples = solved->eigenvectors().rowwise().reverse().leftCols(k);
  for (Eigen::Index j = 0; j < k; ++j)
    samples.col(j) /= std::sqrt(static_cast<double>(n) * out.eigenvalues(j));
  out.vectors.resize(d, k);
  parallel_for(blocks_of(d), [&](std::size_t p) {
    throw_if_interrupted();
    const Eigen::Index begin = part_begin(p), size = part_size(p, d);
    out.vectors.middleRows(begin, size).noalias() =
        standardised(x, columns, 0, n, begin, size).cast<double>().transpose() * samples;
  });
  return out;
}

/// Of moments: the covariance of standardised columns that vary, whose rank is `most_rank` at most.
Directions directions_of(Eigen::MatrixXd covariance, Eigen::Index most_rank, Eigen::Index most) {
  const Eigen::Index d = covariance.rows();
  const auto solved = solve(std::move(covariance));
  Directions out{solved->eigenvalues().reverse(), {}};
  Eigen::Index rank = d;
  if (most_rank < d) {
    rank = 0;
    while (rank < most_rank && out.eigenvalues(rank) > kNoDirection * out.eigenvalues(0)) ++rank;
    if (most > rank)
      throw DataError("whitening: the samples differ along " + std::to_string(rank) +
                      " directions, fewer than the " + std::to_string(most) +
                      " components asked for");
  }
  out.vectors = solved->eigenvectors().rowwise().reverse().leftCols(most == 0 ? rank : most);
  return out;
}

void require_sizes(std::uint64_t rows, std::size_t columns, double epsilon,
                   std::size_t components) {
  require(std::isfinite(epsilon) && epsilon > 0, "whitening: eps must be positive");
  require(components <= columns, "whitening: more components than features");
  if (rows < 2 || columns == 0)
    throw DataError("whitening: " + std::to_string(rows) + " samples of " +
                    std::to_string(columns) + " features, expected at least two samples");
}

void require_variance(const Columns& columns) {
  if ((columns.inverse_deviation.array() == 0).all())
    throw DataError("whitening: all samples are the same, expected features that vary");
}

}  // namespace

Whitening Whitening::fit(const FeatureMatrix& features, double epsilon, std::size_t components) {
  const auto d = static_cast<std::size_t>(features.cols());
  require_sizes(static_cast<std::uint64_t>(features.rows()), d, epsilon, components);
  if (d > kMaxWhitenedWidth && static_cast<std::size_t>(features.rows()) > kMaxWhitenedWidth)
    throw DataError("whitening: " + std::to_string(features.rows()) + " samples of " +
                    std::to_string(d) + " features, expected at most " +
                    std::to_string(kMaxWhitenedWidth) + " of one of them");
  Columns columns = columns_of(features);
  require_variance(columns);
  Directions directions = directions_of(features, columns, static_cast<Eigen::Index>(components));
  return of(std::move(columns.mean), columns.inverse_deviation, std::move(directions.eigenvalues),
            std::move(directions.vectors), epsilon);
}

Whitening Whitening::fit(const Moments& m, double epsilon, std::size_t components) {
  const auto d = static_cast<Eigen::Index>(m.columns());
  require_sizes(m.rows, m.columns(), epsilon, components);
  if (m.columns() > kMaxWhitenedWidth)
    throw DataError("whitening: " + std::to_string(m.columns()) + " features, expected at most " +
                    std::to_string(kMaxWhitenedWidth) + " where only their moments are known");
  // In the columns' own powers of two, in which neither squares nor quotients leave the range of doubles.
  const auto rows = static_cast<double>(m.rows);
  Columns columns{m.sums / rows, Eigen::VectorXd::Zero(d)};
  const Eigen::MatrixXd centred = m.products / rows - columns.mean * columns.mean.transpose();
  for (Eigen::Index j = 0; j < d; ++j) {
    const double variance = centred(j, j);
    if (m.exponents[static_cast<std::size_t>(j)] != kNoExponent && variance > kLeastVariance)
      columns.inverse_deviation(j) = 1 / std::sqrt(variance);
  }
  require_variance(columns);
  const auto& scale = columns.inverse_deviation;
  Directions directions =
      directions_of(scale.asDiagonal() * centred * scale.asDiagonal(),
                    static_cast<Eigen::Index>(std::min<std::uint64_t>(m.rows - 1, m.columns())),
                    static_cast<Eigen::Index>(components));
  for (Eigen::Index j = 0; j < d; ++j) {
    const int exponent = m.exponents[static_cast<std::size_t>(j)];
    columns.mean(j) = exponent == kNoExponent ? 0 : std::ldexp(columns.mean(j), exponent);
    columns.inverse_deviation(j) = std::ldexp(scale(j), exponent == kNoExponent ? 0 : -exponent);
  }
  return of(std::move(columns.mean), columns.inverse_deviation, std::move(directions.eigenvalues),
            std::move(directions.vectors), epsilon);
}

Whitening Whitening::of(Eigen::VectorXd mean, const Eigen::VectorXd& inverse_deviation,
                        Eigen::VectorXd eigenvalues, Eigen::MatrixXd directions, double epsilon) {
  Whitening w;
  w.epsilon_ = epsilon;
  w.mean_ = std::move(mean);
  w.eigenvalues_ = std::move(eigenvalues);
  const double mean_eigenvalue = w.eigenvalues_.mean();
  w.map_ = std::move(directions);
  for (Eigen::Index j = 0; j < w.map_.cols(); ++j) {
    auto u = w.map_.col(j);
    Eigen::Index largest = 0;
    u.cwiseAbs().maxCoeff(&largest);
    // Rounding may leave an eigenvalue of a singular covariance slightly below zero.
    const double lambda = std::max(0.0, w.eigenvalues_(j));
    const double gain = 1.0 / std::sqrt(lambda + epsilon * mean_eigenvalue);
    const double signed_gain = u(largest) < 0 ? -gain : gain;
    u.array() *= signed_gain * inverse_deviation.array();
  }
  return w;
}

Whitening Whitening::with_epsilon(double epsilon) const {
  require(std::isfinite(epsilon) && epsilon > 0, "whitening: eps must be positive");
  Whitening out = *this;
  out.epsilon_ = epsilon;
  const double mean = eigenvalues_.mean();
  for (Eigen::Index j = 0; j < map_.cols(); ++j) {
    const double lambda = std::max(0.0, eigenvalues_(j));
    out.map_.col(j) *= std::sqrt((lambda + epsilon_ * mean) / (lambda + epsilon * mean));
  }
  return out;
}

std::size_t Whitening::unused_columns() const {
  return static_cast<std::size_t>((map_.rowwise().squaredNorm().array() == 0).count());
}

void Whitening::set_origin(std::vector<std::string> names, std::string pooling, std::string encoder,
                           std::string features_member) {
  require(names.empty() || names.size() == input_width(), "whitening: names");
  feature_names_ = std::move(names);
  pooling_ = std::move(pooling);
  encoder_ = std::move(encoder);
  features_member_ = std::move(features_member);
}

Sha256Digest Whitening::digest() const {
  const auto bytes = [](const auto& m) {
    return std::span(reinterpret_cast<const std::uint8_t*>(m.data()),
                     static_cast<std::size_t>(m.size()) * sizeof(double));
  };
  Sha256 hash;
  hash.add(bytes(mean_));
  hash.add(bytes(map_));
  // Maps of earlier versions have no origin, and keep their digests.
  if (!feature_names_.empty() || !pooling_.empty()) {
    hash.add_number(feature_names_.size());
    for (const std::string& name : feature_names_) {
      hash.add_number(name.size());
      hash.add(name);
    }
    hash.add(pooling_);
  }
  return hash.finish();
}

FeatureMatrix Whitening::apply(const FeatureMatrix& features) const {
  FeatureMatrix out(features.rows(), map_.cols());
  apply(features, out);
  return out;
}

FeatureMatrix Whitening::apply(FeatureMatrix&& features) const {
  if (map_.cols() != features.cols()) return apply(std::as_const(features));
  apply(features, features);
  return std::move(features);
}

void Whitening::apply(const FeatureMatrix& features, FeatureMatrix& out) const {
  if (features.cols() != map_.rows())
    throw DataError("whitening: samples of " + std::to_string(features.cols()) +
                    " features, expected " + std::to_string(map_.rows()));
  // Columns are brought to one size in double precision, whatever their units, and then mixed.
  const Eigen::VectorXd size = map_.rowwise().norm();
  const Columns columns{mean_, size};
  const Eigen::MatrixXf mix =
      (map_.array().colwise() / (size.array() > 0).select(size.array(), 1)).cast<float>();
  parallel_for(blocks_of(features.rows()), [&](std::size_t b) {
    throw_if_interrupted();
    const Eigen::Index begin = part_begin(b), rows = part_size(b, features.rows());
    out.middleRows(begin, rows).noalias() =
        standardised(features, columns, begin, rows, 0, features.cols()) * mix;
  });
}

LinearClassifier Whitening::unfold(const LinearClassifier& whitened) const {
  require(whitened.weights.cols() == map_.cols(), "whitening: the model has another width");
  require(whitened.weights.rows() == whitened.bias.size(),
          "whitening: weights and bias do not match");
  LinearClassifier raw;
  raw.weights = whitened.weights * map_.transpose();
  raw.bias = whitened.bias - raw.weights * mean_;
  return raw;
}

void Whitening::save(const std::filesystem::path& path) const {
  std::map<std::string, std::vector<std::uint8_t>> members = {
      {"mean", npy_bytes(Eigen::MatrixXd(mean_))},
      {"map", npy_bytes(map_)},
      {"eigenvalues", npy_bytes(Eigen::MatrixXd(eigenvalues_))},
      {"epsilon", npy_bytes(Eigen::MatrixXd(Eigen::MatrixXd::Constant(1, 1, epsilon_)))}};
  if (!feature_names_.empty()) members["feature_names"] = npy_bytes(feature_names_);
  for (const auto& [member, text] : {std::pair{"pooling", &pooling_},
                                     {"encoder", &encoder_},
                                     {"features_member", &features_member_}})
    if (!text->empty()) members[member] = npy_bytes(std::vector<std::string>{*text});
  write_npz(path, members, kForTheOwner);
}

Whitening Whitening::load(const std::filesystem::path& path) {
  const NpzArchive archive(path);
  const Eigen::MatrixXd mean = archive.matrix("mean");
  const Eigen::MatrixXd eigenvalues = archive.matrix("eigenvalues");
  const Eigen::MatrixXd epsilon = archive.matrix("epsilon");
  Whitening w;
  w.map_ = archive.matrix("map");
  const auto d = w.map_.rows();
  const auto refuse = [&](const std::string& what) {
    throw DataError(quoted_path(path) + ": whitening map: " + what);
  };
  if (d == 0 || w.map_.cols() == 0 || w.map_.cols() > d)
    refuse("shape " + std::to_string(d) + " x " + std::to_string(w.map_.cols()) +
           ", expected 1 <= columns <= rows");
  if (mean.rows() != d || mean.cols() != 1)
    refuse("mean of " + std::to_string(mean.size()) + " entries, expected " + std::to_string(d));
  if (eigenvalues.rows() != d || eigenvalues.cols() != 1)
    refuse(std::to_string(eigenvalues.size()) + " eigenvalues, expected " + std::to_string(d));
  if (epsilon.size() != 1 || !(epsilon(0, 0) > 0)) refuse("epsilon is not one positive number");
  w.mean_ = mean;
  w.eigenvalues_ = eigenvalues;
  w.epsilon_ = epsilon(0, 0);
  if (archive.contains("feature_names")) {
    w.feature_names_ = archive.strings("feature_names");
    if (w.feature_names_.size() != w.input_width())
      refuse(std::to_string(w.feature_names_.size()) + " feature names, expected " +
             std::to_string(d));
  }
  for (const auto& [member, to] : {std::pair{"pooling", &w.pooling_},
                                   {"encoder", &w.encoder_},
                                   {"features_member", &w.features_member_}}) {
    if (!archive.contains(member)) continue;
    const std::vector<std::string> texts = archive.strings(member);
    if (texts.size() != 1)
      refuse(std::to_string(texts.size()) + " texts in " + member + ", expected one");
    *to = texts[0];
  }
  return w;
}

}  // namespace blindtuner::features
