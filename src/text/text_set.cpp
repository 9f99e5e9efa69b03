#include "text/text_set.h"

#include <algorithm>
#include <cctype>
#include <set>

#include "base/error.h"
#include "data/class_names.h"
#include "data/file_bytes.h"
#include "data/text_table.h"

namespace blindtuner {
namespace {

bool is_heading(std::string word) {
  static const std::set<std::string> headings = {
      "text",  "sentence", "utterance", "query",  "question", "document", "review",   "title",
      "label", "labels",   "class",     "intent", "category", "target",   "sentiment"};
  std::transform(word.begin(), word.end(), word.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return headings.count(word) != 0;
}

}  // namespace

TextSet read_text_set(const TextSource& source) {
  const TextTable table = read_text_table(source.table);
  const std::string name = quoted_path(source.table);
  const std::size_t texts = table.column(source.text_column);
  const bool labelled = table.columns() > 1;
  const std::size_t labels = labelled ? table.column(source.label_column) : 0;
  if (labelled && labels == texts) throw DataError(name + ": text and label are the same column");
  const auto& first = table.rows[0];
  const bool header =
      first[texts] == source.text_column || is_heading(first[texts]) ||
      (labelled && (first[labels] == source.label_column || is_heading(first[labels])));
  TextSet out;
  LabelWords words;
  for (std::size_t i = header ? 1 : 0; i < table.rows.size(); ++i) {
    out.texts.push_back(table.rows[i][texts]);
    out.names.push_back(std::to_string(table.lines[i]));
    if (labelled) words.add(table.rows[i][labels], [&] { return table.where(i); });
  }
  if (out.texts.empty()) throw DataError(name + ": a header but no rows");
  if (!labelled) return out;
  const auto where = [&](std::size_t i) { return name + ", line " + out.names[i]; };
  NamedLabels named = number_labels(words, source.classes, where);
  if (named.classes.size() < 2)
    throw DataError(name + ": one class ('" + named.classes[0] + "'), expected at least two");
  out.labels = std::move(named.labels);
  out.classes = std::move(named.classes);
  return out;
}

}  // namespace blindtuner
