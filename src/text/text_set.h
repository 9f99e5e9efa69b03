// Texts and their labels, from a table.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "data/class_names.h"
#include "data/dataset.h"

namespace blindtuner {

struct TextSource {
  std::filesystem::path table;  ///< .csv or .tsv (data/text_table.h)
  std::string text_column = "1", label_column = "last";
  ClassRequest classes;  ///< when they are not to be found in the table
};

struct TextSet {
  std::vector<std::string> texts;
  Labels labels;                     ///< none when the table has one column
  std::vector<std::string> classes;  ///< none without labels
  std::vector<std::string> names;    ///< the lines on which the texts begin
};

/// The first line is a header when a column was asked for by its name, or when its text or label is
/// a usual heading (text, sentence, utterance, query, label, class, category, intent, ..). Throws
/// DataError: no texts, fewer than two classes, labels that do not fit, and what read_text_table
/// refuses.
TextSet read_text_set(const TextSource& source);

}  // namespace blindtuner
