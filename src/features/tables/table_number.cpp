#include "features/tables/table_number.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <string>

#include "base/utf8.h"

namespace blindtuner::features {
namespace {

constexpr std::size_t kMaxNumber = 512;

bool digit(char c) { return c >= '0' && c <= '9'; }

/// A number's parts: the digits and marks before an exponent, and whether it is negative.
struct Parts {
  std::string mantissa;  // blanks and apostrophes between digits as '_'
  std::string_view exponent;
  bool negative = false;
};

bool take(std::string_view& text, std::string_view start) {
  if (!text.starts_with(start)) return false;
  text.remove_prefix(start.size());
  return true;
}

/// Nothing unless the field begins and ends as a number does.
std::optional<Parts> parts(std::string_view text) {
  Parts out;
  text = without_blanks(text);
  if (text.size() > 2 && text.front() == '(' && text.back() == ')') {
    text = without_blanks(text.substr(1, text.size() - 2));
    out.negative = true;
    if (text.empty() || (!digit(text.front()) && text.front() != '.' && text.front() != ','))
      return std::nullopt;
  }
  if (take(text, "-") || take(text, "\xe2\x88\x92"))
    out.negative = true;
  else
    take(text, "+");
  if (text.size() > kMaxNumber) return std::nullopt;
  const std::size_t e = text.find_first_of("eE");
  if (e != std::string_view::npos) out.exponent = text.substr(e);
  std::string_view rest = text.substr(0, e);
  bool digits = false;
  while (!rest.empty()) {
    const char c = rest.front();
    if (digit(c) || c == '.' || c == ',') {
      out.mantissa += c;
      digits = digits || digit(c);
      rest.remove_prefix(1);
    } else if (take(rest, " ") || take(rest, "'") || take(rest, "\xc2\xa0") ||
               take(rest, "\xe2\x80\xaf")) {
      out.mantissa += '_';
    } else {
      return std::nullopt;
    }
  }
  if (!digits) return std::nullopt;
  return out;
}

/// The digits before the decimal mark without the marks between groups of three; nothing when the
/// groups are not of three.
std::optional<std::string> ungrouped(std::string_view whole, char group) {
  if (whole.find(group) == std::string_view::npos) return std::string(whole);
  std::string out;
  for (bool first = true;; first = false) {
    const std::size_t end = whole.find(group);
    const std::string_view part = whole.substr(0, end);
    if (first ? part.empty() || part.size() > 3 : part.size() != 3) return std::nullopt;
    out += part;
    if (end == std::string_view::npos) return out;
    whole.remove_prefix(end + 1);
  }
}

/// As a number of the plain form "123.45".
std::optional<std::string> plain(const Parts& parts, DecimalMark mark) {
  const char decimal = mark == DecimalMark::kPoint ? '.' : ',';
  const char other = mark == DecimalMark::kPoint ? ',' : '.';
  const std::size_t at = parts.mantissa.find(decimal);
  const std::string_view all = parts.mantissa;
  const std::string_view whole = all.substr(0, at);
  const std::string_view fraction = at == std::string::npos ? "" : all.substr(at + 1);
  if (!std::all_of(fraction.begin(), fraction.end(), digit)) return std::nullopt;
  const bool blanks = whole.find('_') != std::string_view::npos;
  if (blanks && whole.find(other) != std::string_view::npos) return std::nullopt;
  std::optional<std::string> out = ungrouped(whole, blanks ? '_' : other);
  if (!out) return std::nullopt;
  if (at != std::string::npos) *out += "." + std::string(fraction);
  return out;
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return out;
}

template <std::size_t N>
bool is_one_of(std::string_view field, const std::array<std::string_view, N>& words) {
  const std::string_view text = without_blanks(field);
  if (text.size() > 8) return false;
  const std::string word = lower(text);
  return std::find(words.begin(), words.end(), word) != words.end();
}

}  // namespace

std::string_view without_blanks(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\r'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

MarkEvidence mark_evidence(std::string_view field) {
  const auto number = parts(field);
  if (!number) return MarkEvidence::kNone;
  const std::string& m = number->mantissa;
  const auto points = std::count(m.begin(), m.end(), '.'),
             commas = std::count(m.begin(), m.end(), ',');
  if (points + commas == 0) return MarkEvidence::kNone;
  const bool as_point = plain(*number, DecimalMark::kPoint).has_value();
  const bool as_comma = plain(*number, DecimalMark::kComma).has_value();
  if (!as_point && !as_comma) return MarkEvidence::kNone;
  if (!as_comma) return MarkEvidence::kPoint;
  if (!as_point) return MarkEvidence::kComma;
  // Both: one mark, with three digits behind it. No thousands begin with a zero, or have an exponent.
  if (m.front() == '0' || !number->exponent.empty())
    return points > 0 ? MarkEvidence::kPoint : MarkEvidence::kComma;
  return points > 0 ? MarkEvidence::kPointOrNothing : MarkEvidence::kCommaOrNothing;
}

std::optional<double> table_number(std::string_view field, DecimalMark mark) {
  std::string_view text = without_blanks(field);
  double value = 0;
  // The usual form at once.
  if (mark == DecimalMark::kPoint && !text.empty() &&
      (digit(text.front()) || text.front() == '-' || text.front() == '.')) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error == std::errc() && end == text.data() + text.size() && std::isfinite(value))
      return value;
  }
  if (const std::string word = lower(text.substr(0, 16));
      word == "inf" || word == "-inf" || word == "+inf" || word == "infinity" ||
      word == "-infinity" || word == "+infinity")
    return word.front() == '-' ? -HUGE_VAL : HUGE_VAL;
  const auto number = parts(text);
  if (!number) return std::nullopt;
  auto digits = plain(*number, mark);
  if (!digits) return std::nullopt;
  *digits += number->exponent;
  const auto [end, error] = std::from_chars(digits->data(), digits->data() + digits->size(), value);
  if (end != digits->data() + digits->size()) return std::nullopt;
  if (error == std::errc::result_out_of_range) {
    const bool tiny = number->exponent.size() > 1 && number->exponent[1] == '-';
    value = tiny ? 0.0 : HUGE_VAL;
  } else if (error != std::errc()) {
    return std::nullopt;
  }
  return number->negative ? -value : value;
}

std::optional<std::string> whole_number_text(std::string_view field, DecimalMark mark) {
  const auto number = table_number(field, mark);
  if (!number || *number != std::floor(*number) || !(std::abs(*number) < 0x1p53))
    return std::nullopt;
  return std::to_string(static_cast<long long>(*number));
}

bool like_a_number(std::string_view field) {
  if (table_number(field, DecimalMark::kPoint) || table_number(field, DecimalMark::kComma))
    return true;
  const std::string text = lower(without_blanks(field));
  if (text.starts_with("0x"))
    return text.size() > 2 && text.find_first_not_of("0123456789abcdef", 2) == std::string::npos;
  std::size_t digits = 0, letters = 0;
  for (const char32_t point : decode_utf8_leniently(text)) {
    switch (utf8proc_category(static_cast<utf8proc_int32_t>(point))) {
      case UTF8PROC_CATEGORY_ND:
        // "1.0D+02" is a number of Fortran's, "P12" and "3f2a" are names.
        if (letters > 0 && !(letters == 1 && text.find('d') != std::string::npos)) return false;
        ++digits;
        break;
      case UTF8PROC_CATEGORY_LU:
      case UTF8PROC_CATEGORY_LL:
      case UTF8PROC_CATEGORY_LT:
      case UTF8PROC_CATEGORY_LM:
      case UTF8PROC_CATEGORY_LO:
        if (digits == 0 || ++letters > 3) return false;
        break;
      default:
        break;
    }
  }
  return digits > 0;
}

std::string_view unit_of(std::string_view field) {
  std::string_view text = without_blanks(field), money;
  for (const std::string_view sign : {"$", "\xe2\x82\xac", "\xc2\xa3", "\xc2\xa5"})
    if (money.empty() && take(text, sign)) money = sign;
  text = without_blanks(text);
  const auto number = [](std::string_view of) {
    return !of.empty() && (digit(of.front()) || of.front() == '.') &&
           (table_number(of, DecimalMark::kPoint) || table_number(of, DecimalMark::kComma));
  };
  take(text, "-");
  const std::size_t end = std::min(text.find_first_not_of("0123456789.,"), text.size());
  if (!number(text.substr(0, end))) return {};
  const std::string_view rest = without_blanks(text.substr(end));
  if (rest.empty()) return money;
  if (rest.front() == '/' && number(without_blanks(rest.substr(1)))) return rest.substr(0, 1);
  return std::string_view("+-<>=~:").find(rest.front()) == std::string_view::npos ? rest : "";
}

std::optional<double> truth_value(std::string_view field) {
  static constexpr std::array<std::string_view, 1> kTrue = {"true"}, kFalse = {"false"};
  if (is_one_of(field, kTrue)) return 1;
  if (is_one_of(field, kFalse)) return 0;
  return std::nullopt;
}

bool is_sign_name(std::string_view field) {
  const std::string_view text = without_blanks(field);
  return text.find_first_not_of("+-/") == std::string_view::npos &&
         text.find('+') != std::string_view::npos;
}

bool is_missing_number(std::string_view field) {
  static constexpr std::array<std::string_view, 4> kWords = {"-nan", "none", "--", "."};
  return is_missing_label(field) || is_one_of(field, kWords);
}

bool is_missing_label(std::string_view field) {
  // Also what spreadsheets have for a value that they could not compute, and databases for none.
  static constexpr std::array<std::string_view, 16> kWords = {
      "",  "na",  "n/a",    "#n/a",    "<na>",    "nan",   "null",  "?",
      "-", "\\n", "#null!", "#div/0!", "#value!", "#num!", "#ref!", "#name?"};
  return is_one_of(field, kWords);
}

}  // namespace blindtuner::features
