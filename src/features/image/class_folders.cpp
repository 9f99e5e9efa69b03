#include "features/image/class_folders.h"

#include <algorithm>
#include <cctype>
#include <iterator>

#include "features/tables/table_headings.h"

namespace blindtuner::features {
namespace {

namespace fs = std::filesystem;

// Folders within folders, each the only one: no more than people make.
constexpr int kMaxAlone = 8;

/// Words of a name without capitals, which begin where letters do, and at capitals behind small ones.
std::vector<std::string> words_of(const std::string& name) {
  std::vector<std::string> out;
  bool within = false, small = false;
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    const bool letter = std::isalpha(byte) != 0;
    if (letter) {
      if (!within || (small && std::isupper(byte) != 0)) out.emplace_back();
      out.back() += static_cast<char>(std::tolower(byte));
    }
    within = letter;
    small = letter && std::islower(byte) != 0;
  }
  return out;
}

bool is_word_of_splits(const std::string& word) {
  static const std::set<std::string> more = {"trainset", "testset", "valset", "fold", "split"};
  return is_split_name(word) || more.count(word) != 0;
}

/// A name's word of splits, where there is only one, and the others around it.
struct SplitInName {
  std::string split, others;
  explicit SplitInName(const std::string& name) {
    for (const std::string& word : words_of(name)) {
      const bool is_split = is_word_of_splits(word);
      if (is_split && !split.empty()) {
        split.clear();
        return;
      }
      if (is_split) split = word;
      others += (is_split ? "*" : word) + " ";
    }
  }
};

bool to_train_on(const std::string& name) {
  for (const std::string& word : words_of(name))
    if (word.starts_with("train")) return true;
  return false;
}

}  // namespace

bool named_as_split(const std::string& folder) {
  static const std::set<std::string> beside = {"set", "data", "seg", "image", "images", "img"};
  bool split = false;
  for (const std::string& word : words_of(folder)) {
    if (is_word_of_splits(word))
      split = true;
    else if (beside.count(word) == 0)
      return false;
  }
  return split;
}

std::vector<std::string> folders_of_splits(const std::vector<std::string>& folders) {
  std::map<std::string, std::set<std::string>> alike;
  for (const std::string& one : folders)
    if (const SplitInName name(one); !name.split.empty()) alike[name.others].insert(name.split);
  std::vector<std::string> out;
  for (const std::string& one : folders) {
    const SplitInName name(one);
    if (named_as_split(one) || (!name.split.empty() && alike[name.others].size() > 1))
      out.push_back(one);
  }
  if (out.size() < 2) {
    if (folders.size() > 1) out.clear();
    return out;
  }
  std::stable_partition(out.begin(), out.end(), to_train_on);
  return out;
}

fs::path folder_of_classes(fs::path folder) {
  for (int depth = 0; depth < kMaxAlone; ++depth) {
    std::error_code error;
    std::vector<fs::directory_entry> inside;
    for (fs::directory_iterator at(folder, error), end; !error && at != end && inside.size() < 2;
         at.increment(error))
      if (!at->path().filename().string().starts_with('.')) inside.push_back(*at);
    if (error || inside.size() != 1 || !inside[0].is_directory(error)) break;
    folder = inside[0].path();
  }
  return folder;
}

FolderLevels::FolderLevels(const fs::path& root, const std::vector<fs::path>& pictures) {
  for (const fs::path& picture : pictures) {
    const fs::path relative = picture.lexically_relative(root);
    auto part = relative.begin();
    const std::string name = (part++)->string(), next = part->string();
    std::set<std::string>& folders = in[name];
    if (std::next(part) == relative.end()) {
      direct = true;
    } else {
      ++deeper;
      if (folders.insert(next).second) inner.push_back(name + "/" + next);
    }
  }
}

std::vector<std::string> FolderLevels::shared() const {
  if (direct || in.size() < 2) return {};
  std::vector<std::string> out;
  for (const std::string& name : in.begin()->second)
    if (std::all_of(in.begin(), in.end(),
                    [&](const auto& one) { return one.second.count(name) != 0; }))
      out.push_back(name);
  const bool numbered = std::all_of(out.begin(), out.end(), [](const std::string& name) {
    return name.find_first_of("0123456789") != std::string::npos;
  });
  const bool splits =
      std::any_of(in.begin(), in.end(), [](const auto& one) { return named_as_split(one.first); });
  return out.size() >= 2 && (splits || !numbered) ? out : std::vector<std::string>{};
}

}  // namespace blindtuner::features
