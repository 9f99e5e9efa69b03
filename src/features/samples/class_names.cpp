#include "features/samples/class_names.h"

#include <utf8proc.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <memory>
#include <optional>
#include <set>

#include "base/error.h"
#include "base/utf8.h"

namespace blindtuner::features {
namespace {

/// A whole number, also written with zeros behind a point or before it, or with a plus.
std::optional<long> whole_number(const std::string& word) {
  double value = 0;
  const bool plus = word.size() > 1 && word[0] == '+' && word[1] != '-';
  const auto [end, error] =
      std::from_chars(word.data() + (plus ? 1 : 0), word.data() + word.size(), value);
  if (error != std::errc() || end != word.data() + word.size() || !(std::abs(value) < 0x1p31) ||
      value != std::floor(value))
    return std::nullopt;
  return static_cast<long>(value);
}

std::string folded(const std::string& word) {
  std::string out = word;
  std::transform(out.begin(), out.end(), out.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return out;
}

std::optional<bool> boolean(const std::string& word) {
  if (folded(word) == "false") return false;
  if (folded(word) == "true") return true;
  return std::nullopt;
}

bool all_numbers(const std::vector<std::string>& words) {
  return std::all_of(words.begin(), words.end(),
                     [](const std::string& word) { return whole_number(word).has_value(); });
}

/// UTF-8 in another form, or as it is where it is no UTF-8.
std::string mapped(const std::string& text, int form) {
  utf8proc_uint8_t* out = nullptr;
  const utf8proc_ssize_t bytes =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                   static_cast<utf8proc_ssize_t>(text.size()), &out,
                   static_cast<utf8proc_option_t>(UTF8PROC_STABLE | form));
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner(out, &std::free);
  if (bytes < 0) return text;
  return {reinterpret_cast<const char*>(out), static_cast<std::size_t>(bytes)};
}

/// Blanks of any width, those that do not break lines, and what is not to be seen.
bool is_blank(char32_t point) {
  if (point == ' ' || (point >= '\t' && point <= '\r')) return true;
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(point))) {
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
      return true;
    default:
      return (point >= 0x200b && point <= 0x200f) || point == 0x2060 || point == 0xfeff;
  }
}

/// The same for words that nobody means for two classes.
std::string spelling_key(const std::string& word) {
  const std::u32string points = decode_utf8_leniently(
      mapped(word, UTF8PROC_COMPOSE | UTF8PROC_COMPAT | UTF8PROC_CASEFOLD | UTF8PROC_IGNORE));
  std::u32string out;
  bool blank = false;
  for (const char32_t point : points) {
    if (!is_blank(point)) {
      if (blank && !out.empty()) out += U' ';
      out += point;
    }
    blank = is_blank(point);
  }
  std::string key = encode_utf8(out);
  if (const auto number = whole_number(key)) return std::to_string(*number);
  if (const auto truth = boolean(key)) return *truth ? "1" : "0";
  return key;
}

/// What stands for the same class as `word`, most literal first.
std::vector<std::string> spellings(const std::string& word) {
  std::vector<std::string> out = {word};
  if (const auto number = whole_number(word)) {
    out.push_back(std::to_string(*number));
    if (*number == 0 || *number == 1) {
      out.emplace_back(*number == 0 ? "False" : "True");
      out.emplace_back(*number == 0 ? "false" : "true");
    }
  } else if (const auto truth = boolean(word)) {
    out.emplace_back(*truth ? "True" : "False");
    out.emplace_back(*truth ? "true" : "false");
    out.emplace_back(*truth ? "1" : "0");
  }
  return out;
}

std::vector<std::string> made_up(const LabelWords& words, int count) {
  std::vector<std::string> out;
  if (!all_numbers(words.words())) {
    require_one_spelling(words);
    const std::set<std::string> different(words.words().begin(), words.words().end());
    out.assign(different.begin(), different.end());
  } else {
    std::set<long> different;
    for (const std::string& word : words.words()) different.insert(*whole_number(word));
    if (count > 0 && *different.begin() >= 0 && *different.rbegin() < count)
      return numbered_classes(count);
    for (const long number : different) out.push_back(std::to_string(number));
  }
  if (count > 0 && out.size() != static_cast<std::size_t>(count))
    throw DataError(words.first_places()[0] + ": labels of " + std::to_string(out.size()) +
                    " classes (" + list_of_names(out) + "), expected " + std::to_string(count));
  return out;
}

/// A class whose name differs from `word` in capitals alone, as a hint.
std::string hint(const std::string& word, const std::vector<std::string>& classes) {
  for (const std::string& name : classes)
    if (folded(name) == folded(word)) return " (did you mean '" + printable(name) + "'?)";
  return "";
}

}  // namespace

std::string class_name(std::string_view word) {
  const auto blank = [](char c) { return c == ' ' || (c >= '\t' && c <= '\r'); };
  while (!word.empty() && blank(word.front())) word.remove_prefix(1);
  while (!word.empty() && blank(word.back())) word.remove_suffix(1);
  const bool plain = std::all_of(word.begin(), word.end(),
                                 [](char c) { return static_cast<unsigned char>(c) < 128; });
  if (plain || word.size() > kMaxClassName) return std::string(word);
  const auto points = decode_utf8(word);
  if (!points) return printable(word);
  const auto first = std::find_if_not(points->begin(), points->end(), is_blank);
  const auto last = std::find_if_not(points->rbegin(), points->rend(), is_blank).base();
  if (first >= last) return "";
  return mapped(encode_utf8(std::u32string(first, last)), UTF8PROC_COMPOSE);
}

void LabelWords::add(std::string_view text, const std::function<std::string()>& where) {
  const std::string word = class_name(text);
  auto found = numbers_.find(word);
  if (found == numbers_.end()) {
    if (word.empty() || word.size() > kMaxClassName)
      throw DataError(where() + ": label of " + std::to_string(word.size()) +
                      " bytes, expected 1 to " + std::to_string(kMaxClassName));
    if (words_.size() == static_cast<std::size_t>(kMaxLabels))
      throw DataError(where() + ": more than " + std::to_string(kMaxLabels) +
                      " different labels (are these labels?)");
    found = numbers_.emplace(word, static_cast<std::uint32_t>(words_.size())).first;
    words_.push_back(word);
    first_places_.push_back(where());
  }
  indices_.push_back(found->second);
}

LabelWords LabelWords::renamed(const std::vector<std::string>& names) const {
  if (!all_numbers(words_)) return *this;
  for (std::size_t k = 0; k < words_.size(); ++k) {
    const long number = *whole_number(words_[k]);
    if (number < 0 || number >= static_cast<long>(names.size()))
      throw DataError(first_places_[k] + " has label " + words_[k] +
                      ", but there are names for 0 to " +
                      std::to_string(static_cast<long>(names.size()) - 1) + " only");
  }
  LabelWords out;
  for (const std::uint32_t index : indices_)
    out.add(names[static_cast<std::size_t>(*whole_number(words_[index]))],
            [&] { return first_places_[index]; });
  return out;
}

bool is_one_class(const std::string& a, const std::string& b) {
  return spelling_key(a) == spelling_key(b);
}

bool LabelWords::are_among(const std::vector<std::string>& names) const {
  std::set<std::string> keys;
  for (const std::string& name : names) keys.insert(spelling_key(name));
  return std::all_of(words_.begin(), words_.end(),
                     [&](const std::string& word) { return keys.contains(spelling_key(word)); });
}

std::vector<std::string> different_names(std::vector<std::string> names, const std::string& where) {
  std::set<std::string> seen;
  for (std::string& name : names) {
    name = class_name(name);
    if (name.empty() || name.size() > kMaxClassName || !decode_utf8(name))
      throw DataError(where + ": a class name is empty, too long or not UTF-8");
    if (!seen.insert(name).second)
      throw DataError(where + ": class '" + printable(name.substr(0, 60)) + "' is there twice");
  }
  return names;
}

std::vector<std::string> numbered_classes(int count) {
  std::vector<std::string> out;
  for (int k = 0; k < count; ++k) out.push_back(std::to_string(k));
  return out;
}

bool are_numbered(const std::vector<std::string>& classes) {
  for (std::size_t k = 0; k < classes.size(); ++k)
    if (classes[k] != std::to_string(k)) return false;
  return true;
}

std::string class_note(const std::vector<std::string>& classes) {
  if (classes.empty() || are_numbered(classes)) return "";
  std::string out = "classes:";
  for (std::size_t k = 0; k < classes.size(); ++k) {
    if (out.size() > 400) return out + ", .. (" + std::to_string(classes.size()) + " in all)";
    out += (k == 0 ? " " : ", ") + std::to_string(k) + " is '" +
           printable(classes[k].substr(0, 60)) + "'";
  }
  return out;
}

std::string list_of_words(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) {
    if (out.size() > 200) return out + ", ..";
    out += (out.empty() ? "" : ", ") + word;
  }
  return out;
}

std::string list_of_names(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) {
    if (out.size() > 160) return out + ", ..";
    out += (out.empty() ? "'" : ", '") + printable(name.substr(0, 60)) + "'";
  }
  return out;
}

void require_one_spelling(const LabelWords& words) {
  std::map<std::string, std::size_t> seen;
  for (std::size_t k = 0; k < words.words().size(); ++k) {
    const auto [other, fresh] = seen.emplace(spelling_key(words.words()[k]), k);
    if (fresh) continue;
    const auto named = [&](std::size_t word) {
      std::size_t count = 0;
      for (std::size_t i = 0; i < words.size(); ++i) count += words.index(i) == word;
      return "'" + printable(words.words()[word].substr(0, 60)) + "' (" + std::to_string(count) +
             " labels)";
    };
    throw DataError(words.first_places()[k] + ": " + named(other->second) + " and " + named(k) +
                    " look like one class, written in two ways (capitals, blanks, digits): write "
                    "it in one, or give two classes names that differ in more");
  }
}

NamedLabels number_labels(const LabelWords& words, const ClassRequest& request) {
  NamedLabels out;
  if (words.size() == 0) throw DataError("no labels");
  if (!request.names.empty() && request.count > 0 &&
      request.names.size() != static_cast<std::size_t>(request.count))
    throw DataError(words.first_places()[0] + ": labels of " +
                    std::to_string(request.names.size()) + " classes (" +
                    list_of_names(request.names) + "), expected " + std::to_string(request.count));
  out.classes = request.names.empty() ? made_up(words, request.count) : request.names;
  std::map<std::string, int> numbers;
  for (std::size_t k = 0; k < out.classes.size(); ++k)
    numbers.emplace(out.classes[k], static_cast<int>(k));
  // Labels that are numbers where no class is one may have been counted in an order of their own.
  const bool counted = all_numbers(words.words());
  const bool bare =
      counted && std::none_of(out.classes.begin(), out.classes.end(),
                              [](const auto& name) { return whole_number(name) || boolean(name); });
  std::vector<int> of_word;
  for (std::size_t k = 0; k < words.words().size(); ++k) {
    const std::string& word = words.words()[k];
    auto found = numbers.end();
    if (bare && request.numbered) {
      const long number = *whole_number(word);
      if (number >= 0 && number < static_cast<long>(out.classes.size()))
        found = numbers.find(out.classes[static_cast<std::size_t>(number)]);
    } else {
      for (const std::string& spelling : spellings(word))
        if (found == numbers.end()) found = numbers.find(spelling);
    }
    if (found == numbers.end())
      throw DataError(words.first_places()[k] + ": class '" + printable(word.substr(0, 60)) +
                      "', expected one of the " + std::to_string(out.classes.size()) +
                      " that were given: " + list_of_names(out.classes) + hint(word, out.classes) +
                      (bare && !request.numbered
                           ? "; if the numbers are places in this list, counted from 0, say so "
                             "with --class-numbers"
                           : ""));
    // Classes' names are numbers, too: which of both is meant?
    if (request.numbered && counted && !request.names.empty() &&
        found->second != *whole_number(word))
      throw DataError(words.first_places()[k] + ": label '" + printable(word.substr(0, 60)) +
                      "' is the name of class " + std::to_string(found->second) +
                      ", and with --class-numbers the place of another: leave it out where labels "
                      "are names, or write names");
    of_word.push_back(found->second);
  }
  out.labels.reserve(words.size());
  for (std::size_t i = 0; i < words.size(); ++i) out.labels.push_back(of_word[words.index(i)]);
  return out;
}

void set_classes(Dataset& set, const LabelWords& words, const ClassRequest& request,
                 const std::string& name) {
  if (words.size() == 0) throw DataError(name + ": no labels");
  NamedLabels named = number_labels(words, request);
  if (named.classes.size() < 2)
    throw DataError(name + ": every label is '" + printable(named.classes[0].substr(0, 60)) +
                    "', expected at least two classes");
  set.labels = std::move(named.labels);
  set.class_names = std::move(named.classes);
  set.classes = static_cast<int>(set.class_names.size());
}

}  // namespace blindtuner::features
