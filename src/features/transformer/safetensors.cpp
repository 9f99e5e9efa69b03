#include "features/transformer/safetensors.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json.h"

namespace blindtuner::features {
namespace {

using nlohmann::json;

// Headers of real models take some hundred kilobytes.
constexpr std::size_t kMaxHeader = std::size_t{16} << 20;

std::size_t type_bytes(const std::string& type) {
  static const std::map<std::string, std::size_t> bytes = {
      {"BOOL", 1}, {"U8", 1},  {"I8", 1},  {"F8_E4M3", 1}, {"F8_E5M2", 1},
      {"I16", 2},  {"U16", 2}, {"F16", 2}, {"BF16", 2},    {"I32", 4},
      {"U32", 4},  {"F32", 4}, {"I64", 8}, {"U64", 8},     {"F64", 8}};
  const auto found = bytes.find(type);
  return found == bytes.end() ? 0 : found->second;
}

std::string quoted(const std::string& name) {
  std::string out = "'";
  for (const char c : name.substr(0, 128)) out += c >= 0 && c < 32 ? '?' : c;
  return out + "'";
}

SafetensorsFile::Tensor parse_tensor(const json& entry, const std::string& what) {
  const auto refuse = [&](const std::string& why) { return DataError(what + ": " + why); };
  SafetensorsFile::Tensor tensor;
  const JsonIn in(entry, what), shape = in.at("shape"), offsets = in.at("data_offsets");
  const auto type = in.at("dtype").as<std::string>();
  if (type_bytes(type) == 0) throw refuse("unknown dtype " + quoted(type));
  tensor.type = type;
  if (shape.size() > 8) shape.refuse("up to 8 whole numbers");
  tensor.shape = shape.as<Shape>();
  if (offsets.size() != 2) offsets.refuse("a beginning and an end");
  tensor.begin = offsets.at(0).as<std::size_t>();
  tensor.end = offsets.at(1).as<std::size_t>();
  if (tensor.begin > tensor.end) offsets.refuse("a beginning and an end");
  const std::size_t bytes = tensor.end - tensor.begin;
  std::size_t needed = type_bytes(tensor.type);
  bool fits = true;
  for (const std::size_t factor : tensor.shape)
    fits = !__builtin_mul_overflow(needed, factor, &needed) && fits;
  if (std::find(tensor.shape.begin(), tensor.shape.end(), 0u) != tensor.shape.end())
    fits = bytes == 0;  // whatever the other factors are
  else
    fits = fits && needed == bytes;
  if (!fits)
    throw refuse("shape " + shape_text(tensor.shape) + " of " + tensor.type + " does not fit its " +
                 std::to_string(bytes) + " bytes");
  return tensor;
}

/// Piece by piece: no second copy of a large tensor.
void read_halves(const InputFile& file, std::uint64_t offset, std::span<float> to,
                 float (*convert)(std::uint16_t)) {
  std::vector<std::uint16_t> piece(std::min<std::size_t>(to.size(), std::size_t{1} << 20));
  for (std::size_t begin = 0; begin < to.size(); begin += piece.size()) {
    const std::size_t count = std::min(piece.size(), to.size() - begin);
    file.read({reinterpret_cast<std::uint8_t*>(piece.data()), 2 * count}, offset + 2 * begin);
    for (std::size_t i = 0; i < count; ++i) to[begin + i] = convert(piece[i]);
  }
}

}  // namespace

std::string shape_text(const Shape& shape) {
  std::string out = "[";
  for (const std::size_t size : shape) {
    if (out.size() > 1) out += ", ";
    out += std::to_string(size);
  }
  return out + "]";
}

float half_to_float(std::uint16_t bits) {
  const std::uint32_t sign = std::uint32_t{bits} >> 15 << 31;
  const std::uint32_t exponent = bits >> 10 & 31, fraction = bits & 0x3ff;
  if (exponent == 0)  // zero and subnormals: a multiple of 2^-24
    return std::bit_cast<float>(sign) + (sign != 0 ? -0x1p-24f : 0x1p-24f) * float(fraction);
  const std::uint32_t wide = exponent == 31 ? 255 : exponent + 127 - 15;
  return std::bit_cast<float>(sign | wide << 23 | fraction << 13);
}

float bfloat16_to_float(std::uint16_t bits) {
  return std::bit_cast<float>(std::uint32_t{bits} << 16);
}

namespace {

/// Of a file that is too short for tensors: where links are not kept, a path is all that is left.
std::string path_within(const InputFile& file) {
  std::vector<std::uint8_t> bytes(
      static_cast<std::size_t>(std::min<std::uint64_t>(file.size(), 256)));
  bytes.resize(file.read_some(bytes, 0));
  const std::string text(bytes.begin(), bytes.end());
  const bool path = file.size() == text.size() && text.find('/') != std::string::npos &&
                    std::all_of(text.begin(), text.end(), [](char c) { return c > 32 && c < 127; });
  return path ? ": it holds the path " + quoted(text) + " alone, a link that was not kept?" : "";
}

}  // namespace

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path) : file_(path) {
  const std::string& name = where();
  if (file_.size() < 8)
    throw DataError(name + ": " + std::to_string(file_.size()) +
                    " bytes, expected a .safetensors file");
  std::uint8_t start[8];
  file_.read(start, 0);
  std::uint64_t length;
  std::memcpy(&length, start, 8);
  if (length > kMaxHeader)
    throw DataError(name + ": not a .safetensors file: a header of " + std::to_string(length) +
                    " bytes, expected at most " + std::to_string(kMaxHeader) + path_within(file_));
  if (length > file_.size() - 8)
    throw DataError(name + ": truncated within the header: " + std::to_string(file_.size()) +
                    " bytes, expected at least " + std::to_string(length + 8));
  data_ = 8 + length;
  std::vector<std::uint8_t> text(static_cast<std::size_t>(length));
  file_.read(text, 8);
  const json header = parse_json({reinterpret_cast<const char*>(text.data()), text.size()},
                                 name + ": its .safetensors header");
  if (!header.is_object()) throw DataError(name + ": damaged header: not a JSON object");
  for (const auto& [key, entry] : header.items())
    if (key != "__metadata__")
      tensors_[key] = parse_tensor(entry, name + ": tensor " + quoted(key));
  check_order();
}

void SafetensorsFile::check_order() const {
  std::vector<std::pair<const std::string*, const Tensor*>> order;
  for (const auto& [name, tensor] : tensors_) order.emplace_back(&name, &tensor);
  std::sort(order.begin(), order.end(), [](const auto& a, const auto& b) {
    return std::pair(a.second->begin, a.second->end) < std::pair(b.second->begin, b.second->end);
  });
  std::size_t end = 0;
  for (const auto& [name, tensor] : order) {
    if (tensor->begin != end)
      throw DataError(where() + ": damaged header: tensor " + quoted(*name) + " starts at byte " +
                      std::to_string(tensor->begin) + ", expected at " + std::to_string(end) +
                      ", where the one before it ends");
    end = tensor->end;
  }
  const std::uint64_t there = file_.size() - data_;
  if (there != end)
    throw DataError(where() + (there < end ? ": truncated: " : ": too long: ") +
                    std::to_string(there) + " bytes of data, expected " + std::to_string(end));
}

const SafetensorsFile::Tensor& SafetensorsFile::tensor(const std::string& name) const {
  const auto found = tensors_.find(name);
  if (found == tensors_.end())
    throw DataError(where() + ": tensor " + quoted(name) + " is missing");
  return found->second;
}

std::vector<float> SafetensorsFile::read(const std::string& name, const Shape& expected) const {
  const Tensor& from = tensor(name);
  const std::string what = where() + ": tensor " + quoted(name);
  if (from.shape != expected)
    throw DataError(what + " has shape " + shape_text(from.shape) + ", expected " +
                    shape_text(expected));
  if (from.type != "F32" && from.type != "F16" && from.type != "BF16")
    throw DataError(what + " has type " + from.type + ", expected F32, F16 or BF16");
  const std::size_t bytes = from.end - from.begin;
  std::vector<float> out(bytes / type_bytes(from.type));
  if (from.type == "F32")
    file_.read({reinterpret_cast<std::uint8_t*>(out.data()), bytes}, data_ + from.begin);
  else
    read_halves(file_, data_ + from.begin, out,
                from.type == "F16" ? half_to_float : bfloat16_to_float);
  for (std::size_t i = 0; i < out.size(); ++i)
    if (!std::isfinite(out[i]))
      throw DataError(what + ": element " + std::to_string(i) + " is not finite");
  return out;
}

}  // namespace blindtuner::features
