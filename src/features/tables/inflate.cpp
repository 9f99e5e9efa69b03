#include "features/tables/inflate.h"

#include <zlib.h>

#include <algorithm>
#include <new>

#include "base/error.h"
#include "base/interrupt.h"

namespace blindtuner::features {
namespace {

constexpr std::size_t kPiece = std::size_t{1} << 26;
// What zlib calls window bits.
constexpr int kGzip = 16 + MAX_WBITS, kRaw = -MAX_WBITS;

class Inflater {
 public:
  Inflater(std::span<const std::uint8_t> packed, int window_bits, const std::string& where)
      : packed_(packed), where_(where) {
    if (inflateInit2(&stream_, window_bits) != Z_OK) throw std::bad_alloc();
  }
  ~Inflater() { inflateEnd(&stream_); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  /// Fills `out` as far as the stream goes; returns the number of bytes made.
  std::size_t fill(std::span<std::uint8_t> out) {
    std::size_t made = 0;
    while (made < out.size() && !ended_) {
      throw_if_interrupted();
      // zlib counts in 32 bits; a piece takes a fraction of a second.
      const auto room = static_cast<uInt>(std::min<std::size_t>(out.size() - made, kPiece));
      const auto given = static_cast<uInt>(std::min<std::size_t>(packed_.size() - taken_, kPiece));
      stream_.next_in = const_cast<Bytef*>(packed_.data() + taken_);
      stream_.avail_in = given;
      stream_.next_out = out.data() + made;
      stream_.avail_out = room;
      const int status = inflate(&stream_, Z_NO_FLUSH);
      taken_ += given - stream_.avail_in;
      made += room - stream_.avail_out;
      if (status == Z_STREAM_END) {
        ended_ = true;
      } else if (status == Z_BUF_ERROR ||
                 (status == Z_OK && given == 0 && stream_.avail_out != 0)) {
        throw DataError(where_ + ": truncated: the packed data end at byte " +
                        std::to_string(taken_) + ", before their stream does");
      } else if (status == Z_MEM_ERROR) {
        throw std::bad_alloc();
      } else if (status != Z_OK) {
        throw DataError(where_ + ": damaged packed data near byte " + std::to_string(taken_) +
                        (stream_.msg != nullptr ? std::string(": ") + stream_.msg : ""));
      }
    }
    return made;
  }
  /// Throws DataError unless the stream has nothing more to give and nothing is behind it.
  void finish() {
    std::uint8_t more = 0;
    if (fill({&more, 1}) != 0) throw DataError(where_ + ": unpacks to more bytes than it states");
    if (taken_ != packed_.size())
      throw DataError(where_ + ": " + std::to_string(packed_.size() - taken_) +
                      " bytes behind the end of the packed data, expected none");
  }

 private:
  std::span<const std::uint8_t> packed_;
  const std::string& where_;
  z_stream stream_{};
  std::size_t taken_ = 0;
  bool ended_ = false;
};

std::vector<std::uint8_t> inflate_start(std::span<const std::uint8_t> packed, int window_bits,
                                        std::size_t count, const std::string& where) {
  std::vector<std::uint8_t> out(count);
  out.resize(Inflater(packed, window_bits, where).fill(out));
  return out;
}

std::vector<std::uint8_t> inflate_all(std::span<const std::uint8_t> packed, int window_bits,
                                      std::size_t unpacked, const std::string& where) {
  if (unpacked > max_inflated(packed.size()))
    throw DataError(where + ": claims " + std::to_string(unpacked) + " bytes out of " +
                    std::to_string(packed.size()) + " packed ones, more than deflate can make" +
                    (window_bits == kGzip ? ": it is cut off, or states too much" : ""));
  Inflater inflater(packed, window_bits, where);
  std::vector<std::uint8_t> out(unpacked);
  const std::size_t made = inflater.fill(out);
  if (made != unpacked)
    throw DataError(where + ": unpacks to " + std::to_string(made) + " bytes, expected " +
                    std::to_string(unpacked));
  inflater.finish();
  return out;
}

}  // namespace

std::uint64_t max_inflated(std::uint64_t packed) {
  if (packed > UINT64_MAX / 2048) return UINT64_MAX;
  return packed * 1032 + 1024;
}

std::vector<std::uint8_t> gunzip_start(std::span<const std::uint8_t> packed, std::size_t count,
                                       const std::string& where) {
  return inflate_start(packed, kGzip, count, where);
}

std::vector<std::uint8_t> gunzip(std::span<const std::uint8_t> packed, std::size_t unpacked,
                                 const std::string& where) {
  return inflate_all(packed, kGzip, unpacked, where);
}

std::vector<std::uint8_t> inflate_raw_start(std::span<const std::uint8_t> packed, std::size_t count,
                                            const std::string& where) {
  return inflate_start(packed, kRaw, count, where);
}

std::vector<std::uint8_t> inflate_raw(std::span<const std::uint8_t> packed, std::size_t unpacked,
                                      const std::string& where) {
  return inflate_all(packed, kRaw, unpacked, where);
}

}  // namespace blindtuner::features
