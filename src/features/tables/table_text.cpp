#include "features/tables/table_text.h"

#include <algorithm>
#include <span>
#include <vector>

#include "base/error.h"
#include "base/input_file.h"
#include "base/path.h"
#include "base/utf8.h"
#include "features/tables/inflate.h"

namespace blindtuner::features {
namespace {

using Bytes = std::span<const std::uint8_t>;

bool begins(Bytes bytes, std::initializer_list<std::uint8_t> start) {
  return bytes.size() >= start.size() && std::equal(start.begin(), start.end(), bytes.begin());
}

std::string line_of(std::string_view text, std::size_t byte) {
  const auto end = text.begin() + static_cast<std::ptrdiff_t>(std::min(byte, text.size()));
  return std::to_string(1 + std::count(text.begin(), end, '\n'));
}

std::string recoded_utf16(Bytes bytes, bool big_endian, const std::string& name) {
  if (bytes.size() % 2 != 0) throw DataError(name + ": UTF-16 of an odd number of bytes");
  const auto unit = [&](std::size_t i) {
    return static_cast<char32_t>(bytes[i + (big_endian ? 0 : 1)] << 8 |
                                 bytes[i + (big_endian ? 1 : 0)]);
  };
  std::string out;
  std::u32string piece;
  for (std::size_t i = 0; i < bytes.size(); i += 2) {
    char32_t point = unit(i);
    if (point >= 0xd800 && point < 0xe000) {
      const char32_t low = point < 0xdc00 && i + 2 < bytes.size() ? unit(i + 2) : 0;
      if (low < 0xdc00 || low >= 0xe000)
        throw DataError(name + ", line " + line_of(out, out.size()) +
                        ": half a character of UTF-16");
      point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
      i += 2;
    }
    piece.push_back(point);
    if (piece.size() == 4096) {
      out += encode_utf8(piece);
      piece.clear();
    }
  }
  return out + encode_utf8(piece);
}

/// As long as the last four bytes say, which gunzip() checks.
std::vector<std::uint8_t> unpacked(const std::vector<std::uint8_t>& packed, std::uint64_t max_bytes,
                                   const std::string& name) {
  std::uint64_t size = 0;
  for (std::size_t i = 0; i < 4 && packed.size() >= 18; ++i)
    size |= std::uint64_t{packed[packed.size() - 4 + i]} << (8 * i);
  if (size > max_bytes)
    throw DataError(name + ": unpacks to " + std::to_string(size) + " bytes, expected at most " +
                    std::to_string(max_bytes));
  return gunzip(packed, size, name);
}

}  // namespace

std::string read_table_text(const std::filesystem::path& path, std::uint64_t max_bytes) {
  const std::string name = quoted_path(path);
  std::vector<std::uint8_t> bytes = read_file(path, max_bytes);
  if (begins(bytes, {0x1f, 0x8b})) bytes = unpacked(bytes, max_bytes, name);
  if (begins(bytes, {'P', 'K', 3, 4}) || begins(bytes, {0xd0, 0xcf, 0x11, 0xe0}))
    throw DataError(name + ": an archive or a workbook, expected text: save it as CSV");
  std::string text;
  if (begins(bytes, {0xff, 0xfe}) || begins(bytes, {0xfe, 0xff})) {
    text = recoded_utf16(Bytes(bytes).subspan(2), bytes[0] == 0xfe, name);
    if (text.size() > max_bytes)
      throw DataError(name + ": " + std::to_string(text.size()) +
                      " bytes as UTF-8, expected at most " + std::to_string(max_bytes));
  } else {
    const std::size_t mark = begins(bytes, {0xef, 0xbb, 0xbf}) ? 3 : 0;
    text.assign(bytes.begin() + static_cast<std::ptrdiff_t>(mark), bytes.end());
  }
  bytes = {};
  const std::size_t good = utf8_prefix(text);
  if (good < text.size())
    throw DataError(name + ", line " + line_of(text, good) +
                    ": not UTF-8, or a zero byte (save the table as UTF-8)");
  const std::size_t zero = text.find('\0');
  if (zero != std::string::npos)
    throw DataError(
        name + ", line " + line_of(text, zero) +
        ": not UTF-8, or a zero byte (UTF-16 without its mark? save the table as UTF-8)");
  if (text.find('\n') == std::string::npos) std::replace(text.begin(), text.end(), '\r', '\n');
  return text;
}

}  // namespace blindtuner::features
