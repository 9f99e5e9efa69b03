// Classes by name.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "data/dataset.h"

namespace blindtuner {

struct NamedLabels {
  Labels labels;
  std::vector<std::string> classes;  ///< the name of every class number
};

/// Class numbers for labels given as words. With `classes` empty they are made up: labels that are
/// all whole numbers below 2^20 stand for themselves, others are numbered in the order of their
/// bytes. Otherwise every label must be one of `classes`. `where(i)` opens the message about label
/// i. Throws DataError.
NamedLabels number_labels(const std::vector<std::string>& words,
                          const std::vector<std::string>& classes,
                          const std::function<std::string(std::size_t)>& where);

/// "0", "1", .. for `count` classes.
std::vector<std::string> numbered_classes(int count);

/// The classes of an earlier extraction (the member `classes` of an .npz), or the lines of a text
/// file. Throws DataError, also when there are fewer than two, or one twice.
std::vector<std::string> read_class_names(const std::filesystem::path& path);

}  // namespace blindtuner
