#include "data/whitening.h"

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <exception>
#include <future>
#include <memory>
#include <thread>
#include <vector>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/parallel.h"
#include "data/file_bytes.h"
#include "data/npy.h"

namespace blindtuner {
namespace {

constexpr Eigen::Index kRows = 512;

std::size_t blocks_of(Eigen::Index rows) {
  return static_cast<std::size_t>((rows + kRows - 1) / kRows);
}

Eigen::VectorXd column_means(const FeatureMatrix& x) {
  Eigen::VectorXd sum = Eigen::VectorXd::Zero(x.cols());
  for (Eigen::Index i = 0; i < x.rows(); ++i) {
    if (i % kRows == 0) throw_if_interrupted();
    sum += x.row(i).transpose().cast<double>();
  }
  return sum / static_cast<double>(x.rows());
}

/// Sums of products in single precision within a block, in double over blocks, in fixed order.
Eigen::MatrixXd covariance(const FeatureMatrix& x, const Eigen::VectorXd& mean) {
  const Eigen::Index d = x.cols();
  const Eigen::RowVectorXf centre = mean.transpose().cast<float>();
  // The rounding of the mean to float, corrected below.
  const Eigen::VectorXd error = mean - centre.transpose().cast<double>();
  const std::size_t blocks = blocks_of(x.rows());
  Eigen::MatrixXd sum = Eigen::MatrixXd::Zero(d, d);
  // Groups of blocks: the partial sums of a group are made in parallel and added in order. Those of
  // wide features are smaller, for the memory.
  const std::size_t group = d <= 2048 ? 8 : 2;
  std::vector<Eigen::MatrixXf> partial(group);
  for (std::size_t first = 0; first < blocks; first += group) {
    throw_if_interrupted();
    const std::size_t count = std::min(group, blocks - first);
    parallel_for(count, [&](std::size_t g) {
      const Eigen::Index begin = static_cast<Eigen::Index>(first + g) * kRows;
      const Eigen::Index rows = std::min(kRows, x.rows() - begin);
      const Eigen::MatrixXf centred = x.middleRows(begin, rows).rowwise() - centre;
      partial[g].setZero(d, d);
      partial[g].selfadjointView<Eigen::Lower>().rankUpdate(centred.transpose());
    });
    for (std::size_t g = 0; g < count; ++g) sum += partial[g].cast<double>();
  }
  sum /= static_cast<double>(x.rows());
  sum.triangularView<Eigen::StrictlyUpper>() = sum.transpose();
  sum -= error * error.transpose();
  return sum;
}

using Solver = Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd>;

/// The solver cannot be interrupted, so it works on a thread of its own, which is left behind when
/// the program is asked to end: it touches nothing but what it shares here.
std::shared_ptr<const Solver> eigenvectors(Eigen::MatrixXd covariance) {
  struct Shared {
    Eigen::MatrixXd matrix;
    Solver solver;
    std::promise<void> promise;
  };
  const auto shared = std::make_shared<Shared>();
  shared->matrix = std::move(covariance);
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
  return {shared, &shared->solver};
}

}  // namespace

Whitening Whitening::fit(const FeatureMatrix& features, double epsilon, std::size_t components) {
  const auto d = static_cast<std::size_t>(features.cols());
  require(std::isfinite(epsilon) && epsilon > 0, "whitening: eps must be positive");
  require(components <= d, "whitening: more components than features");
  if (features.rows() < 2 || d == 0)
    throw DataError("whitening: " + std::to_string(features.rows()) + " samples of " +
                    std::to_string(d) + " features, expected at least two samples");
  if (d > kMaxWhitenedWidth)
    throw DataError("whitening: samples of " + std::to_string(d) + " features, expected at most " +
                    std::to_string(kMaxWhitenedWidth));
  Whitening w;
  w.epsilon_ = epsilon;
  w.mean_ = column_means(features);
  const auto solved = eigenvectors(covariance(features, w.mean_));
  const Solver& solver = *solved;
  if (solver.info() != Eigen::Success || !solver.eigenvalues().allFinite())
    throw DataError("whitening: the covariance has no eigenvalues (NaN or infinite features?)");
  w.eigenvalues_ = solver.eigenvalues().reverse();
  const double mean_eigenvalue = w.eigenvalues_.mean();
  const double magnitude = w.mean_.squaredNorm() / static_cast<double>(d);
  if (!(mean_eigenvalue > 1e-12 * magnitude))
    throw DataError("whitening: all samples are the same, expected features that vary");
  const auto k = static_cast<Eigen::Index>(components == 0 ? d : components);
  w.map_.resize(static_cast<Eigen::Index>(d), k);
  for (Eigen::Index j = 0; j < k; ++j) {
    const auto u = solver.eigenvectors().col(static_cast<Eigen::Index>(d) - 1 - j);
    Eigen::Index largest = 0;
    u.cwiseAbs().maxCoeff(&largest);
    // Rounding may leave an eigenvalue of a singular covariance slightly below zero.
    const double lambda = std::max(0.0, w.eigenvalues_(j));
    const double gain = 1.0 / std::sqrt(lambda + epsilon * mean_eigenvalue);
    w.map_.col(j) = (u(largest) < 0 ? -gain : gain) * u;
  }
  return w;
}

FeatureMatrix Whitening::apply(const FeatureMatrix& features) const {
  if (features.cols() != map_.rows())
    throw DataError("whitening: samples of " + std::to_string(features.cols()) +
                    " features, expected " + std::to_string(map_.rows()));
  const Eigen::MatrixXf map = map_.cast<float>();
  const Eigen::RowVectorXf centre = mean_.transpose().cast<float>();
  FeatureMatrix out(features.rows(), map.cols());
  parallel_for(blocks_of(features.rows()), [&](std::size_t b) {
    throw_if_interrupted();
    const Eigen::Index begin = static_cast<Eigen::Index>(b) * kRows;
    const Eigen::Index rows = std::min(kRows, features.rows() - begin);
    const FeatureMatrix centred = features.middleRows(begin, rows).rowwise() - centre;
    out.middleRows(begin, rows).noalias() = centred * map;
  });
  return out;
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
  write_npz(path,
            {{"mean", npy_bytes(Eigen::MatrixXd(mean_))},
             {"map", npy_bytes(map_)},
             {"eigenvalues", npy_bytes(Eigen::MatrixXd(eigenvalues_))},
             {"epsilon", npy_bytes(Eigen::MatrixXd(Eigen::MatrixXd::Constant(1, 1, epsilon_)))}});
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
  return w;
}

}  // namespace blindtuner
