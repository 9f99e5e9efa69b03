// What deflate makes of bytes.
#pragma once

#include <zlib.h>

#include <cstdint>
#include <vector>

namespace blindtuner::testing_support {

/// `window_bits` as zlib has them: 16 more for gzip's head, negative for a raw stream.
inline std::vector<std::uint8_t> deflated(const std::vector<std::uint8_t>& bytes, int window_bits) {
  std::vector<std::uint8_t> out(compressBound(bytes.size()) + 64);
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY);
  stream.next_in = const_cast<Bytef*>(bytes.data());
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = out.data();
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

}  // namespace blindtuner::testing_support
