#include "app/owner/steps.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "app/common/progress.h"
#include "app/common/report.h"
#include "base/atomic_file.h"
#include "base/error.h"
#include "data/file_bytes.h"
#include "data/npy.h"
#include "data/shuffle.h"
#include "secret/dataset_encryption.h"

namespace blindtuner {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMaxModelBytes = std::uint64_t{1} << 28;

bool is_json(const fs::path& path) { return path.extension() == ".json"; }

nlohmann::json classifier_json(const LinearClassifier& model) {
  nlohmann::json json = {{"classes", model.weights.rows()}, {"features", model.weights.cols()}};
  for (Eigen::Index k = 0; k < model.weights.rows(); ++k) {
    nlohmann::json row = nlohmann::json::array();
    for (Eigen::Index j = 0; j < model.weights.cols(); ++j) row.push_back(model.weights(k, j));
    json["weights"].push_back(std::move(row));
    json["bias"].push_back(model.bias(k));
  }
  return json;
}

LinearClassifier classifier_from_json(const fs::path& path) {
  const std::vector<std::uint8_t> bytes = read_file(path, kMaxModelBytes);
  const auto json = nlohmann::json::parse(bytes.begin(), bytes.end(), nullptr, false);
  const std::string name = quoted_path(path);
  auto expect = [&](bool good) {
    if (!good) throw DataError(name + ": not a model: expected members weights and bias, numbers");
  };
  expect(json.is_object() && json.contains("weights") && json.contains("bias"));
  const auto &weights = json["weights"], &bias = json["bias"];
  expect(weights.is_array() && !weights.empty() && bias.is_array() &&
         bias.size() == weights.size() && weights[0].is_array());
  LinearClassifier model;
  model.weights.resize(static_cast<Eigen::Index>(weights.size()),
                       static_cast<Eigen::Index>(weights[0].size()));
  model.bias.resize(static_cast<Eigen::Index>(weights.size()));
  for (Eigen::Index k = 0; k < model.weights.rows(); ++k) {
    const auto& row = weights[static_cast<std::size_t>(k)];
    expect(row.is_array() && row.size() == weights[0].size());
    for (Eigen::Index j = 0; j < model.weights.cols(); ++j) {
      expect(row[static_cast<std::size_t>(j)].is_number());
      model.weights(k, j) = row[static_cast<std::size_t>(j)].get<double>();
    }
    expect(bias[static_cast<std::size_t>(k)].is_number());
    model.bias(k) = bias[static_cast<std::size_t>(k)].get<double>();
  }
  return model;
}

}  // namespace

fs::path secret_key_path(const fs::path& folder) { return folder / "secret.key"; }
fs::path evaluation_keys_path(const fs::path& folder) { return folder / "evaluation.keys"; }

void make_keys(const fs::path& folder, const KeygenRequest& request, bool replace) {
  const ParametersPtr parameters = Parameters::create(find_parameters(request.parameters));
  if (parameters->insecure() && !request.allow_insecure)
    throw SecurityError("parameters '" + request.parameters +
                        "' are below 128 bits of security; refused without "
                        "--allow-insecure-parameters");
  if (request.classes < 2 || request.classes > 128)
    throw DataError("--classes is " + std::to_string(request.classes) + ", expected 2 to 128");
  if (request.features < 1 || request.features > (1u << 20) - 1)
    throw DataError("--features is " + std::to_string(request.features) + ", expected 1 to 2^20");
  const ProductLayout layout = ProductLayout::plan(*parameters, request.batch, request.features + 1,
                                                   request.classes, request.batch);
  make_folder(folder);
  for (const fs::path& path : {secret_key_path(folder), evaluation_keys_path(folder)})
    if (fs::exists(path) && !replace)
      throw DataError(quoted_path(path) +
                      " exists: without it, everything encrypted under it is "
                      "lost; give --force to replace it, or another --out");

  ProgressBar bar("making keys", request.quiet);
  bar.update(0);
  const OwnerKeys keys{SecretKeys::generate(parameters), fresh_key_id()};
  const Bootstrapper bootstrapper(parameters);
  bar.update(0.2);
  const TrainingKeys evaluation = make_training_keys(keys.secrets, bootstrapper, layout);
  bar.update(0.8);
  // The large file first: when the disk fills, nothing of the set is there.
  write_training_keys(evaluation_keys_path(folder), *parameters, keys.id, evaluation);
  try {
    write_secret_key(secret_key_path(folder), keys);
  } catch (...) {
    std::error_code ignored;
    fs::remove(evaluation_keys_path(folder), ignored);
    throw;
  }
  bar.finish();
}

OwnerFolder open_keys(const fs::path& folder, bool allow_insecure) {
  OwnerFolder out{read_secret_key(secret_key_path(folder), allow_insecure), {}, {}};
  const Parameters& p = *out.keys.secrets.parameters;
  out.set = {out.keys.secrets.parameters, make_header(FileKind::kSecretKey, p, out.keys.id),
             quoted_path(secret_key_path(folder))};
  out.layout = read_training_keys_layout(evaluation_keys_path(folder), out.set);
  return out;
}

void check_features(const FeatureMatrix& features, const OwnerFolder& keys,
                    const std::string& name) {
  const auto width = static_cast<std::size_t>(features.cols());
  if (width != keys.layout.features - 1)
    throw DataError(name + ": " + std::to_string(width) + " features, expected " +
                    std::to_string(keys.layout.features - 1) + ", for which the keys were made");
  validate_finite(features, name);
  for (Eigen::Index i = 0; i < features.rows(); ++i)
    for (Eigen::Index j = 0; j < features.cols(); ++j)
      if (!(std::abs(features(i, j)) <= kMaxFeature))
        throw DataError(name + ": row " + std::to_string(i) + ", column " + std::to_string(j) +
                        " is " + std::to_string(features(i, j)) +
                        ", expected at most 4096 in magnitude: whiten or scale the features");
}

Dataset hold_out(Dataset& set, double fraction, std::uint64_t seed, const std::string& name) {
  Split split = stratified_split(set.labels, set.classes, fraction, seed);
  if (split.first.empty() || split.second.empty())
    throw DataError(name + ": " + std::to_string(set.size()) +
                    " samples, too few to hold out that fraction of every class for validation");
  if (seed == 0)
    for (std::vector<std::uint32_t>* half : {&split.first, &split.second})
      std::sort(half->begin(), half->end());
  Dataset held = select(set, split.second);
  set = select(set, split.first);
  return held;
}

void encrypt_to(const fs::path& out, const OwnerFolder& keys, const FeatureMatrix& features,
                const Labels& labels, const std::string& source, bool quiet) {
  const ProductLayout& made_for = keys.layout;
  const auto samples = static_cast<std::size_t>(features.rows());
  const ProductLayout layout = ProductLayout::create(
      *keys.set.parameters, samples, made_for.features, made_for.classes, made_for.width);
  DatasetFile file;
  file.info = {layout, fresh_key_id(), !labels.empty(), source};
  ProgressBar encrypting("encrypting", quiet);
  file.data = encrypt_dataset(keys.keys.secrets, layout,
                              {features.data(), static_cast<std::size_t>(features.size())}, labels,
                              1.0, [&](double fraction) { encrypting.update(fraction); });
  encrypting.finish();
  ProgressBar writing("writing", quiet);
  write_dataset(out, keys.set, file, [&](double fraction) { writing.update(fraction); });
  writing.finish();
}

void flood(std::span<double> values) {
  Prng prng = Prng::for_secrets();
  for (std::size_t i = 0; i < values.size(); i += 2) {
    const NormalPair noise = normal_pair(prng);
    values[i] += kPublicationSigma * noise.first;
    if (i + 1 < values.size()) values[i + 1] += kPublicationSigma * noise.second;
  }
  for (double& value : values)
    value = kPublicationSigma * std::nearbyint(value / kPublicationSigma);
}

LinearClassifier decrypt_classifier(const OwnerKeys& keys, const ModelFile& file, bool publish) {
  const ProductLayout& l = file.model.layout;
  std::vector<double> values = decrypt_model(keys.secrets, file.model);
  if (publish) flood(values);
  LinearClassifier model;
  const auto classes = static_cast<Eigen::Index>(l.classes);
  const auto features = static_cast<Eigen::Index>(l.features);
  const Eigen::Map<const Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>
      all(values.data(), classes, features);
  model.weights = all.leftCols(features - 1);
  model.bias = all.col(features - 1);
  return model;
}

void save_classifier(const fs::path& path, const LinearClassifier& model) {
  if (is_json(path)) {
    write_file_atomically(path, classifier_json(model).dump() + "\n");
  } else if (path.extension() == ".npz") {
    write_npz(path, {{"weights", npy_bytes(model.weights)},
                     {"bias", npy_bytes(Eigen::MatrixXd(model.bias))}});
  } else {
    throw DataError(quoted_path(path) + ": a model is written as .npz or .json");
  }
}

LinearClassifier load_classifier(const fs::path& path) {
  LinearClassifier model;
  if (is_json(path)) {
    model = classifier_from_json(path);
  } else if (path.extension() == ".npz") {
    const NpzArchive archive(path);
    const Eigen::MatrixXd bias = archive.matrix("bias");
    model.weights = archive.matrix("weights");
    if (bias.size() != model.weights.rows())
      throw DataError(quoted_path(path) + ": " + std::to_string(bias.size()) + " biases for " +
                      std::to_string(model.weights.rows()) + " classes");
    model.bias = Eigen::Map<const Eigen::VectorXd>(bias.data(), bias.size());
  } else {
    throw DataError(quoted_path(path) + ": expected a decrypted model, .npz or .json");
  }
  if (model.weights.rows() < 2 || model.weights.cols() < 1 || !model.weights.allFinite() ||
      !model.bias.allFinite())
    throw DataError(quoted_path(path) +
                    ": a model has two classes or more, a feature or more, finite weights");
  return model;
}

double largest_logit(const Eigen::MatrixXd& all) {
  return all.size() == 0 ? 0.0 : all.cwiseAbs().maxCoeff();
}

}  // namespace blindtuner
