// Folders of classes, told from folders that are parts of a set.
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace blindtuner::features {

/// By its name a split: "train", "training_set", "seg_test", "val2017", "Fold-3", "testImages".
bool named_as_split(const std::string& folder);

/// Those of some folders that are splits, the one to train on first: two or more that are named so, or
/// whose names differ in nothing but that ("letters_train", "letters_test"). One alone beside others
/// may be a class (a train), so there are none, then.
std::vector<std::string> folders_of_splits(const std::vector<std::string>& folders);

/// The folder itself, or within it the first that holds more than a single folder.
std::filesystem::path folder_of_classes(std::filesystem::path folder);

/// What folders of classes hold at their first level.
struct FolderLevels {
  std::size_t deeper = 0;                           ///< pictures in folders within
  std::vector<std::string> inner;                   ///< "class/folder" with pictures, in order
  std::map<std::string, std::set<std::string>> in;  ///< of each class the folders with pictures
  bool direct = false;                              ///< some pictures are of no such folder

  FolderLevels(const std::filesystem::path& root,
               const std::vector<std::filesystem::path>& pictures);

  /// Folders within that all of them, two at least, share, while every picture is in one: classes,
  /// then, of which the outer folders are parts. Unless they are numbered, as persons and parts of a
  /// set are.
  std::vector<std::string> shared() const;
};

}  // namespace blindtuner::features
