// .safetensors files made of literal tensors.
#pragma once

#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "features/transformer/safetensors.h"

namespace blindtuner::testing_support {
using namespace features;

struct LiteralTensor {
  Shape shape;
  std::vector<float> values;
};
using LiteralTensors = std::map<std::string, LiteralTensor>;

/// Rounded to the nearest, ties to even; for numbers in half precision's normal range, and zero.
inline std::uint16_t float_to_half(float value) {
  std::uint32_t bits;
  std::memcpy(&bits, &value, 4);
  if ((bits & 0x7fffffff) == 0) return static_cast<std::uint16_t>(bits >> 16);
  const std::uint32_t magnitude = (bits & 0x7fffffff) - (std::uint32_t{127 - 15} << 23);
  const std::uint32_t rounded = (magnitude + 0xfff + (magnitude >> 13 & 1)) >> 13;
  return static_cast<std::uint16_t>((bits >> 16 & 0x8000) | rounded);
}

inline std::uint16_t float_to_bfloat16(float value) {
  std::uint32_t bits;
  std::memcpy(&bits, &value, 4);
  return static_cast<std::uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

inline std::vector<std::uint8_t> safetensors(const std::string& header,
                                             const std::vector<std::uint8_t>& data) {
  std::vector<std::uint8_t> out;
  for (int j = 0; j < 8; ++j) out.push_back(static_cast<std::uint8_t>(header.size() >> (8 * j)));
  out.insert(out.end(), header.begin(), header.end());
  out.insert(out.end(), data.begin(), data.end());
  return out;
}

/// `type`: "F32", "F16" or "BF16", for all of them.
inline std::vector<std::uint8_t> safetensors(const LiteralTensors& tensors,
                                             const std::string& type = "F32") {
  std::string header = R"({"__metadata__": {"format": "pt"})";
  std::vector<std::uint8_t> data;
  for (const auto& [name, tensor] : tensors) {
    const std::size_t begin = data.size();
    for (const float value : tensor.values) {
      std::uint32_t bits;
      std::memcpy(&bits, &value, 4);
      if (type != "F32") bits = type == "F16" ? float_to_half(value) : float_to_bfloat16(value);
      for (int j = 0; j < (type == "F32" ? 4 : 2); ++j)
        data.push_back(static_cast<std::uint8_t>(bits >> (8 * j)));
    }
    header += ", \"" + name + "\": {\"dtype\": \"" + type +
              "\", \"shape\": " + shape_text(tensor.shape) + ", \"data_offsets\": [" +
              std::to_string(begin) + ", " + std::to_string(data.size()) + "]}";
  }
  return safetensors(header + "}", data);
}

}  // namespace blindtuner::testing_support
