// Encrypting data sets, and the evaluation keys for training on them.
#pragma once

#include <functional>

#include "linalg/encrypted_dataset.h"
#include "secret/bootstrap_keygen.h"
#include "secret/product_keygen.h"

namespace blindtuner::secret {

/// All keys for training on data of this layout's shape.
TrainingKeys make_training_keys(const SecretKeys& secrets, const Bootstrapper& bootstrapper,
                                const ProductLayout& layout);

/// Told the fraction that is done; may be empty.
using Progress = std::function<void(double)>;

/// features: samples x (layout.features - 1), row-major; the constant bias_feature is appended.
/// labels: one class a sample, in [0, classes), or empty for a set to be predicted. Rows and
/// classes that only pad are zero and contribute nothing. Throws DataError for labels outside and
/// for features that are no numbers or beyond 2^20.
EncryptedDataset encrypt_dataset(const SecretKeys& secrets, const ProductLayout& layout,
                                 std::span<const float> features, std::span<const int> labels,
                                 double bias_feature = 1.0, const Progress& progress = {});

}  // namespace blindtuner::secret
