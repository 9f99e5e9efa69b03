// What the owner sends and gets back: encrypted data sets, models and scores, and the keys.
#pragma once

#include <limits>

#include "ckks/bootstrap/bootstrapper.h"
#include "linalg/products.h"

namespace blindtuner::linalg {
using namespace ckks;

/// Scales of the small ring. Scores are x * w / q_1 and must arrive at rho q_0 / B, so the weights'
/// scale follows from the softmax circuit (EncryptedTrainer::weight_scale).
inline constexpr double kFeatureScale = 4194304.0;  // 2^22
inline constexpr double kErrorScale = 16777216.0;   // 2^24
/// The largest |feature| that an owner encrypts.
inline constexpr float kMaxFeature = 4096;

/// Features and one-hot labels of one layout, two limbs: secret-key ciphertexts, or what several owners' became under
/// the secret of all (linalg/joint_dataset.h).
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

/// What all ciphertexts of one kind of result are: small ring, two polynomials of q_count primes,
/// exactly this scale.
struct CiphertextShape {
  std::size_t count = 0, q_count = 0;
  double scale = 0;
};

/// What the numbers of one kind of result keep to, in magnitude and in their own unit, wherever
/// they lie in its polynomials.
struct PlausibleValues {
  double largest = 0;  ///< weights; scores
  double padding = 0;  ///< features and samples that only fill up: encryptions of zero, multiplied
  double empty = 0;    ///< places that hold nothing at all
  double least = 0;    ///< the largest of both reaches this: even a weight of zero has its noise
  double norm = std::numeric_limits<double>::infinity();  ///< of a class's weights
};

}  // namespace blindtuner::linalg
