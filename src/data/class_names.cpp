#include "data/class_names.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <set>

#include "base/error.h"
#include "base/utf8.h"
#include "data/file_bytes.h"
#include "data/npy.h"

namespace blindtuner {
namespace {

constexpr std::size_t kMaxName = 1000;

/// A whole number in its shortest form.
std::optional<int> whole_number(const std::string& word) {
  int value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error != std::errc() || end != word.data() + word.size() || value < 0 ||
      value >= kMaxLabels || std::to_string(value) != word)
    return std::nullopt;
  return value;
}

}  // namespace

std::vector<std::string> numbered_classes(int count) {
  std::vector<std::string> out;
  for (int k = 0; k < count; ++k) out.push_back(std::to_string(k));
  return out;
}

NamedLabels number_labels(const std::vector<std::string>& words,
                          const std::vector<std::string>& classes,
                          const std::function<std::string(std::size_t)>& where) {
  NamedLabels out{{}, classes};
  for (std::size_t i = 0; i < words.size(); ++i)
    if (words[i].empty() || words[i].size() > kMaxName)
      throw DataError(where(i) + ": label of " + std::to_string(words[i].size()) +
                      " bytes, expected 1 to " + std::to_string(kMaxName));
  if (classes.empty()) {
    const std::set<std::string> different(words.begin(), words.end());
    const auto is_number = [](const std::string& word) { return whole_number(word).has_value(); };
    if (std::all_of(different.begin(), different.end(), is_number)) {
      int most = 0;
      for (const std::string& word : different) most = std::max(most, *whole_number(word));
      out.classes = numbered_classes(most + 1);
    } else {
      out.classes.assign(different.begin(), different.end());
    }
  }
  std::map<std::string, int> numbers;
  for (std::size_t k = 0; k < out.classes.size(); ++k)
    numbers.emplace(out.classes[k], static_cast<int>(k));
  for (std::size_t i = 0; i < words.size(); ++i) {
    const auto found = numbers.find(words[i]);
    if (found == numbers.end())
      throw DataError(where(i) + ": class '" + words[i].substr(0, 60) + "', expected one of the " +
                      std::to_string(out.classes.size()) + " that were given");
    out.labels.push_back(found->second);
  }
  return out;
}

std::vector<std::string> read_class_names(const std::filesystem::path& path) {
  const std::string name = quoted_path(path);
  std::vector<std::string> classes;
  if (path.extension() == ".npz") {
    classes = NpzArchive(path).strings("classes");
  } else {
    const std::vector<std::uint8_t> bytes = read_file(path, 1 << 26);
    std::string line;
    for (const std::uint8_t byte : bytes) {
      if (classes.size() > static_cast<std::size_t>(kMaxLabels)) break;  // refused below
      if (byte != '\n') {
        line += static_cast<char>(byte);
        continue;
      }
      if (line.ends_with('\r')) line.pop_back();
      classes.push_back(std::move(line));
      line.clear();
    }
    if (!line.empty()) classes.push_back(line);
  }
  if (classes.size() < 2 || classes.size() > static_cast<std::size_t>(kMaxLabels))
    throw DataError(name + ": " +
                    (classes.size() < 2 ? std::to_string(classes.size()) : "too many") +
                    " class names, expected 2 to " + std::to_string(kMaxLabels));
  std::set<std::string> seen;
  for (const std::string& word : classes) {
    if (word.empty() || word.size() > kMaxName || !decode_utf8(word))
      throw DataError(name + ": a class name is empty, too long or not UTF-8");
    if (!seen.insert(word).second)
      throw DataError(name + ": class '" + word.substr(0, 60) + "' is there twice");
  }
  return classes;
}

}  // namespace blindtuner
