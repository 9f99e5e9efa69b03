// The .safetensors format: named tensors behind a JSON header.
//
// 8 bytes, little-endian: length of the header. The header, a JSON object: name -> {"dtype": "F32",
// "shape": [..], "data_offsets": [begin, end]}, and optionally "__metadata__" -> {text: text}.
// Then the data; offsets count from here. Tensors cover the data without gap or overlap.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/input_file.h"

namespace blindtuner::features {

using Shape = std::vector<std::size_t>;

/// "[3, 224, 224]", for messages.
std::string shape_text(const Shape& shape);

/// A file whose header has been read and checked against its length. Of the data, only the tensors
/// that are asked for are read.
class SafetensorsFile {
 public:
  struct Tensor {
    std::string type;  ///< as in the file: "F32", "F16", "BF16", "I64", ..
    Shape shape;
    std::size_t begin = 0, end = 0;  ///< bytes of the data part
  };

  /// Throws DataError: no such file, truncated, damaged, offsets that do not fit shapes.
  explicit SafetensorsFile(const std::filesystem::path& path);

  const std::map<std::string, Tensor>& tensors() const { return tensors_; }
  bool contains(const std::string& name) const { return tensors_.count(name) != 0; }
  /// Throws DataError when there is no such tensor.
  const Tensor& tensor(const std::string& name) const;
  /// The elements, row-major, as single precision out of F32, F16 or BF16. Throws DataError when
  /// the tensor is missing, has another shape or type, or holds a value that is not finite.
  std::vector<float> read(const std::string& name, const Shape& expected) const;
  /// The quoted path, for messages.
  const std::string& where() const { return file_.name(); }

 private:
  void check_order() const;

  InputFile file_;
  std::uint64_t data_ = 0;  // where the data part starts
  std::map<std::string, Tensor> tensors_;
};

/// IEEE half precision and bfloat16, exactly.
float half_to_float(std::uint16_t bits);
float bfloat16_to_float(std::uint16_t bits);

}  // namespace blindtuner::features
