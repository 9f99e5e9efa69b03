// The header of one of NumPy's .npy arrays: "\x93NUMPY", version (1.0, 2.0 or 3.0), the header's length
// (2 or 4 bytes, little-endian), a Python dictionary literal
// {'descr': '<f4', 'fortran_order': False, 'shape': (n, d), }.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace blindtuner::features {

/// What an .npy header says, checked against the bytes that follow it.
struct NpyHeader {
  /// 'f' float, 'i' signed, 'u' unsigned, 'b' boolean, 'U' text of 32-bit code points, 'S' of bytes.
  char kind = 'f';
  std::size_t item_bytes = 4;  ///< 1, 2, 4 or 8; text: its length, 4 times that for 'U'
  bool big_endian = false;
  bool fortran_order = false;
  std::vector<std::size_t> shape;
  std::size_t count = 1;        ///< the product of the shape
  std::size_t data_offset = 0;  ///< where the elements start
};

inline constexpr std::array<std::uint8_t, 6> kNpyMagic = {0x93, 'N', 'U', 'M', 'P', 'Y'};
/// The most bytes that a header takes, magic and lengths included.
inline constexpr std::size_t kMaxNpyHeader = (std::size_t{1} << 16) + 12;

/// Parses and checks a header; `bytes` is the whole array, which must hold exactly the elements
/// that the shape promises, or the first kMaxNpyHeader bytes of one of `whole` bytes. `where` opens
/// every message. Throws DataError.
NpyHeader parse_npy_header(std::span<const std::uint8_t> bytes, const std::string& where);
NpyHeader parse_npy_header(std::span<const std::uint8_t> bytes, std::size_t whole,
                           const std::string& where);
/// The shape that a header tells, of whatever type the elements are, those among them that nothing reads (objects, dates,
/// structures). Throws DataError.
std::vector<std::size_t> npy_shape(std::span<const std::uint8_t> bytes, const std::string& where);

}  // namespace blindtuner::features
