#include "features/data/archive_columns.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/error.h"
#include "base/utf8.h"
#include "features/data/members.h"
#include "features/samples/joining.h"
#include "features/tables/table_headings.h"

namespace blindtuner::features {
namespace {

/// What `extract` writes beside the features.
const std::vector<std::string> kOwn = {"digests",         "pooling",      "poolings",
                                       "pooling_columns", "label_name",   "group_column",
                                       "groups",          "picture_bits", "encoder"};

/// Of these it writes one a file: where there is one a row somebody else has.
const std::vector<std::string> kOwnOne = {"pooling", "label_name", "group_column", "picture_bits",
                                          "encoder"};

bool is_among(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// A member's name, without what tells its part, as a column's: "ids" is "id", "imageNames" "image_name".
std::string heading_of(const std::string& name) {
  std::string out = name_of_one(name);
  if (is_key_heading(out)) return out;
  std::string divided;
  for (const char c : name) {
    const bool capital = c >= 'A' && c <= 'Z';
    if (capital && !divided.empty() && divided.back() >= 'a' && divided.back() <= 'z')
      divided += '_';
    divided += c;
  }
  const std::string key = name_of_one(divided);
  return is_key_heading(key) ? key : out;
}

/// The column that a member is known as: `extract` writes that of `groups` beside it.
std::string column_of(const NpzArchive& archive, const std::string& name) {
  if (name != "groups" || !archive.holds_text("group_column")) return name;
  const std::vector<std::string> names = archive.strings("group_column");
  return names.size() == 1 && !names[0].empty() ? names[0] : name;
}

bool may_group(const std::string& name) { return name == "groups" || is_group_heading(name); }

/// Whether a choice of a column means the member, or `name`, by which it is known as well.
bool is_called(const std::string& wanted, const std::string& member, const std::string& name) {
  return !wanted.empty() &&
         (wanted == member || wanted == name || heading_key(wanted) == heading_key(name));
}

/// As a column that says whose a row is, as heading_key() has it: called as identifiers are, or as what groups rows, or chosen
/// for that. Empty: none.
std::string whose(const NpzArchive& archive, const std::string& member, const std::string& name,
                  const ColumnChoice& choice) {
  std::string heading = heading_of(name);
  if (is_key_heading(heading)) return heading;
  const std::string column = column_of(archive, name);
  const bool chosen = choice.group != "none" && (is_called(choice.group, member, column) ||
                                                 is_called(choice.known_group, member, column));
  return may_group(name) || chosen ? heading_key(column) : std::string();
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

bool is_origin(const std::string& name) { return name == "groups" || is_origin_heading(name); }

/// Of a member of which it cannot be told whose it is.
bool is_doubtful_group(const NpzArchive& archive, const std::string& member, std::size_t rows,
                       const ColumnChoice& choice) {
  return choice.group != "none" && is_origin(member) && archive.may_have_one_a_row(member, rows);
}

}  // namespace

std::string member_text(const std::string& member) { return "member '" + printable(member) + "'"; }

std::vector<NamedColumn> archive_keys(const NpzArchive& archive, std::size_t rows,
                                      const std::vector<std::string>& taken,
                                      const ColumnChoice& choice) {
  std::vector<NamedColumn> out, by_content;
  for (const auto& [member, rest] : members_beside(archive, taken.front())) {
    NamedColumn column{whose(archive, member, rest, choice), member_text(member), {}};
    if (is_among(taken, member)) continue;
    if (column.name.empty()) {
      // As of a table, whatever they are called.
      column.name = heading_of(rest);
      if (is_among(kOwn, member) || is_text_heading(column.name) || !archive.holds_text(member) ||
          !archive.may_have_one_a_row(member, rows))
        continue;
      try {
        column.fields = values_of(archive, member);
      } catch (const DataError&) {
        continue;
      }
      if (column.fields.size() == rows && !rows_by_key(column).empty())
        by_content.push_back(std::move(column));
      continue;
    }
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
    const std::string name = whose(archive, member, rest, choice);
    if (!name.empty() && !is_among(taken, member) && archive.may_have_one_a_row(member, rows))
      out.push_back({name, member_text(member), {}, doubt(archive, member, rest)});
  }
  std::move(by_content.begin(), by_content.end(), std::back_inserter(out));
  return out;
}

std::vector<std::string> unused_members(const NpzArchive& archive, const std::string& features,
                                        std::size_t rows, const std::vector<std::string>& taken,
                                        const ColumnChoice& choice) {
  const auto names_of = [](const std::vector<std::pair<std::string, std::string>>& members) {
    std::vector<std::string> out;
    for (const auto& [member, rest] : members) out.push_back(member);
    return out;
  };
  const std::vector<std::string> elsewhere = names_of(members_elsewhere(archive, features));
  std::vector<std::string> known = {features};
  for (const auto& [member, rest] : members_beside(archive, features))
    if (is_called(choice.group, member, rest) || is_called(choice.known_group, member, rest) ||
        (!whose(archive, member, rest, choice).empty() && archive.may_have_one_a_row(member, rows)))
      known.push_back(member);
  // Are warned of where they may group samples.
  for (const auto& [member, rest] : doubtful_members(archive, features))
    if (is_doubtful_group(archive, member, rows, choice)) known.push_back(member);
  const auto extracted = [&](const std::string& member) {
    return is_among(kOwn, member) &&
           !(rows > 1 && is_among(kOwnOne, member) && archive.may_have_one_a_row(member, rows));
  };
  std::vector<std::string> out;
  for (const std::string& member : archive.names())
    if (!extracted(member) && !is_among(taken, member) && !is_among(known, member) &&
        !is_among(elsewhere, member))
      out.push_back(member);
  return out;
}

std::vector<GroupColumn> group_members(const NpzArchive& archive, const std::string& features,
                                       std::size_t rows, const ColumnChoice& choice,
                                       Reading& reading) {
  std::vector<GroupColumn> out;
  if (choice.group == "none") return out;
  for (const auto& beside : members_beside(archive, features)) {
    const auto &member = beside.first, &name = beside.second;
    const std::string column = column_of(archive, name);
    const auto is = [&](const std::string& wanted) {
      return is_called(wanted, member, column) || (!wanted.empty() && wanted == name);
    };
    const bool asked = is(choice.group);
    if (!asked && !is(choice.known_group) && !may_group(name)) continue;
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
    if (is_doubtful_group(archive, member, rows, choice))
      reading.warnings.push_back(doubt(archive, member, rest) +
                                 ": it may say which samples go together");
  }
  return out;
}

}  // namespace blindtuner::features
