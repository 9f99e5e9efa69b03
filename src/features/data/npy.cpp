#include "features/data/npy.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/input_file.h"
#include "base/path.h"
#include "base/utf8.h"
#include "features/data/rounding.h"
#include "features/tables/table_number.h"

namespace blindtuner::features {
namespace {

double half(std::uint64_t word) {
  const int exponent = static_cast<int>(word >> 10 & 31), fraction = static_cast<int>(word & 1023);
  double size = 0;
  if (exponent == 31)
    size = fraction == 0 ? HUGE_VAL : NAN;
  else
    size = exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
  return (word >> 15 & 1) != 0 ? -size : size;
}

/// The bits of element `i` in storage order.
std::uint64_t element_bits(const NpyHeader& header, const std::uint8_t* data, std::size_t i) {
  std::array<std::uint8_t, 8> raw{};
  const std::size_t n = header.item_bytes;
  std::memcpy(raw.data(), data + i * n, n);
  if (header.big_endian) std::reverse(raw.begin(), raw.begin() + static_cast<std::ptrdiff_t>(n));
  std::uint64_t word = 0;
  for (std::size_t j = 0; j < n; ++j) word |= std::uint64_t{raw[j]} << (8 * j);
  return word;
}

std::int64_t signed_element(const NpyHeader& header, std::uint64_t bits) {
  const int shift = static_cast<int>(64 - 8 * header.item_bytes);
  return static_cast<std::int64_t>(bits << shift) >> shift;
}

/// Element `i` in storage order, as a double: whole numbers of 64 bits to the nearest that there is.
double element(const NpyHeader& header, const std::uint8_t* data, std::size_t i) {
  const std::size_t n = header.item_bytes;
  const std::uint64_t word = element_bits(header, data, i);
  switch (header.kind) {
    case 'f':
      if (n == 2) return half(word);
      return n == 4 ? static_cast<double>(std::bit_cast<float>(static_cast<std::uint32_t>(word)))
                    : std::bit_cast<double>(word);
    case 'i':
      return static_cast<double>(signed_element(header, word));
    default:
      return static_cast<double>(word);
  }
}

std::string number_text(double value) {
  std::array<char, 32> text{};
  return {text.data(), std::to_chars(text.data(), text.data() + text.size(), value).ptr};
}

/// The element as it is, to the last digit.
std::string element_text(const NpyHeader& header, const std::uint8_t* data, std::size_t i) {
  if (header.kind == 'f') return number_text(element(header, data, i));
  const std::uint64_t bits = element_bits(header, data, i);
  return header.kind == 'i' ? std::to_string(signed_element(header, bits)) : std::to_string(bits);
}

bool is_text(const NpyHeader& header) { return header.kind == 'U' || header.kind == 'S'; }

struct Extent {
  std::size_t rows, columns;
};

std::string shape_text(const std::vector<std::size_t>& shape) {
  std::string out;
  for (const std::size_t extent : shape) out += (out.empty() ? "" : " x ") + std::to_string(extent);
  return out;
}

Extent extent(const NpyHeader& header, const std::string& where) {
  if (is_text(header)) throw DataError(where + ": text, expected numbers");
  if (header.shape.empty()) throw DataError(where + ": a single number, expected an array");
  if (header.count == 0) throw DataError(where + ": empty array, expected at least one element");
  return {header.shape[0], header.count / header.shape[0]};
}

std::size_t position(const NpyHeader& header, std::size_t i, std::size_t j, Extent extent) {
  return header.fortran_order ? j * extent.rows + i : i * extent.columns + j;
}

template <typename Matrix>
Matrix to_matrix(std::span<const std::uint8_t> bytes, const std::string& where) {
  using Scalar = typename Matrix::Scalar;
  const NpyHeader header = parse_npy_header(bytes, where);
  const auto [rows, columns] = extent(header, where);
  if (header.fortran_order &&
      header.count != rows * (header.shape.size() > 1 ? header.shape[1] : 1))
    throw DataError(where + ": Fortran order with " + std::to_string(header.shape.size()) +
                    " dimensions, expected at most 2");
  const std::uint8_t* data = bytes.data() + header.data_offset;
  Matrix out(static_cast<Eigen::Index>(rows), static_cast<Eigen::Index>(columns));
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t j = 0; j < columns; ++j) {
      const auto value =
          static_cast<Scalar>(element(header, data, position(header, i, j, {rows, columns})));
      if (!std::isfinite(value))
        throw DataError(where + ": row " + std::to_string(i) + ", column " + std::to_string(j) +
                        " is " + (std::isnan(value) ? "NaN" : "infinite") +
                        ", expected a finite number");
      out(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(j)) = value;
    }
  return out;
}

/// Of the kinds that single precision does not hold. Throws DataError.
void check_rounding(std::span<const std::uint8_t> bytes, const NpyHeader& header,
                    const std::string& where) {
  if (header.item_bytes <= (header.kind == 'f' ? 4 : 2)) return;
  const auto [rows, columns] = extent(header, where);
  const std::uint8_t* data = bytes.data() + header.data_offset;
  ColumnRounding rounding(columns);
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t j = 0; j < columns; ++j) {
      const std::size_t at = position(header, i, j, {rows, columns});
      rounding.add(j, element(header, data, at),
                   header.kind == 'f' ? 0 : element_bits(header, data, at));
    }
  rounding.check([&](std::size_t j) { return where + ", column " + std::to_string(j); });
}

/// Of a row of zeros with a one: where the one is.
std::size_t hot_column(const NpyHeader& header, const std::uint8_t* data, std::size_t row,
                       Extent extent, const std::string& where) {
  std::size_t hot = extent.columns;
  bool good = header.shape.size() == 2 && extent.columns <= static_cast<std::size_t>(kMaxLabels);
  for (std::size_t j = 0; good && j < extent.columns; ++j) {
    const double value = element(header, data, position(header, row, j, extent));
    good = value == 0 || (value == 1 && hot == extent.columns);
    if (value == 1) hot = j;
  }
  if (!good || hot == extent.columns)
    throw DataError(where + ": row " + std::to_string(row) + " of " +
                    std::to_string(extent.columns) +
                    " columns, expected one column for labels, or zeros and a single one in every "
                    "row (features?)");
  return hot;
}

/// Calls `take` with every element of a one-dimensional array of text (or n x 1), as UTF-8.
template <typename Take>
void for_each_text(std::span<const std::uint8_t> bytes, const NpyHeader& header,
                   const std::string& where, const Take& take) {
  if (header.shape.empty() || header.count != header.shape[0])
    throw DataError(where + ": expected a one-dimensional array of text");
  const std::size_t width = header.kind == 'U' ? 4 : 1;
  const std::uint8_t* next = bytes.data() + header.data_offset;
  for (std::size_t i = 0; i < header.count; ++i) {
    std::u32string points;
    for (std::size_t j = 0; j < header.item_bytes; j += width, next += width) {
      char32_t point = 0;
      for (std::size_t k = 0; k < width; ++k)
        point = point << 8 | next[header.big_endian ? k : width - 1 - k];
      points.push_back(point);
    }
    // Shorter ones are padded with zeros.
    points.resize(points.find_last_not_of(U'\0') + 1);
    if (width == 1) {
      std::string word(points.begin(), points.end());
      if (!decode_utf8(word))
        throw DataError(where + ": row " + std::to_string(i) + " is not UTF-8");
      take(std::move(word));
    } else {
      take(encode_utf8(points));
    }
  }
}

std::vector<std::uint8_t> start_npy(const char* descr, const std::string& shape) {
  std::string text =
      std::string("{'descr': '") + descr + "', 'fortran_order': False, 'shape': (" + shape + "), }";
  // Elements begin at a multiple of 64 bytes, as NumPy has them.
  while ((10 + text.size() + 1) % 64 != 0) text += ' ';
  text += '\n';
  const std::size_t length = text.size();
  std::vector<std::uint8_t> bytes(kNpyMagic.begin(), kNpyMagic.end());
  for (const std::size_t byte : {std::size_t{1}, std::size_t{0}, length & 0xff, length >> 8})
    bytes.push_back(static_cast<std::uint8_t>(byte));
  bytes.insert(bytes.end(), text.begin(), text.end());
  return bytes;
}

template <typename Word>
void append(std::vector<std::uint8_t>& bytes, Word word) {
  for (std::size_t j = 0; j < sizeof(Word); ++j)
    bytes.push_back(static_cast<std::uint8_t>(word >> (8 * j)));
}

std::string pair_text(Eigen::Index rows, Eigen::Index columns) {
  return std::to_string(rows) + ", " + std::to_string(columns);
}

}  // namespace

FeatureMatrix npy_to_features(std::span<const std::uint8_t> bytes, const std::string& where) {
  return to_matrix<FeatureMatrix>(bytes, where);
}

FeatureMatrix npy_to_samples(std::span<const std::uint8_t> bytes, const std::string& where) {
  const NpyHeader header = parse_npy_header(bytes, where);
  // What a network's pooling leaves behind: samples x features x 1 x 1, samples x 1 x features.
  std::size_t wide = 0;
  for (std::size_t d = 1; d < header.shape.size(); ++d) wide += header.shape[d] != 1;
  if (wide > 1)
    throw DataError(where + ": " + std::to_string(header.shape.size()) + " dimensions (" +
                    shape_text(header.shape) +
                    "), expected samples x features: pool or reshape them first");
  FeatureMatrix out = npy_to_features(bytes, where);
  check_rounding(bytes, header, where);
  return out;
}

Eigen::MatrixXd npy_to_matrix(std::span<const std::uint8_t> bytes, const std::string& where) {
  return to_matrix<Eigen::MatrixXd>(bytes, where);
}

LabelWords npy_to_label_words(std::span<const std::uint8_t> bytes, const std::string& where) {
  const NpyHeader header = parse_npy_header(bytes, where);
  LabelWords words;
  const auto here = [&] { return where + ": row " + std::to_string(words.size()); };
  if (is_text(header)) {
    bool signs = false, others = false;  // "-" is a class beside "+"
    for_each_text(bytes, header, where, [&](std::string&& word) {
      signs = signs || is_sign_name(word);
      others = others || !(is_sign_name(word) || word == "-");
    });
    for_each_text(bytes, header, where, [&](std::string&& word) {
      const bool dash = word == "-" && signs && !others;
      if (!dash && !class_name(word).empty() && is_missing_label(word))
        throw DataError(here() + ": no label ('" + printable(word) + "')");
      words.add(word, here);
    });
    return words;
  }
  const auto [rows, columns] = extent(header, where);
  const std::uint8_t* data = bytes.data() + header.data_offset;
  for (std::size_t i = 0; i < rows; ++i) {
    if (columns > 1) {
      words.add(std::to_string(hot_column(header, data, i, {rows, columns}, where)), here);
      continue;
    }
    const double value = element(header, data, i);
    if (value != std::floor(value) || !(std::abs(value) < 0x1p31))
      throw DataError(
          where + ": row " + std::to_string(i) + " is " + element_text(header, data, i) +
          (value == std::floor(value) ? ", expected a class: a whole number below 2^31, or a name"
                                      : ", expected a class: a whole number or a name"));
    if (header.kind == 'b')
      words.add(value != 0 ? "True" : "False", here);
    else
      words.add(std::to_string(static_cast<long>(value)), here);
  }
  return words;
}

ByteArray npy_to_byte_array(std::vector<std::uint8_t> bytes, const std::string& where) {
  const NpyHeader header = parse_npy_header(bytes, where);
  extent(header, where);
  if (header.kind != 'u' || header.item_bytes != 1)
    throw DataError(where + ": type " + header.kind + std::to_string(header.item_bytes) +
                    ", expected u1 (unsigned bytes)");
  if (header.fortran_order && header.shape.size() > 1)
    throw DataError(where + ": Fortran order, expected C order");
  return {std::move(bytes), header.shape, header.data_offset};
}

std::vector<std::string> npy_to_strings(std::span<const std::uint8_t> bytes,
                                        const std::string& where) {
  const NpyHeader header = parse_npy_header(bytes, where);
  if (!is_text(header)) throw DataError(where + ": expected a one-dimensional array of text");
  std::vector<std::string> out;
  for_each_text(bytes, header, where, [&](std::string&& word) { out.push_back(std::move(word)); });
  return out;
}

std::vector<std::string> npy_to_keys(std::span<const std::uint8_t> bytes,
                                     const std::string& where) {
  const NpyHeader header = parse_npy_header(bytes, where);
  if (is_text(header)) return npy_to_strings(bytes, where);
  const auto [rows, columns] = extent(header, where);
  if (columns != 1 || header.kind == 'b')
    throw DataError(where + ": expected a text or a whole number a row");
  std::vector<std::string> out;
  const std::uint8_t* data = bytes.data() + header.data_offset;
  // From there on floats leave whole numbers out: the one that was meant may be another.
  const int digits = header.item_bytes == 8 ? 53 : header.item_bytes == 4 ? 24 : 11;
  for (std::size_t i = 0; i < rows; ++i) {
    if (header.kind != 'f') {
      out.push_back(element_text(header, data, i));
      continue;
    }
    const double value = element(header, data, i);
    if (value != std::floor(value) || !(std::abs(value) < std::ldexp(1.0, digits)))
      throw DataError(where + ": row " + std::to_string(i) + " is " + number_text(value) +
                      ", expected a text or a whole number, of floats of " +
                      std::to_string(8 * header.item_bytes) + " bits one below 2^" +
                      std::to_string(digits));
    out.push_back(std::to_string(static_cast<long long>(value)));
  }
  return out;
}

FeatureMatrix read_npy_samples(const std::filesystem::path& path) {
  return npy_to_samples(read_file(path), quoted_path(path));
}

Eigen::MatrixXd read_npy_matrix(const std::filesystem::path& path) {
  return npy_to_matrix(read_file(path), quoted_path(path));
}

LabelWords read_npy_label_words(const std::filesystem::path& path) {
  return npy_to_label_words(read_file(path), quoted_path(path));
}

std::vector<std::uint8_t> npy_bytes(const FeatureMatrix& matrix) {
  auto bytes = start_npy("<f4", pair_text(matrix.rows(), matrix.cols()));
  bytes.reserve(bytes.size() + static_cast<std::size_t>(matrix.size()) * 4);
  for (Eigen::Index i = 0; i < matrix.size(); ++i)
    append(bytes, std::bit_cast<std::uint32_t>(matrix.data()[i]));
  return bytes;
}

std::vector<std::uint8_t> npy_bytes(const Eigen::MatrixXd& matrix) {
  auto bytes = start_npy("<f8", pair_text(matrix.rows(), matrix.cols()));
  bytes.reserve(bytes.size() + static_cast<std::size_t>(matrix.size()) * 8);
  for (Eigen::Index i = 0; i < matrix.rows(); ++i)
    for (Eigen::Index j = 0; j < matrix.cols(); ++j)
      append(bytes, std::bit_cast<std::uint64_t>(matrix(i, j)));
  return bytes;
}

std::vector<std::uint8_t> npy_bytes(const Labels& labels) {
  auto bytes = start_npy("<i4", std::to_string(labels.size()) + ",");
  for (const int label : labels) append(bytes, static_cast<std::uint32_t>(label));
  return bytes;
}

std::vector<std::uint8_t> npy_bytes(const std::vector<std::string>& words) {
  std::vector<std::u32string> points;
  std::size_t longest = 1;
  for (const std::string& word : words) {
    points.push_back(decode_utf8_leniently(word));
    longest = std::max(longest, points.back().size());
  }
  auto bytes =
      start_npy(("<U" + std::to_string(longest)).c_str(), std::to_string(words.size()) + ",");
  bytes.reserve(bytes.size() + 4 * longest * words.size());
  for (std::u32string& word : points) {
    word.resize(longest);
    for (const char32_t point : word) append(bytes, static_cast<std::uint32_t>(point));
  }
  return bytes;
}

void write_npy(const std::filesystem::path& path, const FeatureMatrix& matrix) {
  write_file_atomically(path, npy_bytes(matrix));
}

void write_npy(const std::filesystem::path& path, const Eigen::MatrixXd& matrix, unsigned mode) {
  write_file_atomically(path, npy_bytes(matrix), mode);
}

void write_npy(const std::filesystem::path& path, const Labels& labels) {
  write_file_atomically(path, npy_bytes(labels));
}

}  // namespace blindtuner::features
