#include "features/data/archive_columns.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/utf8.h"
#include "features/data/members.h"
#include "features/samples/joining.h"
#include "features/tables/table_headings.h"

namespace blindtuner::features {
namespace {

/// A member's name, without what tells its part, as a column's: "ids" is "id".
std::string heading_of(const std::string& name) {
  std::string out = heading_key(name);
  if (out == "indices") return "index";
  if (out.size() > 2 && out.ends_with('s')) out.pop_back();
  return out;
}

/// A member's texts or whole numbers as key_of() has them. Throws DataError where it holds others.
std::vector<std::string> values_of(const NpzArchive& archive, const std::string& member) {
  std::vector<std::string> out = archive.keys(member);
  for (std::string& field : out) field = key_of(field, DecimalMark::kPoint);
  return out;
}

std::string doubt(const NpzArchive& archive, const std::string& member, const std::string& rest) {
  return archive.where(member) +
         ": its name does not tell whether it is of these samples; call it '" +
         printable(member == rest ? "train_" + member : rest) + "' or the like";
}

}  // namespace

std::vector<NamedColumn> archive_keys(const NpzArchive& archive, std::size_t rows,
                                      const std::vector<std::string>& taken) {
  std::vector<NamedColumn> out;
  const auto is_taken = [&](const std::string& member) {
    return std::find(taken.begin(), taken.end(), member) != taken.end();
  };
  for (const auto& [member, rest] : members_beside(archive, taken.front())) {
    const std::string name = heading_of(rest);
    if (!is_key_heading(name) || is_taken(member)) continue;
    NamedColumn column{name, "member '" + printable(member) + "'", {}};
    try {
      column.fields = values_of(archive, member);
    } catch (const DataError& error) {
      if (archive.may_have_one_a_row(member, rows))
        column.unreadable =
            std::string(error.what()) + " (ids=numpy.asarray(ids, dtype=str) makes text of it)";
    }
    if (column.fields.size() == rows || !column.unreadable.empty())
      out.push_back(std::move(column));
  }
  for (const auto& [member, rest] : doubtful_members(archive, taken.front())) {
    const std::string name = heading_of(rest);
    if (is_key_heading(name) && !is_taken(member) && archive.may_have_one_a_row(member, rows))
      out.push_back({name, "member '" + printable(member) + "'", {}, doubt(archive, member, rest)});
  }
  return out;
}

std::vector<std::string> unused_members(const NpzArchive& archive, const std::string& features,
                                        const std::vector<std::string>& taken) {
  // What `extract` writes beside the features.
  const std::vector<std::string> own = {"digests",         "pooling",      "poolings",
                                        "pooling_columns", "label_name",   "group_column",
                                        "groups",          "picture_bits", "encoder"};
  const auto is_in = [](const std::vector<std::string>& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  std::vector<std::string> out;
  for (const auto& [member, name] : members_beside(archive, features))
    if (!is_in(own, member) && !is_in(taken, member) && !is_key_heading(heading_of(name)) &&
        !is_group_heading(name))
      out.push_back(member);
  return out;
}

std::vector<GroupColumn> group_members(const NpzArchive& archive, const std::string& features,
                                       std::size_t rows, const ColumnChoice& choice,
                                       Reading& reading) {
  std::vector<GroupColumn> out;
  if (choice.group == "none") return out;
  const auto is_origin = [](const std::string& name) {
    return name == "groups" || is_origin_heading(name);
  };
  for (const auto& beside : members_beside(archive, features)) {
    const auto &member = beside.first, &name = beside.second;
    std::string column = name;
    if (name == "groups" && archive.contains("group_column"))
      if (const auto names = archive.strings("group_column"); names.size() == 1) column = names[0];
    const auto is = [&](const std::string& wanted) {
      return !wanted.empty() &&
             (heading_key(wanted) == heading_key(column) || wanted == name || wanted == member);
    };
    const bool asked = is(choice.group);
    if (!asked && !is(choice.known_group) && name != "groups" && !is_group_heading(name)) continue;
    GroupColumn one{column, "'" + printable(column.substr(0, 60)) + "'", {}, asked};
    try {
      one.fields = archive.strings(member);
      for (std::string& field : one.fields) field = group_field(field, DecimalMark::kPoint);
    } catch (const DataError&) {
      try {
        const LabelWords words = archive.label_words(member);
        for (std::size_t i = 0; i < words.size(); ++i)
          one.fields.push_back(words.words()[words.index(i)]);
      } catch (const DataError& error) {
        if (asked) throw;
        if (is_origin(name))
          reading.warnings.push_back(std::string(error.what()) +
                                     "; it may say which samples go together, so that a test on "
                                     "samples that are held out may be too good");
        continue;
      }
    }
    if (one.fields.size() != rows && asked)
      throw DataError(archive.where(member) + ": " + std::to_string(one.fields.size()) +
                      " values for " + std::to_string(rows) + " samples");
    if (one.fields.size() == rows)
      out.push_back(std::move(one));
    else if (is_origin(name))
      reading.notes.push_back(archive.where(member) + ": " + std::to_string(one.fields.size()) +
                              " values for " + std::to_string(rows) +
                              " samples: it does not say which of them go together");
  }
  for (const auto& [member, rest] : doubtful_members(archive, features)) {
    if (is_origin(member) && archive.may_have_one_a_row(member, rows))
      reading.warnings.push_back(doubt(archive, member, rest) +
                                 ": it may say which samples go together");
  }
  return out;
}

}  // namespace blindtuner::features
