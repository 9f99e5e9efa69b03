#include "data/file_bytes.h"

#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <system_error>

#include "base/error.h"

namespace blindtuner {
namespace {

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
      // zlib counts in 32 bits.
      const auto room = static_cast<uInt>(std::min<std::size_t>(out.size() - made, 1u << 30));
      const auto given =
          static_cast<uInt>(std::min<std::size_t>(packed_.size() - taken_, 1u << 30));
      stream_.next_in = const_cast<Bytef*>(packed_.data() + taken_);
      stream_.avail_in = given;
      stream_.next_out = out.data() + made;
      stream_.avail_out = room;
      const int status = inflate(&stream_, Z_NO_FLUSH);
      taken_ += given - stream_.avail_in;
      made += room - stream_.avail_out;
      if (status == Z_STREAM_END) {
        ended_ = true;
      } else if (status == Z_BUF_ERROR || (status == Z_OK && given == 0)) {
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
  bool ended() const { return ended_; }
  std::size_t taken() const { return taken_; }

 private:
  std::span<const std::uint8_t> packed_;
  const std::string& where_;
  z_stream stream_{};
  std::size_t taken_ = 0;
  bool ended_ = false;
};

}  // namespace

std::string quoted_path(const std::filesystem::path& path) {
  std::string out = path.string();
  out.insert(out.begin(), '\'');
  out.push_back('\'');
  return out;
}

std::vector<std::uint8_t> read_file(const std::filesystem::path& path, std::uint64_t max_bytes) {
  const std::string name = quoted_path(path);
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (!std::filesystem::exists(status)) throw DataError("cannot read " + name + ": no such file");
  if (!std::filesystem::is_regular_file(status))
    throw DataError("cannot read " + name + ": not a regular file");
  const auto size = std::filesystem::file_size(path, error);
  if (error) throw DataError("cannot read " + name + ": " + error.message());
  if (size > max_bytes)
    throw DataError(name + ": " + std::to_string(size) + " bytes, expected at most " +
                    std::to_string(max_bytes));
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"),
                                                             &std::fclose);
  if (!file) throw DataError("cannot read " + name + ": " + std::generic_category().message(errno));
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(size));
  const std::size_t got = std::fread(bytes.data(), 1, bytes.size(), file.get());
  if (std::ferror(file.get()))
    throw DataError("cannot read " + name + ": " + std::generic_category().message(errno));
  if (got != bytes.size()) throw DataError(name + ": shrank while it was read");
  return bytes;
}

Sha256Digest file_digest(const std::filesystem::path& path) {
  const std::string name = quoted_path(path);
  const auto fail = [&] {
    throw DataError("cannot read " + name + ": " + std::generic_category().message(errno));
  };
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"),
                                                             &std::fclose);
  if (!file) fail();
  Sha256 hash;
  std::vector<std::uint8_t> piece(1 << 20);
  while (const std::size_t got = std::fread(piece.data(), 1, piece.size(), file.get()))
    hash.add(piece.data(), got);
  if (std::ferror(file.get())) fail();
  return hash.finish();
}

std::uint64_t max_inflated(std::uint64_t packed) {
  if (packed > UINT64_MAX / 2048) return UINT64_MAX;
  return packed * 1032 + 1024;
}

std::vector<std::uint8_t> gunzip(std::span<const std::uint8_t> packed, const std::string& where) {
  Inflater inflater(packed, 16 + MAX_WBITS, where);
  std::vector<std::uint8_t> out;
  std::size_t made = 0;
  while (!inflater.ended()) {
    // The trailer's length may be a lie; doubling costs at most as much again as was really there.
    out.resize(std::max<std::size_t>(std::size_t{1} << 16, 2 * made));
    made += inflater.fill(std::span(out).subspan(made));
  }
  if (inflater.taken() != packed.size())
    throw DataError(where + ": " + std::to_string(packed.size() - inflater.taken()) +
                    " bytes behind the end of the gzip stream, expected none");
  out.resize(made);
  return out;
}

std::vector<std::uint8_t> inflate_raw(std::span<const std::uint8_t> packed, std::size_t unpacked,
                                      const std::string& where) {
  if (unpacked > max_inflated(packed.size()))
    throw DataError(where + ": claims " + std::to_string(unpacked) + " bytes out of " +
                    std::to_string(packed.size()) + " packed ones, more than deflate can make");
  Inflater inflater(packed, -MAX_WBITS, where);
  std::vector<std::uint8_t> out(unpacked + 1);  // one more, to see a stream that is too long
  const std::size_t made = inflater.fill(out);
  if (made != unpacked || !inflater.ended())
    throw DataError(where + ": unpacks to " + (made > unpacked ? "more than " : "") +
                    std::to_string(std::min(made, unpacked)) + " bytes, expected " +
                    std::to_string(unpacked));
  if (inflater.taken() != packed.size())
    throw DataError(where + ": bytes behind the end of the packed data");
  out.resize(unpacked);
  return out;
}

}  // namespace blindtuner
