#include "features/tables/table_report.h"

#include <map>

#include "base/utf8.h"

namespace blindtuner::features {

void report_columns(const ColumnUses& uses, TableUse use, const TableColumns& taken,
                    Reading& reading) {
  const Table& table = uses.table();
  const TableProfile& profile = uses.profile();
  const auto column_json = [&](std::size_t j) {
    return nlohmann::json{{"column", j + 1}, {"name", printable(uses.name(j))}};
  };
  std::string text = table.name() + ": ";
  nlohmann::json& d = reading.details;
  if (taken.content) {
    const std::string role = use == TableUse::kPictures ? "path" : "text";
    text += role + " is " + uses.text(*taken.content) + ", " + uses.why(*taken.content) + "; ";
    d[role] = column_json(*taken.content);
  }
  if (taken.label) {
    text += "label is " + uses.text(*taken.label) + ", " + uses.why(*taken.label) + "; ";
    d["label"] = column_json(*taken.label);
  } else if (!taken.one_hot.empty()) {
    text += "classes are " + uses.list(taken.one_hot) + ", of which every row marks one; ";
    d["classes"] = nlohmann::json::array();
    for (const std::size_t j : taken.one_hot) d["classes"].push_back(column_json(j));
  } else if (use != TableUse::kFeatures) {
    text += "without labels; ";
  }
  if (use == TableUse::kFeatures) {
    text += std::to_string(taken.features.size()) +
            (taken.features.size() == 1 ? " feature" : " features");
    text += taken.features.size() == 1 ? ", " : ", from ";
    text += uses.text(taken.features.front());
    if (taken.features.size() > 1) text += " to " + uses.text(taken.features.back());
    text += "; ";
    d["features"] = taken.features.size();
    d["decimal"] = taken.mark == DecimalMark::kComma ? "comma" : "point";
    if (taken.mark == DecimalMark::kComma) text += "decimal commas; ";
  }
  text.resize(text.size() - 2);
  reading.notes.push_back(text);
  if (!taken.logical.empty()) {
    reading.notes.push_back(table.name() + ": True and False are 1 and 0 in " +
                            uses.list(taken.logical));
    d["logical"] = nlohmann::json::array();
    for (const std::size_t j : taken.logical) d["logical"].push_back(column_json(j));
  }
  d["header"] = profile.header();
  d["left_out"] = nlohmann::json::array();
  std::map<std::string, ColumnUses::Indices> by_reason;
  for (const std::size_t j : uses.left_out()) {
    by_reason[uses.why(j)].push_back(j);
    if (d["left_out"].size() < 1000) {
      d["left_out"].push_back(column_json(j));
      d["left_out"].back()["why"] = uses.why(j);
    }
  }
  for (const auto& [why, columns] : by_reason)
    reading.notes.push_back(table.name() + ": left out " + uses.list(columns) + ": " + why);
  if (profile.repeated_headers() > 0)
    reading.notes.push_back(table.name() + ": " + std::to_string(profile.repeated_headers()) +
                            " rows are the header again: not used, the first is line " +
                            std::to_string(table.line(profile.first_repeat())));
  d["repeated_headers"] = profile.repeated_headers();
}

void report_table(const Table& table, std::size_t rows, const std::vector<UnusedRows>& left,
                  Reading& reading) {
  nlohmann::json& d = reading.details;
  d["rows"] = rows;
  d["separator"] = std::string(1, table.separator());
  d["unused_rows"] = nlohmann::json::array();
  std::vector<UnusedRows> all = table.unused();
  all.insert(all.end(), left.begin(), left.end());
  for (const UnusedRows& unused : all) {
    if (unused.count == 0) continue;
    d["unused_rows"].push_back(
        {{"why", unused.why}, {"rows", unused.count}, {"first_line", unused.first_line}});
    reading.notes.push_back(table.name() + ": " + std::to_string(unused.count) + " " + unused.why +
                            (unused.count == 1 ? " row" : " rows") +
                            " not used, the first is line " + std::to_string(unused.first_line));
  }
  for (const std::string& note : table.notes()) reading.notes.push_back(table.name() + ": " + note);
  reading.notes.push_back(table.name() + ": " + std::to_string(rows) + " rows of " +
                          std::to_string(table.columns()) + " columns, separated by " +
                          table.separator_text() +
                          (d.value("header", false) ? ", under a header" : ", without a header"));
}

}  // namespace blindtuner::features
