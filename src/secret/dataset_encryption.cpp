#include "secret/dataset_encryption.h"

#include <algorithm>
#include <cmath>
#include <thread>

#include "base/parallel.h"
#include "ckks/encoder.h"
#include "secret/encryption.h"

namespace blindtuner::secret {
namespace {

// Features of size 1 are meant; these are encoded in 42 bits.
constexpr float kLargestFeature = 1048576;  // 2^20

}  // namespace

TrainingKeys make_training_keys(const SecretKeys& secrets, const Bootstrapper& bootstrapper,
                                const ProductLayout& layout) {
  const Parameters& p = *secrets.parameters;
  return {layout,
          make_bootstrap_keys(secrets, bootstrapper, class_sum_rotations(p, layout.class_stride),
                              p.circuit_start()),
          make_product_keys(secrets, layout)};
}

CellEncryption::CellEncryption(const SecretKey& small, const ProductLayout& layout,
                               OwnerCells cells, std::span<const float> features,
                               std::span<const int> labels, double bias_feature)
    : small_(small),
      layout_(layout),
      cells_(std::move(cells)),
      supers_(cells_.label_supers(layout)),
      features_(features),
      labels_(labels),
      bias_feature_(bias_feature),
      seed_(fresh_seed()),
      asked_(std::make_unique<std::atomic_flag[]>(feature_count() + label_count())) {
  require(layout.n == small.ring().n(), "a layout of other parameters");
  const std::size_t columns = cells_.columns;
  require(features.size() == cells_.rows * columns, "features of another shape than the layout");
  require(labels.size() == (cells_.labels ? cells_.rows : 0), "one label a sample");
  for (std::size_t i = 0; i < features.size(); ++i)
    if (!(std::abs(features[i]) <= kLargestFeature))
      throw DataError("row " + std::to_string(i / columns) + ", feature " +
                      std::to_string(i % columns) + " is " + std::to_string(features[i]) +
                      ", expected at most 2^20 in magnitude");
  for (std::size_t i = 0; i < labels.size(); ++i)
    if (labels[i] < 0 || static_cast<std::size_t>(labels[i]) >= layout.classes)
      throw DataError("row " + std::to_string(i) + " has label " + std::to_string(labels[i]) +
                      ", expected 0 to " + std::to_string(layout.classes - 1));
}

SeededCiphertext CellEncryption::feature(std::size_t index) const {
  require(index < feature_count() && !asked_[index].test_and_set(),
          "a ciphertext of these cells, once");
  const ProductLayout& l = layout_;
  const std::size_t block = index / cells_.groups, group = index % cells_.groups;
  std::vector<double> x(l.n, 0.0);
  for (std::size_t i = 0; i < l.rows(); ++i) {
    const std::size_t row = block * l.rows() + i;
    if (row >= cells_.rows) break;
    for (std::size_t j = 0; j < l.width; ++j) {
      const std::size_t column = group * l.width + j;
      if (column < cells_.columns) x[l.width * i + j] = features_[row * cells_.columns + column];
      if (column == cells_.columns && cells_.constant) x[l.width * i + j] = bias_feature_;
    }
  }
  SeededCiphertext out = encrypt(encode_coefficients(small_.ring(), x, kFeatureScale, 2),
                                 kFeatureScale, small_, seed_, index);
  wipe(x.data(), x.size() * sizeof(double));
  return out;
}

SeededCiphertext CellEncryption::label(std::size_t index) const {
  require(index < label_count() && !asked_[feature_count() + index].test_and_set(),
          "a ciphertext of these cells, once");
  const ProductLayout& l = layout_;
  const std::size_t super = supers_[index / l.ratio], r = index % l.ratio;
  std::vector<double> y(l.n, 0.0);
  // Its blocks that lie in the super-block.
  const auto in_super = [&](std::size_t end) {
    return std::lower_bound(cells_.blocks.begin(), cells_.blocks.end(),
                            end * l.blocks_per_super()) -
           cells_.blocks.begin();
  };
  for (auto own = static_cast<std::size_t>(in_super(super));
       own < static_cast<std::size_t>(in_super(super + 1)); ++own)
    for (std::size_t i = 0; i < l.rows(); ++i) {
      const std::size_t row = own * l.rows() + i;
      if (row >= cells_.rows) break;
      const auto place = l.place(cells_.blocks[own] % l.blocks_per_super(),
                                 static_cast<std::size_t>(labels_[row]));
      if (place.small == r) y[l.width * i + place.residue] = 1;
    }
  SeededCiphertext out = encrypt(encode_coefficients(small_.ring(), y, kErrorScale, 2), kErrorScale,
                                 small_, seed_, feature_count() + index);
  wipe(y.data(), y.size() * sizeof(double));
  return out;
}

std::vector<SeededCiphertext> encrypt_sums(const SecretKey& small, const Parameters& parameters,
                                           const SumsShape& shape,
                                           std::span<const double> numbers) {
  const Seed seed = fresh_seed();
  std::vector<SeededCiphertext> out;
  for (std::size_t i = 0; i < shape.packs(parameters); ++i)
    out.push_back(encrypt(encode_sums(small.ring(), parameters, shape, numbers, i),
                          shape.scale(parameters), small, seed, i));
  return out;
}

EncryptedDataset encrypt_dataset(const SecretKeys& secrets, const ProductLayout& l,
                                 std::span<const float> features, std::span<const int> labels,
                                 double bias_feature, const Progress& progress) {
  require(l.ratio == secrets.parameters->ratio(), "a layout of other parameters");
  const CellEncryption cells(secrets.small, l, all_cells(l, !labels.empty()), features, labels,
                             bias_feature);
  EncryptedDataset out;
  out.layout = l;
  out.features.resize(cells.feature_count());
  out.labels.resize(cells.label_count());
  const std::size_t total = out.features.size() + out.labels.size();
  std::atomic<std::size_t> done = 0;
  std::size_t told = 0;
  const std::thread::id caller = std::this_thread::get_id();
  auto report = [&] {
    const std::size_t count = ++done;
    if (!progress || std::this_thread::get_id() != caller || count < told + 64) return;
    told = count;
    progress(static_cast<double>(count) / static_cast<double>(total));
  };
  parallel_for(out.features.size(), [&](std::size_t index) {
    out.features[index] = cells.feature(index);
    report();
  });
  parallel_for(out.labels.size(), [&](std::size_t index) {
    out.labels[index] = cells.label(index);
    report();
  });
  return out;
}

}  // namespace blindtuner::secret
