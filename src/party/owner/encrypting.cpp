#include "party/owner/encrypting.h"

#include <cmath>

#include "base/error.h"
#include "base/utf8.h"
#include "party/owner/data_sets.h"
#include "secret/dataset_encryption.h"
#include "secret/disclosure.h"

namespace blindtuner::party {
namespace {

/// A whitened feature is of all columns.
std::string feature_text(const Dataset& set, std::size_t j, bool whitened) {
  if (whitened || set.feature_names.empty())
    return (whitened ? "whitened feature " : "column ") + std::to_string(j) + " (from 0)";
  return "'" + printable(set.feature_names.at(j).substr(0, 60)) + "'";
}

}  // namespace

void check_features(const Dataset& set, const OwnerFolder& keys, const std::string& name,
                    bool whitened) {
  const FeatureMatrix& features = set.features;
  const auto width = static_cast<std::size_t>(features.cols());
  if (width != keys.layout().features - 1)
    throw DataError(name + ": " + std::to_string(width) + " features, expected " +
                    std::to_string(keys.layout().features - 1) + ", for which the keys were made");
  validate_finite(features, name);
  for (Eigen::Index i = 0; i < features.rows(); ++i)
    for (Eigen::Index j = 0; j < features.cols(); ++j)
      if (!(std::abs(features(i, j)) <= kMaxFeature))
        throw DataError(
            name + ": " + place_of(set, static_cast<std::size_t>(i)) + ", " +
            feature_text(set, static_cast<std::size_t>(j), whitened) + ": " +
            std::to_string(features(i, j)) + ", expected at most 4096 in magnitude: " +
            (whitened ? "is the map of other features?" : "whiten or scale the features"));
}

std::string fresh_split() { return to_string(fresh_key_id()); }

DataId encrypt_to(const std::filesystem::path& out, const OwnerFolder& keys, const Dataset& set,
                  const DataSetUse& use, const Listener& listener) {
  const FeatureMatrix& features = set.features;
  const Labels& labels = set.labels;
  const ProductLayout& made_for = keys.layout();
  const auto samples = static_cast<std::size_t>(features.rows());
  const ProductLayout layout = ProductLayout::create(
      *keys.set.parameters, samples, made_for.features, made_for.classes, made_for.width);
  DatasetFile file;
  file.info = {layout, fresh_key_id(), !labels.empty(), {}};
  const std::span<const float> values(features.data(), static_cast<std::size_t>(features.size()));
  Disclosure(keys.keys, keys.folder)
      .encrypted({.name = out.string(), .data = to_string(file.info.id)}, samples,
                 feature_sizes(*keys.set.parameters, layout, values));
  const Task encrypting(listener, "encrypting");
  file.data = encrypt_dataset(keys.keys.secrets, layout, values, labels, 1.0,
                              [&](double fraction) { encrypting.update(fraction); });
  encrypting.finish();
  // What the owner's record does not know opens nothing, so nothing appears before it does: a file that was there
  // stays where the record cannot be written.
  const auto record = [&](const Sha256Digest& contents) {
    try {
      if (!use.identifiers.empty()) keep_identifiers(keys, file.info.id, use.identifiers);
      record_data_set(
          keys, {file.info.id, contents, (use.kept_as.empty() ? out : use.kept_as).string(),
                 use.use, samples, !labels.empty(), use.seed, use.map,
                 class_counts(labels, static_cast<int>(layout.classes)), set.class_names,
                 set.feature_names, set.pooling, set.label_name, use.held_out,
                 !use.identifiers.empty(), use.rows, use.split, set.encoder, set.features_member});
    } catch (const DataError&) {
      std::error_code ignored;
      std::filesystem::remove(identifiers_path(keys, file.info.id), ignored);
      throw;
    }
    return true;
  };
  const Task writing(listener, "writing");
  write_dataset(
      out, keys.set, file, [&](double fraction) { writing.update(fraction); }, record);
  writing.finish();
  return file.info.id;
}

}  // namespace blindtuner::party
