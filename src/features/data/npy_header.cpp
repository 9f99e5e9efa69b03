#include "features/data/npy_header.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <string_view>

#include "base/error.h"

namespace blindtuner::features {
namespace {

// A header longer than this is not one that NumPy writes for a plain array.
constexpr std::size_t kMaxHeader = kMaxNpyHeader - 12;
constexpr std::size_t kMaxDimensions = 32;
constexpr std::size_t kMaxText = 1 << 14;  // characters an element

/// Reads the dictionary literal of a header: three keys, each exactly once.
class HeaderParser {
 public:
  /// Without `typed` the elements' type is passed over.
  HeaderParser(std::string_view text, const std::string& where, bool typed)
      : text_(text), where_(where), typed_(typed) {}

  void parse(NpyHeader& header) {
    bool descr = false, order = false, shape = false;
    expect('{');
    while (!accept('}')) {
      const std::string key = quoted();
      expect(':');
      if (key == "descr" && !descr) {
        descr = true;
        if (accept('[')) {
          if (typed_) fail("a structured array, expected one type for all of it");
          skip_list();
        } else if (const std::string word = quoted(); typed_) {
          parse_descr(word, header);
        }
      } else if (key == "fortran_order" && !order) {
        order = true;
        header.fortran_order = boolean();
      } else if (key == "shape" && !shape) {
        shape = true;
        header.shape = tuple();
      } else {
        fail("unexpected or repeated key '" + key + "'");
      }
      if (!accept(',')) {
        expect('}');
        break;
      }
    }
    skip_blanks();
    if (next_ != text_.size()) fail("text behind the dictionary");
    if (!descr || !order || !shape) fail("expected the keys descr, fortran_order and shape");
  }

 private:
  [[noreturn]] void fail(const std::string& what) {
    throw DataError(where_ + ": bad .npy header at its byte " + std::to_string(next_) + ": " +
                    what);
  }
  void skip_blanks() {
    while (next_ < text_.size() && (text_[next_] == ' ' || text_[next_] == '\n' ||
                                    text_[next_] == '\t' || text_[next_] == '\r'))
      ++next_;
  }
  bool accept(char c) {
    skip_blanks();
    if (next_ >= text_.size() || text_[next_] != c) return false;
    ++next_;
    return true;
  }
  void expect(char c) {
    if (!accept(c)) fail(std::string("expected '") + c + "'");
  }
  /// To the end of a list that was opened.
  void skip_list() {
    for (std::size_t depth = 1; depth > 0; ++next_) {
      if (next_ >= text_.size()) fail("expected ']'");
      depth += text_[next_] == '[' ? 1 : 0;
      depth -= text_[next_] == ']' ? 1 : 0;
    }
  }
  std::string quoted() {
    skip_blanks();
    if (next_ >= text_.size() || (text_[next_] != '\'' && text_[next_] != '"'))
      fail("expected a quoted word");
    const char quote = text_[next_++];
    const std::size_t end = text_.find(quote, next_);
    if (end == std::string_view::npos || end - next_ > 32) fail("expected a short quoted word");
    std::string word(text_.substr(next_, end - next_));
    for (const char c : word)
      if (c < ' ' || c > '~') fail("unprintable character");
    next_ = end + 1;
    return word;
  }
  bool boolean() {
    skip_blanks();
    for (const std::string_view word : {std::string_view("True"), std::string_view("False")})
      if (text_.substr(next_, word.size()) == word) {
        next_ += word.size();
        return word == "True";
      }
    fail("expected True or False");
  }
  std::vector<std::size_t> tuple() {
    std::vector<std::size_t> out;
    expect('(');
    while (!accept(')')) {
      if (out.size() == kMaxDimensions) fail("too many dimensions");
      skip_blanks();
      const std::size_t begin = next_;
      std::size_t value = 0;
      while (next_ < text_.size() && text_[next_] >= '0' && text_[next_] <= '9') {
        if (value > (SIZE_MAX - 9) / 10) fail("dimension too large");
        value = 10 * value + static_cast<std::size_t>(text_[next_++] - '0');
      }
      if (next_ == begin) fail("expected a whole number");
      out.push_back(value);
      if (!accept(',')) {
        expect(')');
        break;
      }
    }
    return out;
  }
  /// In words, what people meet and wonder about.
  static std::string known_as(const std::string& word) {
    switch (word.size() > 1 ? word[1] : ' ') {
      case 'O':
        return " (Python objects, a pickle: save it as numbers or text)";
      case 'c':
        return " (complex numbers)";
      case 'f':
        return word.size() > 3 ? " (long double)" : "";
      case 'M':
      case 'm':
        return " (dates or durations)";
      case 'V':
        return " (raw bytes, or bfloat16)";
      default:
        return "";
    }
  }
  void parse_descr(const std::string& word, NpyHeader& header) {
    const auto refuse = [&] {
      fail("type '" + word + "'" + known_as(word) +
           ", expected f2, f4, f8, an integer of 1 to 8 bytes, booleans, or text (U, S)");
    };
    if (word.size() > 2 && (word[1] == 'U' || word[1] == 'S')) {
      std::size_t length = 0;
      const char* const end = word.data() + word.size();
      const auto [stop, error] = std::from_chars(word.data() + 2, end, length);
      if (error != std::errc() || stop != end || length == 0 || length > kMaxText) refuse();
      header.kind = word[1];
      header.item_bytes = header.kind == 'U' ? 4 * length : length;
      header.big_endian = word[0] == '>';
      return;
    }
    if (word.size() != 3) refuse();
    const char order = word[0], kind = word[1];
    const auto bytes = static_cast<std::size_t>(word[2] - '0');
    const bool known =
        (kind == 'f' && (bytes == 2 || bytes == 4 || bytes == 8)) ||
        ((kind == 'i' || kind == 'u') && (bytes == 1 || bytes == 2 || bytes == 4 || bytes == 8)) ||
        (kind == 'b' && bytes == 1);
    const bool ordered =
        order == '<' || order == '>' || order == '=' || (order == '|' && bytes == 1);
    if (!known || !ordered) refuse();
    header.kind = kind;
    header.item_bytes = bytes;
    header.big_endian = order == '>' || (order == '=' && std::endian::native == std::endian::big);
  }

  std::string_view text_;
  const std::string& where_;
  bool typed_;
  std::size_t next_ = 0;
};

struct HeaderText {
  std::string_view text;
  std::size_t end;
};

/// The dictionary, and where the elements start.
HeaderText header_text(std::span<const std::uint8_t> bytes, const std::string& where) {
  if (bytes.size() < 10)
    throw DataError(where + ": " + std::to_string(bytes.size()) +
                    " bytes, expected an .npy header of at least 10");
  if (!std::equal(kNpyMagic.begin(), kNpyMagic.end(), bytes.begin()))
    throw DataError(where + ": not an .npy array (it does not begin with \\x93NUMPY)");
  const int major = bytes[6];
  if (major < 1 || major > 3 || bytes[7] != 0)
    throw DataError(where + ": .npy version " + std::to_string(major) + "." +
                    std::to_string(bytes[7]) + ", expected 1.0, 2.0 or 3.0");
  std::size_t length = bytes[8] | std::size_t{bytes[9]} << 8;
  std::size_t begin = 10;
  if (major >= 2) {
    begin = 12;
    if (bytes.size() < begin) throw DataError(where + ": truncated within the .npy header");
    length |= std::size_t{bytes[10]} << 16 | std::size_t{bytes[11]} << 24;
  }
  if (length > kMaxHeader)
    throw DataError(where + ": .npy header of " + std::to_string(length) +
                    " bytes, expected at most " + std::to_string(kMaxHeader));
  if (bytes.size() - begin < length)
    throw DataError(where + ": truncated within the .npy header: " + std::to_string(bytes.size()) +
                    " bytes, expected at least " + std::to_string(begin + length));
  return {{reinterpret_cast<const char*>(bytes.data()) + begin, length}, begin + length};
}

}  // namespace

NpyHeader parse_npy_header(std::span<const std::uint8_t> bytes, const std::string& where) {
  return parse_npy_header(bytes, bytes.size(), where);
}

NpyHeader parse_npy_header(std::span<const std::uint8_t> bytes, std::size_t whole,
                           const std::string& where) {
  const auto [text, end] = header_text(bytes, where);
  NpyHeader header;
  HeaderParser(text, where, true).parse(header);
  header.data_offset = end;
  const std::size_t there = whole - header.data_offset;
  // Factor by factor, so that no product overflows; a zero makes the array empty whatever the
  // others are.
  const bool empty =
      std::find(header.shape.begin(), header.shape.end(), std::size_t{0}) != header.shape.end();
  header.count = empty ? 0 : 1;
  for (const std::size_t factor : header.shape) {
    if (empty) break;
    if (factor > there / header.item_bytes / header.count)
      throw DataError(where + ": truncated: the shape promises more elements than the " +
                      std::to_string(there) + " bytes of data hold");
    header.count *= factor;
  }
  if (header.count > there / header.item_bytes || header.count * header.item_bytes != there)
    throw DataError(where + ": " + std::to_string(there) + " bytes of data, expected " +
                    std::to_string(header.count) + " elements of " +
                    std::to_string(header.item_bytes));
  return header;
}

std::vector<std::size_t> npy_shape(std::span<const std::uint8_t> bytes, const std::string& where) {
  NpyHeader header;
  HeaderParser(header_text(bytes, where).text, where, false).parse(header);
  return header.shape;
}

}  // namespace blindtuner::features
