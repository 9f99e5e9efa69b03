#include "features/samples/copies.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cmath>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/parallel.h"
#include "base/random.h"
#include "features/samples/shuffle.h"

namespace blindtuner::features {
namespace {

std::size_t rows_of(const Dataset& set) { return static_cast<std::size_t>(set.features.rows()); }

bool has_digests(const Dataset& set) {
  return rows_of(set) > 0 && set.digests.size() == rows_of(set);
}

std::string_view key_of(const Dataset& set, std::size_t i, bool digests) {
  if (digests) return set.digests[i];
  return {reinterpret_cast<const char*>(set.features.data() + i * set.width()),
          set.width() * sizeof(float)};
}

/// The columns' different values have no more combinations than there are samples.
bool few_combinations(const FeatureMatrix& features) {
  const auto samples = static_cast<std::size_t>(features.rows());
  std::size_t combinations = 1;
  for (Eigen::Index j = 0; j < features.cols(); ++j) {
    std::unordered_set<std::uint32_t> values;
    for (Eigen::Index i = 0; i < features.rows(); ++i)
      values.insert(std::bit_cast<std::uint32_t>(features(i, j)));
    combinations *= values.size();
    if (combinations > samples) return false;
  }
  return true;
}

// Sums of all columns with random signs: samples that are near are near in every one of them.
constexpr std::size_t kSums = 4;
// Between near samples, in the columns' deviations, and where chance would have put many more.
constexpr double kNear = 5e-3, kAround = 4 * kNear;
// Of sums that differ by kAround as a rule.
constexpr float kWindow = static_cast<float>(3 * kAround);
constexpr std::size_t kLookedAt = 10000;

struct Sketch {
  std::array<float, kSums> sums{};
  std::uint32_t row = 0;
};

class Neighbours {
 public:
  explicit Neighbours(const FeatureMatrix& features)
      : features_(features),
        mean_(Eigen::VectorXd::Zero(features.cols())),
        scale_(mean_),
        signs_(Eigen::MatrixXd::Zero(features.cols(), kSums)) {
    const auto rows = static_cast<double>(features.rows());
    for (Eigen::Index i = 0; i < features.rows(); ++i)
      mean_ += features.row(i).transpose().cast<double>();
    mean_ /= rows;
    for (Eigen::Index i = 0; i < features.rows(); ++i)
      scale_ += (features.row(i).transpose().cast<double>() - mean_).cwiseAbs2();
    Prng prng(numbered_seed(0));
    for (Eigen::Index j = 0; j < scale_.size(); ++j) {
      const double deviation = std::sqrt(scale_(j) / rows);
      scale_(j) = std::isnormal(deviation) ? 1 / deviation : 0;
      columns_ += scale_(j) > 0;
      for (Eigen::Index k = 0; k < signs_.cols(); ++k)
        signs_(j, k) = (prng.next() & 1) != 0 ? scale_(j) : -scale_(j);
    }
    if (columns_ == 0) return;
    signs_ /= std::sqrt(static_cast<double>(columns_));
    sorted_.resize(static_cast<std::size_t>(features.rows()));
    parallel_for(sorted_.size(), [&](std::size_t i) {
      sorted_[i] = sketch(features, static_cast<std::uint32_t>(i));
    });
    std::sort(sorted_.begin(), sorted_.end(),
              [](const Sketch& a, const Sketch& b) { return a.sums[0] < b.sums[0]; });
  }

  /// Calls `use` with the distance of every one within kAround.
  template <typename Use>
  void for_each_near(const FeatureMatrix& others, std::uint32_t row, const Use& use) const {
    const Sketch at = sketch(others, row);
    const auto from =
        std::lower_bound(sorted_.begin(), sorted_.end(), at.sums[0] - kWindow,
                         [](const Sketch& sketch, float bound) { return sketch.sums[0] < bound; });
    for (auto to = from; to != sorted_.end() && to->sums[0] <= at.sums[0] + kWindow; ++to) {
      bool near = true;
      for (std::size_t k = 1; k < kSums; ++k)
        near = near && std::abs(to->sums[k] - at.sums[k]) <= kWindow;
      if (!near) continue;
      const double distance = distance_to(to->row, others, row);
      if (distance <= kAround) use(distance);
    }
  }

 private:
  Sketch sketch(const FeatureMatrix& features, std::uint32_t row) const {
    const Eigen::VectorXd sums =
        signs_.transpose() * (features.row(row).transpose().cast<double>() - mean_);
    Sketch out;
    out.row = row;
    for (std::size_t k = 0; k < kSums; ++k)
      out.sums[k] = static_cast<float>(sums(static_cast<Eigen::Index>(k)));
    return out;
  }
  double distance_to(std::uint32_t own, const FeatureMatrix& others, std::uint32_t other) const {
    const double most = kAround * kAround * static_cast<double>(columns_);
    double sum = 0;
    for (Eigen::Index j = 0; j < features_.cols() && sum <= most; ++j) {
      const double difference =
          (static_cast<double>(features_(own, j)) - others(other, j)) * scale_(j);
      sum += difference * difference;
    }
    return std::sqrt(sum / static_cast<double>(columns_));
  }

  const FeatureMatrix& features_;
  Eigen::VectorXd mean_, scale_;
  Eigen::MatrixXd signs_;
  std::size_t columns_ = 0;
  std::vector<Sketch> sorted_;
};

}  // namespace

std::vector<std::uint32_t> Copies::groups() const {
  return by_chance || repeated == 0 ? std::vector<std::uint32_t>{} : first;
}

Copies find_copies(const Dataset& set) {
  require(rows_of(set) <= UINT32_MAX, "find_copies: too many samples");
  const bool digests = has_digests(set), labelled = set.labels.size() == rows_of(set);
  Copies out;
  std::unordered_map<std::string_view, std::uint32_t> known;
  std::vector<bool> several(labelled ? rows_of(set) : 0);
  for (std::size_t i = 0; i < rows_of(set); ++i) {
    const auto at = static_cast<std::uint32_t>(i);
    const std::uint32_t first = known.emplace(key_of(set, i, digests), at).first->second;
    out.first.push_back(first);
    out.repeated += first != at;
    if (labelled && set.labels[i] != set.labels[first]) several[first] = true;
  }
  if (labelled)
    for (const std::uint32_t first : out.first) out.contradicting += several[first];
  out.by_chance = out.repeated > 0 && !digests && few_combinations(set.features);
  return out;
}

NearCopies near_copies(const Dataset& a, const Dataset& b) {
  NearCopies out;
  if (a.width() != b.width() || rows_of(a) == 0 || rows_of(b) == 0) return out;
  const bool digests = has_digests(a) && has_digests(b);
  std::unordered_set<std::string_view> there;
  for (std::size_t i = 0; i < rows_of(a); ++i) there.insert(key_of(a, i, digests));
  const Neighbours neighbours(a.features);
  out.looked_at = std::min(rows_of(b), kLookedAt);
  std::atomic<std::size_t> near = 0, pairs = 0, around = 0;
  parallel_for(out.looked_at, [&](std::size_t k) {
    throw_if_interrupted();
    const std::size_t i = k * rows_of(b) / out.looked_at;
    if (there.count(key_of(b, i, digests)) != 0) return;
    std::size_t close = 0, all = 0;
    neighbours.for_each_near(b.features, static_cast<std::uint32_t>(i), [&](double distance) {
      ++all;
      close += distance <= kNear;
    });
    near += close > 0;
    pairs += close;
    around += all;
  });
  if (near >= 2 && 2 * pairs > around) out.count = near;
  return out;
}

}  // namespace blindtuner::features
