#include "data/idx.h"

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "data/file_bytes.h"

namespace blindtuner {

ByteArray read_idx_array(const std::filesystem::path& path) {
  const std::string where = quoted_path(path);
  ByteArray idx;
  idx.bytes = read_file(path);
  if (idx.bytes.size() >= 2 && idx.bytes[0] == 0x1f && idx.bytes[1] == 0x8b)
    idx.bytes = gunzip(idx.bytes, where);
  const auto& bytes = idx.bytes;
  if (bytes.size() < 4)
    throw DataError(where + ": " + std::to_string(bytes.size()) +
                    " bytes, expected an IDX header of at least 4");
  if (bytes[0] != 0 || bytes[1] != 0)
    throw DataError(where + ": not an IDX file (it does not begin with two zero bytes)");
  if (bytes[2] != 8)
    throw DataError(where + ": IDX type " + std::to_string(bytes[2]) +
                    ", expected 8 (unsigned bytes)");
  const std::size_t dimensions = bytes[3];
  idx.offset = 4 + 4 * dimensions;
  if (dimensions == 0) throw DataError(where + ": IDX array without dimensions");
  if (bytes.size() < idx.offset)
    throw DataError(where + ": truncated within the IDX header: " + std::to_string(bytes.size()) +
                    " bytes, expected at least " + std::to_string(idx.offset));
  // No product of the shape can pass the file's size unnoticed: it is checked factor by factor.
  const std::size_t there = bytes.size() - idx.offset;
  std::size_t count = 1;
  for (std::size_t i = 0; i < dimensions; ++i) {
    std::size_t extent = 0;
    for (std::size_t j = 0; j < 4; ++j) extent = extent << 8 | bytes[4 + 4 * i + j];
    if (extent == 0)
      throw DataError(where + ": dimension " + std::to_string(i) + " is 0, expected at least 1");
    if (extent > there / count)
      throw DataError(where + ": truncated: dimension " + std::to_string(i) + " is " +
                      std::to_string(extent) + ", but only " + std::to_string(there) +
                      " elements are there");
    count *= extent;
    idx.shape.push_back(extent);
  }
  if (count != there)
    throw DataError(where + ": " + std::to_string(there) + " elements, expected " +
                    std::to_string(count) + " as the dimensions say");
  return idx;
}

FeatureMatrix read_idx_images(const std::filesystem::path& path) {
  const ByteArray idx = read_idx_array(path);
  if (idx.shape.size() < 2)
    throw DataError(quoted_path(path) + ": one dimension, expected pictures (labels?)");
  const std::size_t rows = idx.shape[0];
  const auto elements = idx.elements();
  FeatureMatrix out(static_cast<Eigen::Index>(rows),
                    static_cast<Eigen::Index>(elements.size() / rows));
  for (std::size_t i = 0; i < elements.size(); ++i) out.data()[i] = elements[i];
  return out;
}

Labels read_idx_labels(const std::filesystem::path& path) {
  const ByteArray idx = read_idx_array(path);
  if (idx.shape.size() != 1)
    throw DataError(quoted_path(path) + ": " + std::to_string(idx.shape.size()) +
                    " dimensions, expected 1 for labels (pictures?)");
  const auto elements = idx.elements();
  return {elements.begin(), elements.end()};
}

Dataset read_idx(const std::filesystem::path& images, const std::filesystem::path& labels) {
  Dataset set;
  set.labels = read_idx_labels(labels);
  set.features = read_idx_images(images);
  set.classes = count_classes(set.labels, quoted_path(labels));
  validate_set(set, quoted_path(images));
  return set;
}

}  // namespace blindtuner
