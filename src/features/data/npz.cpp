// ZIP as NumPy writes it. The central directory is the truth; the local headers are read only for
// the length of their variable parts.
#include <zlib.h>

#include <algorithm>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/input_file.h"
#include "base/path.h"
#include "features/data/npy.h"
#include "features/tables/inflate.h"

namespace blindtuner::features {
namespace {

constexpr std::uint32_t kLocalMark = 0x04034b50, kCentralMark = 0x02014b50, kEndMark = 0x06054b50;
constexpr std::size_t kLocalBytes = 30, kCentralBytes = 46, kEndBytes = 22;
constexpr std::uint16_t kStored = 0, kDeflated = 8;

/// Little-endian numbers at an offset; the caller has checked the bounds.
std::uint64_t number(std::span<const std::uint8_t> bytes, std::size_t at, std::size_t width) {
  std::uint64_t value = 0;
  for (std::size_t j = 0; j < width; ++j) value |= std::uint64_t{bytes[at + j]} << (8 * j);
  return value;
}

void put(std::vector<std::uint8_t>& out, std::uint64_t value, std::size_t width) {
  for (std::size_t j = 0; j < width; ++j)
    out.push_back(static_cast<std::uint8_t>(value >> (8 * j)));
}

std::uint32_t crc_of(std::span<const std::uint8_t> bytes) {
  return static_cast<std::uint32_t>(crc32_z(0, bytes.data(), bytes.size()));
}

bool fits(std::span<const std::uint8_t> bytes, std::uint64_t at, std::uint64_t length) {
  return at <= bytes.size() && length <= bytes.size() - at;
}

constexpr const char* kSuffix = ".npy";
constexpr std::uint64_t kMostBytes = (std::uint64_t{1} << 32) - 1;

}  // namespace

NpzArchive::NpzArchive(const std::filesystem::path& path) : path_(path.string()) {
  const std::string file = quoted_path(path_);
  const InputFile input(path);
  if (input.size() > kMostBytes)
    throw DataError(file + ": archive of 4 GiB or more, expected less (use .npy files)");
  bytes_ = input.read_all(kMostBytes);
  const std::span<const std::uint8_t> bytes = bytes_;
  if (bytes.size() < kEndBytes)
    throw DataError(file + ": " + std::to_string(bytes.size()) + " bytes, too few for an archive");
  // NumPy writes no comment, so the end record is the last thing in the file.
  const std::size_t end = bytes.size() - kEndBytes;
  if (number(bytes, end, 4) != kEndMark || number(bytes, end + 20, 2) != 0)
    throw DataError(file + ": truncated, or not an .npz archive (no directory at its end)");
  const std::uint64_t disk = number(bytes, end + 4, 2), first_disk = number(bytes, end + 6, 2);
  const std::uint64_t count_here = number(bytes, end + 8, 2), count = number(bytes, end + 10, 2);
  const std::uint64_t directory_bytes = number(bytes, end + 12, 4);
  std::uint64_t at = number(bytes, end + 16, 4);
  if (disk != 0 || first_disk != 0 || count_here != count)
    throw DataError(file + ": archive in several parts, expected one file");
  if (at == 0xffffffff || count == 0xffff)
    throw DataError(file +
                    ": a directory of ZIP64, expected one of less than 4 GiB (use .npy files)");
  if (at > end || directory_bytes != end - at)
    throw DataError(file + ": the archive's directory is not where its end says");
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::string here = file + ": archive entry " + std::to_string(i);
    if (!fits(bytes.first(end), at, kCentralBytes) || number(bytes, at, 4) != kCentralMark)
      throw DataError(here + ": damaged directory");
    Member member;
    const std::uint64_t flags = number(bytes, at + 8, 2);
    member.method = static_cast<std::uint16_t>(number(bytes, at + 10, 2));
    member.crc = static_cast<std::uint32_t>(number(bytes, at + 16, 4));
    member.packed = number(bytes, at + 20, 4);
    member.unpacked = number(bytes, at + 24, 4);
    const std::uint64_t name_bytes = number(bytes, at + 28, 2);
    const std::uint64_t extra_bytes = number(bytes, at + 30, 2);
    const std::uint64_t comment_bytes = number(bytes, at + 32, 2);
    const std::uint64_t local = number(bytes, at + 42, 4);
    at += kCentralBytes;
    if (!fits(bytes.first(end), at, name_bytes + extra_bytes + comment_bytes))
      throw DataError(here + ": damaged directory");
    std::string name(reinterpret_cast<const char*>(bytes.data()) + at, name_bytes);
    at += name_bytes + extra_bytes + comment_bytes;
    for (const char c : name)
      if (c < ' ' || c > '~') throw DataError(here + ": its name is not plain ASCII");
    if (flags & 1) throw DataError(here + " ('" + name + "'): encrypted, expected plain");
    if (member.method != kStored && member.method != kDeflated)
      throw DataError(here + " ('" + name + "'): packed by method " +
                      std::to_string(member.method) + ", expected stored or deflate");
    if (member.packed == 0xffffffff || member.unpacked == 0xffffffff || local == 0xffffffff)
      throw DataError(here + " ('" + name + "'): 4 GiB or more, expected less");
    if (!fits(bytes.first(end), local, kLocalBytes) || number(bytes, local, 4) != kLocalMark)
      throw DataError(here + " ('" + name + "'): no local header where the directory says");
    const std::uint64_t local_name = number(bytes, local + 26, 2);
    member.offset = local + kLocalBytes + local_name + number(bytes, local + 28, 2);
    if (!fits(bytes.first(end), member.offset, member.packed) || local_name != name.size() ||
        !std::equal(name.begin(), name.end(),
                    bytes.begin() + static_cast<std::ptrdiff_t>(local + kLocalBytes)))
      throw DataError(here + " ('" + name + "'): truncated, or its headers disagree");
    if (name.ends_with(kSuffix)) name.resize(name.size() - 4);
    if (!members_.emplace(name, member).second)
      throw DataError(here + ": a second member named '" + name + "'");
  }
  if (at != end) throw DataError(file + ": bytes behind the last entry of the archive's directory");
}

std::vector<std::string> NpzArchive::names() const {
  std::vector<std::string> out;
  for (const auto& [name, member] : members_) out.push_back(name);
  return out;
}

std::string NpzArchive::name() const { return quoted_path(path_); }

std::string NpzArchive::where(const std::string& name) const {
  return quoted_path(path_) + ", member '" + name + "'";
}

std::vector<std::uint8_t> NpzArchive::unpack(const std::string& name) const {
  const auto found = members_.find(name);
  if (found == members_.end()) {
    std::string list;
    for (const auto& [other, member] : members_) {
      if (list.size() > 200) {
        list += ", ..";
        break;
      }
      list += (list.empty() ? "" : ", ") + other;
    }
    throw DataError(quoted_path(path_) + ": no member '" + name + "', only: " + list);
  }
  const Member& member = found->second;
  const auto packed = std::span(bytes_).subspan(member.offset, member.packed);
  std::vector<std::uint8_t> out;
  if (member.method == kStored) {
    if (member.packed != member.unpacked)
      throw DataError(where(name) + ": stored, but with two different lengths");
    out.assign(packed.begin(), packed.end());
  } else {
    // What the directory claims is believed once the array's header says so, too.
    const std::size_t claimed = member.unpacked;
    parse_npy_header(inflate_raw_start(packed, std::min(claimed, kMaxNpyHeader), where(name)),
                     claimed, where(name));
    out = inflate_raw(packed, claimed, where(name));
  }
  if (crc_of(out) != member.crc) throw DataError(where(name) + ": damaged (its CRC-32 differs)");
  return out;
}

FeatureMatrix NpzArchive::features(const std::string& name) const {
  return npy_to_features(unpack(name), where(name));
}

FeatureMatrix NpzArchive::samples(const std::string& name) const {
  return npy_to_samples(unpack(name), where(name));
}

Eigen::MatrixXd NpzArchive::matrix(const std::string& name) const {
  return npy_to_matrix(unpack(name), where(name));
}

LabelWords NpzArchive::label_words(const std::string& name) const {
  return npy_to_label_words(unpack(name), where(name));
}

ByteArray NpzArchive::byte_array(const std::string& name) const {
  return npy_to_byte_array(unpack(name), where(name));
}

std::vector<std::string> NpzArchive::strings(const std::string& name) const {
  return npy_to_strings(unpack(name), where(name));
}

std::vector<std::string> NpzArchive::keys(const std::string& name) const {
  return npy_to_keys(unpack(name), where(name));
}

bool NpzArchive::holds(const std::string& name, bool (*is)(const NpyHeader&)) const {
  try {
    return is(parse_npy_header(unpack(name), where(name)));
  } catch (const DataError&) {
    return false;
  }
}

bool NpzArchive::holds_text(const std::string& name) const {
  return holds(name, [](const NpyHeader& of) { return of.kind == 'U' || of.kind == 'S'; });
}

bool NpzArchive::holds_int32(const std::string& name) const {
  return holds(name, [](const NpyHeader& of) { return of.kind == 'i' && of.item_bytes == 4; });
}

bool NpzArchive::may_have_one_a_row(const std::string& name, std::size_t rows) const {
  try {
    const std::vector<std::size_t> shape = npy_shape(unpack(name), where(name));
    if (shape.empty() || shape[0] != rows) return false;
    return std::all_of(shape.begin() + 1, shape.end(), [](std::size_t one) { return one == 1; });
  } catch (const DataError&) {
    return true;
  }
}

void write_npz(const std::filesystem::path& path,
               const std::map<std::string, std::vector<std::uint8_t>>& members, unsigned mode) {
  // What local and central headers share: version 2.0, no flags, stored, 1980-01-01 00:00.
  const auto common = [](std::vector<std::uint8_t>& out, const std::string& name,
                         std::span<const std::uint8_t> content, std::uint32_t crc) {
    put(out, 20, 2);
    put(out, 0, 2);
    put(out, kStored, 2);
    put(out, 0, 2);
    put(out, 1 << 5 | 1, 2);
    put(out, crc, 4);
    put(out, content.size(), 4);
    put(out, content.size(), 4);
    put(out, name.size(), 2);
    put(out, 0, 2);
  };
  std::uint64_t total = kEndBytes;
  for (const auto& [name, content] : members)
    total += content.size() + kLocalBytes + kCentralBytes + 2 * (name.size() + 4);
  require(members.size() < 0xffff, "write_npz: too many members");
  if (total >= 0xffffffff)
    throw DataError("cannot write " + quoted_path(path) + ": " + std::to_string(total) +
                    " bytes, expected less than 4 GiB");
  AtomicFile file(path, mode);
  std::vector<std::uint8_t> directory;
  for (const auto& [member, content] : members) {
    const std::string name = member + kSuffix;
    const std::uint32_t crc = crc_of(content);
    put(directory, kCentralMark, 4);
    put(directory, 20, 2);
    common(directory, name, content, crc);
    put(directory, 0, 2);  // comment
    put(directory, 0, 2);  // disk
    put(directory, 0, 2);  // attributes
    put(directory, 0, 4);
    put(directory, file.size(), 4);
    directory.insert(directory.end(), name.begin(), name.end());
    std::vector<std::uint8_t> local;
    put(local, kLocalMark, 4);
    common(local, name, content, crc);
    local.insert(local.end(), name.begin(), name.end());
    file.write(local);
    file.write(content);
  }
  const std::uint64_t begin = file.size();
  std::vector<std::uint8_t> end;
  put(end, kEndMark, 4);
  put(end, 0, 4);
  put(end, members.size(), 2);
  put(end, members.size(), 2);
  put(end, directory.size(), 4);
  put(end, begin, 4);
  put(end, 0, 2);
  file.write(directory);
  file.write(end);
  file.commit();
}

}  // namespace blindtuner::features
