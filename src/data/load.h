// One entry for whatever the owner has.
#pragma once

#include <filesystem>
#include <string>

#include "data/class_names.h"
#include "data/dataset.h"

namespace blindtuner {

/// Where features and labels are. The kind is taken from the file's name: .npy, .npz, .csv, or IDX
/// (anything that ends in -ubyte or .idx, with or without .gz).
struct DataSource {
  std::filesystem::path features;
  std::filesystem::path labels;  ///< empty: a column of the CSV file, or a member of the .npz
  std::string features_member = "features";  ///< .npz only
  std::string labels_member = "labels";      ///< .npz only
  std::string label_column = "last";         ///< .csv only, when `labels` is empty
  ClassRequest classes;                      ///< names or number, where they are known before
};

/// Reads and validates (validate_set). Throws DataError.
Dataset load_dataset(const DataSource& source);

/// The file `labels` alone. Throws DataError.
LabelWords load_labels(const DataSource& source);

/// Features alone, for inference. Throws DataError.
FeatureMatrix load_features(const DataSource& source);

}  // namespace blindtuner
