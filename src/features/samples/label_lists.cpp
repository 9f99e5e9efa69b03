#include "features/samples/label_lists.h"

#include <algorithm>
#include <map>
#include <set>

#include "features/samples/class_names.h"

namespace blindtuner::features {
namespace {

/// What stands between separators, without blanks, brackets and quotes around it.
std::set<std::string> parts_of(const std::string& name) {
  constexpr const char* kEnclosing = " []{}()'\"";
  std::set<std::string> out;
  for (std::size_t begin = 0; begin <= name.size();) {
    const std::size_t end = std::min(name.find_first_of("|;,", begin), name.size());
    const std::string part = name.substr(begin, end - begin);
    const std::size_t first = part.find_first_not_of(kEnclosing);
    if (first != std::string::npos)
      out.insert(part.substr(first, part.find_last_not_of(kEnclosing) - first + 1));
    begin = end + 1;
  }
  return out;
}

}  // namespace

std::string label_list_warning(const std::vector<std::string>& classes) {
  std::map<std::string, std::size_t> names_with;
  for (const std::string& name : classes)
    for (const std::string& part : parts_of(name)) ++names_with[part];
  std::vector<std::string> lists;
  for (const std::string& name : classes) {
    const std::set<std::string> parts = parts_of(name);
    if (parts.size() > 1 && std::all_of(parts.begin(), parts.end(), [&](const std::string& part) {
          return names_with[part] > 1;
        }))
      lists.push_back(name);
  }
  if (lists.empty()) return {};
  return std::to_string(lists.size()) + " of " + std::to_string(classes.size()) +
         " classes look like several labels of one sample (" + list_of_names(lists) +
         "): each list is trained as a class of its own";
}

}  // namespace blindtuner::features
