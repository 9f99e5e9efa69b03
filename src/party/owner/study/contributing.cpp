#include "party/owner/study/contributing.h"

#include <cmath>

#include "base/error.h"
#include "records/study/contribution.h"
#include "records/study/sums.h"
#include "secret/dataset_encryption.h"

namespace blindtuner::party {
namespace {

std::vector<int> plain_exponents(std::span<const std::optional<int>> exponents) {
  std::vector<int> out;
  for (const std::optional<int>& e : exponents) out.push_back(e.value_or(kNoExponent));
  return out;
}

std::span<const float> values_of(const FeatureMatrix& features) {
  return {features.data(), static_cast<std::size_t>(features.size())};
}

OwnerRows counted(const FeatureMatrix& features) {
  if (features.rows() == 0) throw DataError("an owner has one row at least");
  OwnerRows out;
  out.rows = static_cast<std::uint64_t>(features.rows());
  return out;
}

}  // namespace

OwnerRows rows_to_pool(const FeatureMatrix& features) {
  OwnerRows out = counted(features);
  for (const int e : column_exponents(features))
    out.exponents.push_back(e == kNoExponent ? std::nullopt : std::optional(e));
  return out;
}

OwnerRows rows_as_they_are(const FeatureMatrix& features, const Parameters& parameters,
                           const ProductLayout& shape) {
  OwnerRows out = counted(features);
  const ProductLayout layout =
      ProductLayout::create(parameters, out.rows, static_cast<std::size_t>(features.cols()) + 1,
                            shape.classes, shape.width);
  out.sizes = said_sizes(feature_sizes(parameters, layout, values_of(features)));
  return out;
}

Sha256Digest send_statistics(ByteSink& sink, const JointRun& run, std::size_t owner,
                             const SecretKey& small, const FeatureMatrix& features,
                             std::span<const std::optional<int>> exponents) {
  const SumsShape shape = run.statistics();
  std::vector<double> numbers = moment_numbers(moments_of(features, plain_exponents(exponents)));
  const std::vector<SeededCiphertext> packs = encrypt_sums(small, *run.parameters, shape, numbers);
  wipe(numbers.data(), numbers.size() * sizeof(double));
  return write_owner_sums(sink, run.own[owner], run.data, owner, shape, packs);
}

Whitening pooled_map(const JointRun& run, std::span<const double> opened,
                     std::span<const std::optional<int>> exponents, double epsilon) {
  return Whitening::fit(moments_from(opened, run.statistics_rows(), plain_exponents(exponents)),
                        epsilon);
}

Sha256Digest digest_of_map(const Whitening& map) {
  constexpr double kParts = 1024;
  Sha256 hash;
  hash.add("blindtuner study map 1").add_number(map.input_width()).add_number(map.output_width());
  const auto add = [&](double x) {
    hash.add_number(static_cast<std::uint64_t>(std::llround(kParts * x)));
  };
  const Eigen::MatrixXd& m = map.map();
  // A row's norm is one over its column's unit, or 0 for a column without influence.
  for (Eigen::Index j = 0; j < m.rows(); ++j) {
    const double norm = m.row(j).norm();
    hash.add_number(norm > 0 ? 1 : 0);
    if (norm <= 0) continue;
    add(std::log2(norm));
    for (Eigen::Index k = 0; k < m.cols(); ++k) add(m(j, k) / norm);
  }
  const Eigen::VectorXd mean = m.transpose() * map.mean();
  for (const double x : mean) add(x);
  return hash.finish();
}

FeatureMatrix features_for(const JointRun& run, std::size_t owner, const FeatureMatrix& features,
                           const std::optional<Whitening>& map) {
  const auto columns = static_cast<Eigen::Index>(run.arrangement.owners[owner].columns);
  FeatureMatrix out = FeatureMatrix::Zero(features.rows(), columns);
  const FeatureMatrix own = map ? map->apply(features) : features;
  require(own.cols() <= columns, "features of the study's columns");
  out.leftCols(own.cols()) = own;
  return out;
}

Sha256Digest send_data(ByteSink& sink, const JointRun& run, std::size_t owner,
                       const OwnerKeys& keys, Disclosure& door, const FeatureMatrix& features,
                       const Labels& labels, const std::string& name,
                       const FractionCallback& progress) {
  const OwnerCells& cells = run.arrangement.owners[owner];
  require(static_cast<std::size_t>(features.rows()) == cells.rows &&
              static_cast<std::size_t>(features.cols()) == cells.columns,
          "the rows and columns that the owner has told of");
  for (Eigen::Index i = 0; i < features.rows(); ++i)
    for (Eigen::Index j = 0; j < features.cols(); ++j)
      if (!(std::abs(features(i, j)) <= kMaxFeature))
        throw DataError(name + ": row " + std::to_string(i) + ", column " + std::to_string(j) +
                        " is " + std::to_string(features(i, j)) +
                        ", expected at most 4096 in magnitude: whiten or scale the features");
  const ContributionInfo info{run.arrangement, owner, run.data};
  const CellEncryption encryption(
      keys.secrets.small, run.arrangement.layout, cells, values_of(features),
      cells.labels ? std::span<const int>(labels) : std::span<const int>());
  door.encrypted({.name = name, .data = to_string(run.data)}, cells.rows, run.sizes);
  return write_contribution(
      sink, run.own[owner], info, [&](std::size_t i) { return encryption.feature(i); },
      [&](std::size_t i) { return encryption.label(i); }, progress);
}

}  // namespace blindtuner::party
