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

std::vector<std::string> trimmed(std::vector<std::string> names) {
  for (std::string& name : names) name = class_name(name);
  return names;
}

LabelWords words_of(const Labels& labels, const std::string& name) {
  LabelWords words;
  for (const int label : labels) words.add(std::to_string(label), [&] { return name; });
  return words;
}

}  // namespace

LabelWords load_labels(const DataSource& source) {
  switch (kind_of(source.labels)) {
    case Kind::kNpy:
      return read_npy_label_words(source.labels);
    case Kind::kNpz:
      return NpzArchive(source.labels).label_words(source.labels_member);
    case Kind::kCsv:
      return words_of(read_csv_labels(source.labels), quoted_path(source.labels));
    default:
      return read_idx_labels(source.labels);
  }
}

FeatureMatrix load_features(const DataSource& source) {
  switch (kind_of(source.features)) {
    case Kind::kNpy:
      return read_npy_samples(source.features);
    case Kind::kNpz:
      return NpzArchive(source.features).samples(source.features_member);
    case Kind::kCsv:
      return read_csv_features(source.features);
    default:
      return read_idx_images(source.features);
  }
}

Dataset load_dataset(const DataSource& source) {
  Dataset set;
  LabelWords words;
  ClassRequest classes = source.classes;
  const std::string name = quoted_path(source.features);
  std::string labelled = source.labels.empty() ? name : quoted_path(source.labels);
  if (!source.labels.empty()) {
    set.features = load_features(source);
    words = load_labels(source);
  } else if (kind_of(source.features) == Kind::kCsv) {
    CsvTable table = read_csv_labelled(source.features, source.label_column);
    set.features = std::move(table.features);
    words = words_of(table.labels, name);
  } else if (kind_of(source.features) == Kind::kNpz) {
    const NpzArchive archive(source.features);
    set.features = archive.samples(source.features_member);
    words = archive.label_words(source.labels_member);
    labelled = archive.where(source.labels_member);
    if (archive.contains("classes")) {
      const std::vector<std::string> names = archive.strings("classes");
      words = words.renamed(names, labelled);
      if (classes.names.empty()) classes.names = trimmed(names);
    }
  } else {
    throw DataError(name + ": has no labels of its own, expected a file of labels beside it");
  }
  if (words.size() != static_cast<std::size_t>(set.features.rows()))
    throw DataError(labelled + ": " + std::to_string(words.size()) + " labels for " +
                    std::to_string(set.features.rows()) + " samples in " + name);
  set_classes(set, words, classes, labelled);
  validate_set(set, name);
  return set;
}

}  // namespace blindtuner
