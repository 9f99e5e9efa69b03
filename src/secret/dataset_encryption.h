// Encrypting data sets, and the evaluation keys for training on them.
#pragma once

#include <atomic>
#include <functional>
#include <memory>

#include "linalg/arrangement.h"
#include "linalg/encrypted_dataset.h"
#include "linalg/sums.h"
#include "secret/bootstrap_keygen.h"
#include "secret/product_keygen.h"

namespace blindtuner::secret {

/// All keys for training on data of this layout's shape.
TrainingKeys make_training_keys(const SecretKeys& secrets, const Bootstrapper& bootstrapper,
                                const ProductLayout& layout);

/// Told the fraction that is done; may be empty.
using Progress = std::function<void(double)>;

/// The ciphertexts of one owner's cells, each made when it is asked for: what several owners contribute is written
/// one by one. features: cells.rows x cells.columns, row-major; labels: one class a row, in [0, classes), or none where
/// the cells have none. What both point to, and the secret of the small ring, must outlive it.
class CellEncryption {
 public:
  /// Throws DataError for labels outside and for features that are no numbers or beyond 2^20.
  CellEncryption(const SecretKey& small, const ProductLayout& layout, OwnerCells cells,
                 std::span<const float> features, std::span<const int> labels,
                 double bias_feature = 1.0);

  std::size_t feature_count() const { return cells_.feature_count(); }
  std::size_t label_count() const { return supers_.size() * layout_.ratio; }
  /// As OwnerCells counts them. From several threads. Throws ContractError for one that was asked for before: two
  /// would have one uniform half, and tell the difference of their errors.
  SeededCiphertext feature(std::size_t index) const;
  SeededCiphertext label(std::size_t index) const;

 private:
  const SecretKey& small_;
  ProductLayout layout_;
  OwnerCells cells_;
  std::vector<std::size_t> supers_;  // with labels
  std::span<const float> features_;
  std::span<const int> labels_;
  double bias_feature_;
  Seed seed_;
  std::unique_ptr<std::atomic_flag[]> asked_;  // features, then labels
};

/// One owner's part of sums over rows, `numbers` as the shape has them; under its own secret, with fresh randomness. Throws
/// ContractError for numbers beyond the shape's rows.
std::vector<SeededCiphertext> encrypt_sums(const SecretKey& small, const Parameters& parameters,
                                           const SumsShape& shape, std::span<const double> numbers);

/// features: samples x (layout.features - 1), row-major; the constant bias_feature is appended.
/// labels: one class a sample, in [0, classes), or empty for a set to be predicted. Rows and
/// classes that only pad are zero and contribute nothing. Throws DataError for labels outside and
/// for features that are no numbers or beyond 2^20.
EncryptedDataset encrypt_dataset(const SecretKeys& secrets, const ProductLayout& layout,
                                 std::span<const float> features, std::span<const int> labels,
                                 double bias_feature = 1.0, const Progress& progress = {});

}  // namespace blindtuner::secret
