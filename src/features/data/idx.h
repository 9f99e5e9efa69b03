// MNIST's IDX files: 0, 0, type, number of dimensions, the dimensions (32-bit, big-endian), the
// elements. Only unsigned bytes (type 8) are read. A gzip-packed file is recognised by its first
// bytes.
#pragma once

#include <filesystem>

#include "features/data/byte_array.h"
#include "features/samples/class_names.h"
#include "features/samples/dataset.h"

namespace blindtuner::features {

/// The array as it is; no dimension is 0. Throws DataError.
ByteArray read_idx_array(const std::filesystem::path& path);

/// Pictures (two or more dimensions), one a row, values 0 to 255. Throws DataError.
FeatureMatrix read_idx_images(const std::filesystem::path& path);

/// Labels (one dimension). Throws DataError.
LabelWords read_idx_labels(const std::filesystem::path& path);

/// Both, checked against one another; classes as number_labels() makes them up. Throws DataError.
Dataset read_idx(const std::filesystem::path& images, const std::filesystem::path& labels);

}  // namespace blindtuner::features
