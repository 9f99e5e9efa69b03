#include "secret/dataset_encryption.h"

#include <atomic>
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

EncryptedDataset encrypt_dataset(const SecretKeys& secrets, const ProductLayout& l,
                                 std::span<const float> features, std::span<const int> labels,
                                 double bias_feature, const Progress& progress) {
  const Ring& ring = secrets.parameters->small_ring();
  require(l.n == ring.n() && l.ratio == secrets.parameters->ratio(),
          "a layout of other parameters");
  const std::size_t columns = l.features - 1, groups = l.feature_groups();
  require(features.size() == l.samples * columns, "features of another shape than the layout");
  require(labels.empty() || labels.size() == l.samples, "one label a sample");
  for (std::size_t i = 0; i < features.size(); ++i)
    if (!(std::abs(features[i]) <= kLargestFeature))
      throw DataError("row " + std::to_string(i / columns) + ", feature " +
                      std::to_string(i % columns) + " is " + std::to_string(features[i]) +
                      ", expected at most 2^20 in magnitude");
  for (std::size_t i = 0; i < labels.size(); ++i)
    if (labels[i] < 0 || static_cast<std::size_t>(labels[i]) >= l.classes)
      throw DataError("row " + std::to_string(i) + " has label " + std::to_string(labels[i]) +
                      ", expected 0 to " + std::to_string(l.classes - 1));
  EncryptedDataset out;
  out.layout = l;
  out.features.resize(l.blocks() * groups);
  const Seed seed = fresh_seed();
  const std::size_t label_count = labels.empty() ? 0 : l.supers() * l.ratio;
  const std::size_t total = out.features.size() + label_count;
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
    const std::size_t block = index / groups, group = index % groups;
    std::vector<double> x(l.n, 0.0);
    for (std::size_t i = 0; i < l.rows(); ++i) {
      const std::size_t sample = block * l.rows() + i;
      if (sample >= l.samples) break;
      for (std::size_t j = 0; j < l.width; ++j) {
        const std::size_t feature = group * l.width + j;
        if (feature < columns) x[l.width * i + j] = features[sample * columns + feature];
        if (feature == columns) x[l.width * i + j] = bias_feature;
      }
    }
    out.features[index] = encrypt(encode_coefficients(ring, x, kFeatureScale, 2), kFeatureScale,
                                  secrets.small, seed, index);
    wipe(x.data(), x.size() * sizeof(double));
    report();
  });

  out.labels.resize(label_count);
  parallel_for(label_count, [&](std::size_t index) {
    const std::size_t super = index / l.ratio, r = index % l.ratio;
    std::vector<double> y(l.n, 0.0);
    for (std::size_t block = 0; block < l.blocks_per_super(); ++block)
      for (std::size_t i = 0; i < l.rows(); ++i) {
        const std::size_t sample = (super * l.blocks_per_super() + block) * l.rows() + i;
        if (sample >= l.samples) break;
        const auto place = l.place(block, static_cast<std::size_t>(labels[sample]));
        if (place.small == r) y[l.width * i + place.residue] = 1;
      }
    out.labels[index] = encrypt(encode_coefficients(ring, y, kErrorScale, 2), kErrorScale,
                                secrets.small, seed, out.features.size() + index);
    wipe(y.data(), y.size() * sizeof(double));
    report();
  });
  return out;
}

}  // namespace blindtuner::secret
