// What the commands do, without their command lines: the demo is made of the same steps.
#pragma once

#include <filesystem>
#include <optional>
#include <span>

#include "app/common/files.h"
#include "data/dataset.h"
#include "data/whitening.h"
#include "secret/secret_key_file.h"

namespace blindtuner {

/// A folder of keys: secret.key and evaluation.keys.
std::filesystem::path secret_key_path(const std::filesystem::path& folder);
std::filesystem::path evaluation_keys_path(const std::filesystem::path& folder);

struct KeygenRequest {
  std::string parameters = "Standard";
  std::size_t features = 768, classes = 10;
  std::size_t batch = 4096;  ///< what the layout is chosen for
  bool allow_insecure = false, quiet = false;
};
/// Makes both files or none. Throws DataError when there are keys already.
void make_keys(const std::filesystem::path& folder, const KeygenRequest& request, bool replace);

/// Secrets and the layout that their evaluation keys were made for, checked against each other.
struct OwnerFolder {
  OwnerKeys keys;
  KeySet set;
  ProductLayout layout;
};
OwnerFolder open_keys(const std::filesystem::path& folder, bool allow_insecure);

/// Throws DataError when the features cannot be encrypted under these keys: another width, or
/// values beyond kMaxFeature. `name` opens the message.
void check_features(const FeatureMatrix& features, const OwnerFolder& keys,
                    const std::string& name);
inline constexpr float kMaxFeature = 4096;

/// Takes round(fraction * count) samples of every class out of `set` and returns them; both keep
/// their order when the seed is 0. Throws DataError when one of the two would be left empty.
Dataset hold_out(Dataset& set, double fraction, std::uint64_t seed, const std::string& name);

/// labels empty: a set to be predicted.
void encrypt_to(const std::filesystem::path& out, const OwnerFolder& keys,
                const FeatureMatrix& features, const Labels& labels, const std::string& source,
                bool quiet);

/// The classifier in an encrypted model, on the features that were encrypted; `publish`: flooded.
LinearClassifier decrypt_classifier(const OwnerKeys& keys, const ModelFile& model,
                                    bool publish = false);

/// Makes decrypted numbers fit to leave the owner's hands (docs/SECURITY.md, "What decrypted
/// results give away"): adds independent Gaussian noise of standard deviation kPublicationSigma and
/// rounds to multiples of it.
void flood(std::span<double> values);
/// 2^8 times what decryption errors of weights and scores measure (2^-17, docs/NOISE.md), with a
/// bit to spare.
inline constexpr double kPublicationSigma = 0x1p-8;

/// .npz (weights, bias) or .json, by the name. Throws DataError.
void save_classifier(const std::filesystem::path& path, const LinearClassifier& model);
LinearClassifier load_classifier(const std::filesystem::path& path);

/// The largest |score|: what the softmax circuit has to stand.
double largest_logit(const Eigen::MatrixXd& scores);

}  // namespace blindtuner
