// What the owner sends and gets back: encrypted data sets, models and scores, and the keys.
#pragma once

#include "ckks/bootstrap/bootstrapper.h"
#include "linalg/products.h"

namespace blindtuner {

/// Scales of the small ring. Scores are x * w / q_1 and must arrive at rho q_0 / B, so the weights'
/// scale follows from the softmax circuit (EncryptedTrainer::weight_scale).
inline constexpr double kFeatureScale = 4194304.0;  // 2^22
inline constexpr double kErrorScale = 16777216.0;   // 2^24

/// Features and one-hot labels of one layout, secret-key ciphertexts with two limbs.
struct EncryptedDataset {
  ProductLayout layout;
  std::vector<SeededCiphertext> features;  ///< [block * feature_groups + group]
  std::vector<SeededCiphertext> labels;    ///< [super * ratio + r]; empty for prediction only
};

/// All evaluation keys, for one layout's width and number of pieces.
struct TrainingKeys {
  ProductLayout layout;  ///< samples do not matter
  BootstrapKeys bootstrap;
  ProductKeys products;
};

/// Weights packed as in ProductLayout, bias last.
struct EncryptedModel {
  ProductLayout layout;
  std::vector<Ciphertext> weights;  ///< packs() ciphertexts
};

/// Scores of all samples: supers() * ratio ciphertexts modulo q_0, places as in the layout.
struct EncryptedScores {
  ProductLayout layout;
  std::vector<Ciphertext> scores;
};

}  // namespace blindtuner
