#include "features/data/idx.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/input_file.h"
#include "base/path.h"
#include "features/tables/inflate.h"

namespace blindtuner::features {
namespace {

// No array that is near this could be held.
constexpr std::uint64_t kMaxElements = std::uint64_t{1} << 40;

constexpr std::size_t header_bytes(std::size_t dimensions) { return 4 + 4 * dimensions; }

/// The header's shape. Sets `size` to the whole array's length in bytes, header included.
std::vector<std::size_t> parse_header(std::span<const std::uint8_t> bytes, const std::string& where,
                                      std::uint64_t& size) {
  if (bytes.size() < 4)
    throw DataError(where + ": " + std::to_string(bytes.size()) +
                    " bytes, expected an IDX header of at least 4");
  if (bytes[0] != 0 || bytes[1] != 0)
    throw DataError(where + ": not an IDX file (it does not begin with two zero bytes)");
  if (bytes[2] != 8)
    throw DataError(where + ": IDX type " + std::to_string(bytes[2]) +
                    ", expected 8 (unsigned bytes)");
  const std::size_t dimensions = bytes[3], header = header_bytes(dimensions);
  if (dimensions == 0) throw DataError(where + ": IDX array without dimensions");
  if (bytes.size() < header)
    throw DataError(where + ": truncated within the IDX header: " + std::to_string(bytes.size()) +
                    " bytes, expected at least " + std::to_string(header));
  std::vector<std::size_t> shape;
  std::uint64_t count = 1;
  for (std::size_t i = 0; i < dimensions; ++i) {
    std::size_t extent = 0;
    for (std::size_t j = 0; j < 4; ++j) extent = extent << 8 | bytes[4 + 4 * i + j];
    if (extent == 0)
      throw DataError(where + ": dimension " + std::to_string(i) + " is 0, expected at least 1");
    if (extent > kMaxElements / count)
      throw DataError(where + ": dimension " + std::to_string(i) + " is " + std::to_string(extent) +
                      ", which makes more than 2^40 elements");
    count *= extent;
    shape.push_back(extent);
  }
  size = header + count;
  return shape;
}

}  // namespace

ByteArray read_idx_array(const std::filesystem::path& path) {
  const std::string where = quoted_path(path);
  ByteArray idx;
  idx.bytes = read_file(path);
  const bool packed = idx.bytes.size() >= 2 && idx.bytes[0] == 0x1f && idx.bytes[1] == 0x8b;
  std::vector<std::uint8_t> start;
  if (packed) start = gunzip_start(idx.bytes, header_bytes(255), where);
  std::uint64_t size = 0;
  idx.shape = parse_header(std::span(packed ? start : idx.bytes), where, size);
  idx.offset = header_bytes(idx.shape.size());
  // What the header says is what is unpacked, no more and no less.
  if (packed) idx.bytes = gunzip(idx.bytes, size, where);
  if (idx.bytes.size() != size)
    throw DataError(where + ": " + (idx.bytes.size() < size ? "truncated: " : "") +
                    std::to_string(idx.bytes.size() - idx.offset) + " elements, expected " +
                    std::to_string(size - idx.offset) + " as the dimensions say");
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

LabelWords read_idx_labels(const std::filesystem::path& path) {
  const ByteArray idx = read_idx_array(path);
  if (idx.shape.size() != 1)
    throw DataError(quoted_path(path) + ": " + std::to_string(idx.shape.size()) +
                    " dimensions, expected 1 for labels (pictures?)");
  LabelWords words;
  for (const std::uint8_t label : idx.elements())
    words.add(std::to_string(label),
              [&] { return quoted_path(path) + ": row " + std::to_string(words.size()); });
  return words;
}

Dataset read_idx(const std::filesystem::path& images, const std::filesystem::path& labels) {
  Dataset set;
  const LabelWords words = read_idx_labels(labels);
  set.features = read_idx_images(images);
  if (words.size() != static_cast<std::size_t>(set.features.rows()))
    throw DataError(quoted_path(labels) + ": " + std::to_string(words.size()) + " labels for " +
                    std::to_string(set.features.rows()) + " pictures in " + quoted_path(images));
  set_classes(set, words, {}, quoted_path(labels));
  validate_set(set, quoted_path(images));
  return set;
}

}  // namespace blindtuner::features
