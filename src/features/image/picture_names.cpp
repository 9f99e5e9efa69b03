#include "features/image/picture_names.h"

#include <cctype>
#include <map>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace blindtuner::features {
namespace {

constexpr std::string_view kSeparators = "_-. (", kMadeOf = ".rf.";

/// Where shorter names end that this one may be called after, the longest first.
std::vector<std::size_t> ends_before_words(const std::string& path, std::size_t folder) {
  std::vector<std::size_t> out;
  for (std::size_t at = path.size(); at-- > folder + 1;) {
    if (kSeparators.find(path[at]) == std::string_view::npos ||
        kSeparators.find(path[at - 1]) != std::string_view::npos)
      continue;
    const std::size_t word = path.find_first_not_of(kSeparators, at);
    if (word != std::string::npos && std::isalpha(static_cast<unsigned char>(path[word])) != 0)
      out.push_back(at);
  }
  return out;
}

}  // namespace

NamesakePictures namesake_pictures(const std::vector<std::filesystem::path>& pictures) {
  NamesakePictures out;
  std::unordered_map<std::string, std::size_t> known;
  for (const std::filesystem::path& picture : pictures) {
    out.originals.push_back(picture.parent_path() / picture.stem());
    known.emplace(out.originals.back(), known.size());
  }
  std::map<std::string, std::vector<std::size_t>> made_of;
  for (std::size_t i = 0; i < pictures.size(); ++i) {
    std::string& name = out.originals[i];
    const std::size_t folder = name.size() - pictures[i].stem().native().size();
    if (const std::size_t at = name.find(kMadeOf, folder); at != std::string::npos) {
      name.resize(at);
      made_of[name].push_back(i);
      continue;
    }
    // "x_mask_left" is called after "x_mask", which is called after "x".
    std::string root = name;
    for (const std::size_t end : ends_before_words(name, folder))
      if (known.count(name.substr(0, end)) != 0) root = name.substr(0, end);
    if (root == name) continue;
    name = std::move(root);
    out.called.push_back(i);
  }
  for (const auto& [original, of] : made_of)
    if (of.size() > 1) out.called.insert(out.called.end(), of.begin(), of.end());
  return out;
}

}  // namespace blindtuner::features
