// Whitening: what makes a handful of large-batch steps enough.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "base/sha256.h"
#include "features/data/moments.h"
#include "features/samples/dataset.h"

namespace blindtuner::features {

/// Samples or features, whichever are fewer: fitting holds up to eight square matrices of doubles of
/// that width (4 GB) and takes its third power of operations (a quarter of an hour a core).
inline constexpr std::size_t kMaxWhitenedWidth = 8192;

/// z = (x - mu) D^-1 U (Lambda + eps * mean(Lambda))^(-1/2)
///
/// of the features that it was fitted to: mu their mean, D their standard deviations (divided by the
/// number of samples), U Lambda U^T the covariance of (x - mu) D^-1, mean(Lambda) = trace / d. So it
/// does not depend on the columns' units. A column whose deviation is 2^-24 of its mean or less, which is what rounding
/// leaves of one number in single precision, has 0 in place of 1 / D and no influence.
///
/// eps is relative to the MEAN eigenvalue. It must be positive: features after a LayerNorm sum to a
/// constant, so one eigenvalue is zero up to rounding, and dividing by it would blow up noise.
/// Directions with eigenvalues well above eps * mean come out with variance 1, those below with
/// lambda / (eps * mean).
class Whitening {
 public:
  static constexpr double kDefaultEpsilon = 0.01;

  /// Fits to n samples of d features and keeps the `components` leading directions. 0: all of them
  /// where d < n; otherwise the n - 1 at most along which the samples differ, found through their
  /// n x n inner products: in the others all of them have z = 0, so that no weight can grow there.
  /// Columns of U have their largest entry positive, so that results do not depend on the solver's
  /// signs. Throws DataError when there are fewer than two samples, no variance at all, both more
  /// samples and more features than kMaxWhitenedWidth, or fewer directions than `components`;
  /// ContractError on eps <= 0 or components > d. May be interrupted (base/interrupt.h).
  static Whitening fit(const FeatureMatrix& features, double epsilon = kDefaultEpsilon,
                       std::size_t components = 0);

  /// The map of rows of which only the moments are known, on the same terms: several owners' pooled ones. A column is
  /// without variance where that is 2^-40 of its largest entry's square or less, which sums do not tell from 0. Of
  /// no more rows than features the directions are those of eigenvalues above 10^-6 of the largest.
  static Whitening fit(const Moments& moments, double epsilon = kDefaultEpsilon,
                       std::size_t components = 0);

  /// The map to the same features with another eps > 0.
  Whitening with_epsilon(double epsilon) const;

  std::size_t input_width() const { return static_cast<std::size_t>(map_.rows()); }
  std::size_t output_width() const { return static_cast<std::size_t>(map_.cols()); }
  double epsilon() const { return epsilon_; }
  const Eigen::VectorXd& mean() const { return mean_; }
  /// D^-1 U (Lambda + eps * mean)^(-1/2), d x k.
  const Eigen::MatrixXd& map() const { return map_; }
  /// All d eigenvalues of the standardised features' covariance, falling.
  const Eigen::VectorXd& eigenvalues() const { return eigenvalues_; }

  /// Columns that it was fitted to and that have no influence.
  std::size_t unused_columns() const;
  /// The features that it was fitted to, by name: one a column, or none where they have no names.
  const std::vector<std::string>& feature_names() const { return feature_names_; }
  /// What an encoder was pooled by for them; empty: not known.
  const std::string& pooling() const { return pooling_; }
  /// What made them (Dataset::encoder); empty: not known.
  const std::string& encoder() const { return encoder_; }
  /// Dataset::features_member of them; empty: not known.
  const std::string& features_member() const { return features_member_; }
  /// The four. Throws ContractError for another number of names than d, or none.
  void set_origin(std::vector<std::string> names, std::string pooling, std::string encoder = {},
                  std::string features_member = {});

  /// SHA-256 of mean, map, names and pooling, where it is known: what tells two maps apart.
  Sha256Digest digest() const;

  /// samples x d -> samples x k. Throws DataError on another width.
  FeatureMatrix apply(const FeatureMatrix& features) const;
  /// The same without a second matrix, where the width stays.
  FeatureMatrix apply(FeatureMatrix&& features) const;

  /// The classifier on raw features with the same scores: W_x = W_z map^T, b_x = b_z - W_x mu.
  /// Throws ContractError when the model's width is not k.
  LinearClassifier unfold(const LinearClassifier& whitened) const;

  /// An .npz archive with members mean (d x 1), map (d x k), eigenvalues (d x 1), epsilon (1 x 1),
  /// all double, feature_names (d texts), pooling, encoder and features_member (one) where they are known: whole or absent, and
  /// its owner's alone, since they are moments of the features; read with every shape checked against
  /// the others. Throws DataError.
  void save(const std::filesystem::path& path) const;
  static Whitening load(const std::filesystem::path& path);

 private:
  /// May be one matrix.
  void apply(const FeatureMatrix& features, FeatureMatrix& out) const;

  /// Of columns' means and 1 / standard deviations, all d eigenvalues and the directions of length 1 (d x k) that are
  /// kept.
  static Whitening of(Eigen::VectorXd mean, const Eigen::VectorXd& inverse_deviation,
                      Eigen::VectorXd eigenvalues, Eigen::MatrixXd directions, double epsilon);
  Eigen::VectorXd mean_, eigenvalues_;
  Eigen::MatrixXd map_;
  double epsilon_ = kDefaultEpsilon;
  std::vector<std::string> feature_names_;
  std::string pooling_, encoder_, features_member_;
};

}  // namespace blindtuner::features
