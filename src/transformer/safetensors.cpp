#include "transformer/safetensors.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.h"
#include "data/file_bytes.h"

namespace blindtuner {
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

class Descriptor {
 public:
  explicit Descriptor(const char* path) : value_(open(path, O_RDONLY | O_CLOEXEC)) {}
  ~Descriptor() {
    if (value_ >= 0) close(value_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return value_; }

 private:
  int value_;
};

std::span<const std::uint8_t> map_file(const std::filesystem::path& path,
                                       const std::string& where) {
  const auto fail = [&] { return DataError("cannot read " + where + ": " + std::strerror(errno)); };
  const Descriptor file(path.c_str());
  struct stat status {};
  if (file.get() < 0 || fstat(file.get(), &status) != 0) throw fail();
  if (!S_ISREG(status.st_mode)) throw DataError("cannot read " + where + ": not a regular file");
  const auto size = static_cast<std::size_t>(status.st_size);
  if (size < 8)
    throw DataError(where + ": " + std::to_string(size) + " bytes, expected a .safetensors file");
  void* memory = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (memory == MAP_FAILED) throw fail();
  return {static_cast<const std::uint8_t*>(memory), size};
}

/// The header as JSON: no deeper than its format, no tensor twice.
json parse_header(std::span<const std::uint8_t> text, const std::string& where) {
  std::set<std::string> names;
  const auto check = [&](int depth, json::parse_event_t event, json& parsed) {
    using enum json::parse_event_t;
    if ((event == object_start || event == array_start) && depth > 2)
      throw DataError(where + ": damaged header: nested deeper than the format has it");
    if (event == key && depth == 1 && !names.insert(parsed.get<std::string>()).second)
      throw DataError(where + ": damaged header: " + quoted(parsed.get<std::string>()) +
                      " is there twice");
    return true;
  };
  try {
    return json::parse(text.begin(), text.end(), check);
  } catch (const json::exception&) {
    throw DataError(where + ": not a .safetensors file: its header is not JSON");
  }
}

SafetensorsFile::Tensor parse_tensor(const json& entry, const std::string& what) {
  const auto refuse = [&](const std::string& why) { return DataError(what + ": " + why); };
  SafetensorsFile::Tensor tensor;
  if (!entry.is_object() || !entry.contains("dtype") || !entry.contains("shape") ||
      !entry.contains("data_offsets"))
    throw refuse("expected dtype, shape and data_offsets");
  const json &type = entry["dtype"], &shape = entry["shape"], &offsets = entry["data_offsets"];
  if (!type.is_string() || type_bytes(type.get<std::string>()) == 0)
    throw refuse("unknown dtype " + (type.is_string() ? quoted(type.get<std::string>())
                                                      : std::string(type.type_name())));
  tensor.type = type.get<std::string>();
  const auto whole = [](const json& value) { return value.is_number_unsigned(); };
  if (!shape.is_array() || shape.size() > 8 || !std::all_of(shape.begin(), shape.end(), whole))
    throw refuse("the shape must be up to 8 whole numbers");
  tensor.shape = shape.get<Shape>();
  if (!offsets.is_array() || offsets.size() != 2 || !whole(offsets[0]) || !whole(offsets[1]) ||
      offsets[0] > offsets[1])
    throw refuse("data_offsets must be a beginning and an end");
  tensor.begin = offsets[0].get<std::size_t>();
  tensor.end = offsets[1].get<std::size_t>();
  // Factor by factor against what is there, so that no product overflows.
  const std::size_t bytes = tensor.end - tensor.begin, item = type_bytes(tensor.type);
  const bool empty = std::find(tensor.shape.begin(), tensor.shape.end(), 0u) != tensor.shape.end();
  std::size_t count = empty ? 0 : 1;
  for (const std::size_t factor : tensor.shape) {
    if (empty) break;
    if (factor > bytes / item / count) {
      count = bytes;  // too many, whatever the number
      break;
    }
    count *= factor;
  }
  if (count > bytes / item || count * item != bytes)
    throw refuse("shape " + shape_text(tensor.shape) + " of " + tensor.type + " does not fit its " +
                 std::to_string(bytes) + " bytes");
  return tensor;
}

template <typename Convert>
void convert_halves(const std::uint8_t* from, std::vector<float>& to, Convert convert) {
  for (std::size_t i = 0; i < to.size(); ++i) {
    std::uint16_t bits;
    std::memcpy(&bits, from + 2 * i, 2);
    to[i] = convert(bits);
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

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path)
    : where_(quoted_path(path)), bytes_(map_file(path, where_)) {
  try {
    parse();
  } catch (...) {
    munmap(const_cast<std::uint8_t*>(bytes_.data()), bytes_.size());
    throw;
  }
}

SafetensorsFile::~SafetensorsFile() {
  munmap(const_cast<std::uint8_t*>(bytes_.data()), bytes_.size());
}

void SafetensorsFile::parse() {
  std::uint64_t length;
  std::memcpy(&length, bytes_.data(), 8);
  if (length > kMaxHeader)
    throw DataError(where_ + ": not a .safetensors file: a header of " + std::to_string(length) +
                    " bytes, expected at most " + std::to_string(kMaxHeader));
  if (length > bytes_.size() - 8)
    throw DataError(where_ + ": truncated within the header: " + std::to_string(bytes_.size()) +
                    " bytes, expected at least " + std::to_string(length + 8));
  data_ = 8 + static_cast<std::size_t>(length);
  const json header = parse_header(bytes_.subspan(8, data_ - 8), where_);
  if (!header.is_object()) throw DataError(where_ + ": damaged header: not a JSON object");
  for (const auto& [name, entry] : header.items())
    if (name != "__metadata__")
      tensors_[name] = parse_tensor(entry, where_ + ": tensor " + quoted(name));

  std::vector<std::pair<const std::string*, const Tensor*>> order;
  for (const auto& [name, tensor] : tensors_) order.emplace_back(&name, &tensor);
  std::sort(order.begin(), order.end(), [](const auto& a, const auto& b) {
    return std::pair(a.second->begin, a.second->end) < std::pair(b.second->begin, b.second->end);
  });
  std::size_t end = 0;
  for (const auto& [name, tensor] : order) {
    if (tensor->begin != end)
      throw DataError(where_ + ": damaged header: tensor " + quoted(*name) + " starts at byte " +
                      std::to_string(tensor->begin) + ", expected at " + std::to_string(end) +
                      ", where the one before it ends");
    end = tensor->end;
  }
  const std::size_t there = bytes_.size() - data_;
  if (there != end)
    throw DataError(where_ + (there < end ? ": truncated: " : ": too long: ") +
                    std::to_string(there) + " bytes of data, expected " + std::to_string(end));
}

const SafetensorsFile::Tensor& SafetensorsFile::tensor(const std::string& name) const {
  const auto found = tensors_.find(name);
  if (found == tensors_.end()) throw DataError(where_ + ": tensor " + quoted(name) + " is missing");
  return found->second;
}

std::vector<float> SafetensorsFile::read(const std::string& name, const Shape& expected) const {
  const Tensor& from = tensor(name);
  const std::string what = where_ + ": tensor " + quoted(name);
  if (from.shape != expected)
    throw DataError(what + " has shape " + shape_text(from.shape) + ", expected " +
                    shape_text(expected));
  const std::uint8_t* data = bytes_.data() + data_ + from.begin;
  const std::size_t bytes = from.end - from.begin;
  std::vector<float> out;
  if (from.type == "F32") {
    out.resize(bytes / 4);
    if (bytes != 0) std::memcpy(out.data(), data, bytes);
  } else if (from.type == "F16") {
    out.resize(bytes / 2);
    convert_halves(data, out, half_to_float);
  } else if (from.type == "BF16") {
    out.resize(bytes / 2);
    convert_halves(data, out, bfloat16_to_float);
  } else {
    throw DataError(what + " has type " + from.type + ", expected F32, F16 or BF16");
  }
  for (std::size_t i = 0; i < out.size(); ++i)
    if (!std::isfinite(out[i]))
      throw DataError(what + ": element " + std::to_string(i) + " is not finite");
  return out;
}

}  // namespace blindtuner
