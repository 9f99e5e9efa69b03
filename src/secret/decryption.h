// Decryption of what training produces. For the door (secret/disclosure.h) and for tests: no
// program includes this, so that nothing decrypted leaves unrecorded.
//
// What is decrypted is held, all n coefficients of every polynomial, against what an honest run
// leaves in them, before anything is computed from it: DataError where it is not. The ciphertexts'
// ring, level and scale must have been held against their shape before (learn/result_shape.h).
#pragma once

#include "linalg/encrypted_dataset.h"
#include "secret/encryption.h"

namespace blindtuner::secret {
using namespace linalg;

/// classes x features, row-major, bias (times bias_feature) last.
std::vector<double> decrypt_model(const SecretKeys& secrets, const EncryptedModel& model,
                                  const PlausibleValues& plausible);

/// The same of the decrypted coefficients of every pack.
std::vector<double> model_values(const ProductLayout& layout,
                                 std::span<const std::vector<double>> packs,
                                 const PlausibleValues& plausible);

/// samples x classes, row-major.
std::vector<double> decrypt_scores(const SecretKeys& secrets, const EncryptedScores& scores,
                                   const PlausibleValues& plausible);

/// Where scores lie: the ciphertext and its coefficient of each, of the first so many samples, row-major.
struct ScorePlace {
  std::size_t ciphertext, coefficient;
};
std::vector<ScorePlace> score_places(const ProductLayout& layout, std::size_t samples);

/// One class a sample. Throws DataError for a set without labels, and when they are not one one and
/// zeros for every sample, and zeros wherever there is none.
std::vector<int> decrypt_labels(const SecretKeys& secrets, const EncryptedDataset& data);

}  // namespace blindtuner::secret
