#include "data/load.h"

#include <algorithm>
#include <cctype>
#include <optional>

#include "base/error.h"
#include "data/csv.h"
#include "data/file_bytes.h"
#include "data/idx.h"
#include "data/npy.h"

namespace blindtuner {
namespace {

enum class Kind { kNpy, kNpz, kCsv, kIdx };

Kind kind_of(const std::filesystem::path& path) {
  std::string name = path.filename().string();
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (name.ends_with(".npy")) return Kind::kNpy;
  if (name.ends_with(".npz")) return Kind::kNpz;
  if (name.ends_with(".csv")) return Kind::kCsv;
  if (name.ends_with(".gz")) name.resize(name.size() - 3);
  if (name.ends_with("ubyte") || name.ends_with(".idx")) return Kind::kIdx;
  throw DataError(quoted_path(path) +
                  ": unknown kind of file, expected .npy, .npz, .csv, or IDX (-ubyte, .idx)");
}

}  // namespace

Labels load_labels(const DataSource& source) {
  switch (kind_of(source.labels)) {
    case Kind::kNpy:
      return read_npy_labels(source.labels);
    case Kind::kNpz:
      return NpzArchive(source.labels).labels(source.labels_member);
    case Kind::kCsv:
      return read_csv_labels(source.labels);
    default:
      return read_idx_labels(source.labels);
  }
}

FeatureMatrix load_features(const DataSource& source) {
  switch (kind_of(source.features)) {
    case Kind::kNpy:
      return read_npy_features(source.features);
    case Kind::kNpz:
      return NpzArchive(source.features).features(source.features_member);
    case Kind::kCsv:
      return read_csv_features(source.features);
    default:
      return read_idx_images(source.features);
  }
}

Dataset load_dataset(const DataSource& source) {
  Dataset set;
  if (!source.labels.empty()) {
    set.features = load_features(source);
    set.labels = load_labels(source);
  } else if (kind_of(source.features) == Kind::kCsv) {
    CsvTable table = read_csv_labelled(source.features, source.label_column);
    set.features = std::move(table.features);
    set.labels = std::move(table.labels);
  } else if (kind_of(source.features) == Kind::kNpz) {
    const NpzArchive archive(source.features);
    set.features = archive.features(source.features_member);
    set.labels = archive.labels(source.labels_member);
  } else {
    throw DataError(quoted_path(source.features) +
                    ": has no labels of its own, expected a file of labels beside it");
  }
  const std::string name = quoted_path(source.features);
  set.classes = source.classes != 0 ? source.classes : count_classes(set.labels, name);
  validate_set(set, name);
  return set;
}

}  // namespace blindtuner
