// NumPy's .npy arrays and .npz archives.
//
// .npy: a header (features/data/npy_header.h), the elements. .npz: a ZIP archive of .npy members,
// stored or deflated, without encryption; ZIP64 is read, as NumPy writes its local headers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "base/atomic_file.h"
#include "features/data/byte_array.h"
#include "features/data/npy_header.h"
#include "features/samples/class_names.h"
#include "features/samples/dataset.h"

namespace blindtuner::features {

/// A matrix out of an array of any supported type: two dimensions as they are, more are flattened
/// behind the first, one dimension becomes a column. Finite values only. Throws DataError.
FeatureMatrix npy_to_features(std::span<const std::uint8_t> bytes, const std::string& where);
/// The same of an array that is samples x features: dimensions behind these must be 1.
FeatureMatrix npy_to_samples(std::span<const std::uint8_t> bytes, const std::string& where);
/// As npy_to_features() in double precision, without narrowing (models, whitening maps).
Eigen::MatrixXd npy_to_matrix(std::span<const std::uint8_t> bytes, const std::string& where);
/// Labels: text as it is, whole numbers below 2^31 in magnitude in their shortest form
/// ("-1", "2.0" is "2"), booleans as "False" and "True", of a row of zeros with a single one (one-hot)
/// the column. One dimension, or two. Throws DataError.
LabelWords npy_to_label_words(std::span<const std::uint8_t> bytes, const std::string& where);

/// Unsigned bytes (type u1) in C order, as they are; no dimension is 0. Throws DataError.
ByteArray npy_to_byte_array(std::vector<std::uint8_t> bytes, const std::string& where);
/// A one-dimensional array of text, as UTF-8. Throws DataError.
std::vector<std::string> npy_to_strings(std::span<const std::uint8_t> bytes,
                                        const std::string& where);
/// The same, and of whole numbers in their shortest form: integers exactly, floats below 2^53, 2^24 or 2^11, where all
/// whole numbers are floats of that type. Throws DataError.
std::vector<std::string> npy_to_keys(std::span<const std::uint8_t> bytes, const std::string& where);

FeatureMatrix read_npy_samples(const std::filesystem::path& path);
Eigen::MatrixXd read_npy_matrix(const std::filesystem::path& path);
LabelWords read_npy_label_words(const std::filesystem::path& path);

/// Version 1.0, C order: '<f4', '<f8' or '<i4'. Whole or absent (AtomicFile).
void write_npy(const std::filesystem::path& path, const FeatureMatrix& matrix);
void write_npy(const std::filesystem::path& path, const Eigen::MatrixXd& matrix,
               unsigned mode = kForAnybody);
void write_npy(const std::filesystem::path& path, const Labels& labels);
std::vector<std::uint8_t> npy_bytes(const FeatureMatrix& matrix);
std::vector<std::uint8_t> npy_bytes(const Eigen::MatrixXd& matrix);
std::vector<std::uint8_t> npy_bytes(const Labels& labels);
/// '<U..': bytes that are not UTF-8 become U+FFFD.
std::vector<std::uint8_t> npy_bytes(const std::vector<std::string>& words);

/// An .npz archive held in memory. Members are named without their ".npy".
class NpzArchive {
 public:
  /// Reads the file and its directory. Throws DataError.
  explicit NpzArchive(const std::filesystem::path& path);

  std::vector<std::string> names() const;
  /// The path in quotes, for messages.
  std::string name() const;
  bool contains(const std::string& name) const { return members_.count(name) != 0; }
  /// Unpacks a member and checks its CRC-32. No more is allocated than deflate could make of the
  /// bytes that are there. Throws DataError, also when there is no such member (the message lists
  /// those there are).
  FeatureMatrix features(const std::string& name) const;
  FeatureMatrix samples(const std::string& name) const;
  Eigen::MatrixXd matrix(const std::string& name) const;
  LabelWords label_words(const std::string& name) const;
  ByteArray byte_array(const std::string& name) const;
  std::vector<std::string> strings(const std::string& name) const;
  std::vector<std::string> keys(const std::string& name) const;
  /// Whether the member is text, as strings() reads it. False where nothing can be read of it.
  bool holds_text(const std::string& name) const;
  /// Likewise integers of 32 bits, as write_npy() has labels.
  bool holds_int32(const std::string& name) const;
  /// Whether the member has one element for each of `rows` rows, of whatever type, or does not say how many it has.
  bool may_have_one_a_row(const std::string& name, std::size_t rows) const;
  /// What opens a message about a member.
  std::string where(const std::string& name) const;

 private:
  bool holds(const std::string& name, bool (*is)(const NpyHeader&)) const;
  struct Member {
    std::uint16_t method = 0;
    std::uint32_t crc = 0;
    std::size_t offset = 0, packed = 0, unpacked = 0;  // offset of the packed bytes
  };
  std::vector<std::uint8_t> unpack(const std::string& name) const;
  std::string path_;
  std::vector<std::uint8_t> bytes_;
  std::map<std::string, Member> members_;
};

/// Writes members (name without ".npy" -> the bytes of an .npy array) stored, not compressed; less
/// than 4 GiB in all. Whole or absent. Throws DataError.
void write_npz(const std::filesystem::path& path,
               const std::map<std::string, std::vector<std::uint8_t>>& members,
               unsigned mode = kForAnybody);

}  // namespace blindtuner::features
