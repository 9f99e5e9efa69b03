#include "features/tables/column_uses.h"

#include <algorithm>
#include <charconv>
#include <map>

#include "base/error.h"
#include "base/utf8.h"
#include "features/tables/table_headings.h"

namespace blindtuner::features {
namespace {

/// Digits beyond the number of columns are a name: a year, a wavelength.
std::vector<std::string> names_given(const ColumnChoice& choice, std::size_t columns) {
  std::vector<std::string> out = choice.features;
  out.insert(out.end(), choice.drop.begin(), choice.drop.end());
  for (const std::string& name :
       {choice.label, choice.text, choice.path, choice.group, choice.known_label.name, choice.id})
    if (!name.empty()) out.push_back(name);
  // Those are no names.
  std::erase_if(out, [&](const std::string& name) {
    std::size_t place = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), place);
    return name == "last" || name == "none" ||
           (error == std::errc() && end == name.data() + name.size() && place <= columns);
  });
  return out;
}

}  // namespace

std::string shown_field(std::string_view field) {
  return "'" + printable(field.substr(0, 40)) + (field.size() > 40 ? "..'" : "'");
}

ColumnUses::ColumnUses(const Table& table, const TableRequest& request)
    : table_(table),
      profile_(table, names_given(request.columns, table.columns()), known_headings(request.use),
               request.is_file),
      uses_(table.columns()) {
  for (std::size_t i = 0; i < table_.rows(); ++i)
    if (profile_.is_data(i)) rows_.push_back(i);
  if (rows_.empty()) throw DataError(table_.name() + ": a header but no rows");
}

std::string ColumnUses::list(const Indices& columns) const {
  std::string out;
  for (const std::size_t j : columns) {
    if (out.size() > 200) return out + ", ..";
    out += (out.empty() ? "" : ", ") + text(j);
  }
  return out;
}

std::string ColumnUses::header_names() const {
  if (!profile_.header()) return " (there is none)";
  std::string out;
  for (const std::string& one : profile_.names()) {
    if (out.size() > 120) return " (" + out + ", ..)";
    out += (out.empty() ? "" : ", ") + printable(one.substr(0, 40));
  }
  return " (" + out + ")";
}

std::size_t ColumnUses::find(const std::string& wanted) const {
  if (wanted == "last") return table_.columns() - 1;
  Indices found;
  for (std::size_t j = 0; j < table_.columns(); ++j)
    if (name(j) == wanted) found.push_back(j);
  if (found.empty())
    for (std::size_t j = 0; j < table_.columns(); ++j)
      if (!name(j).empty() && heading_key(name(j)) == heading_key(wanted)) found.push_back(j);
  if (found.size() > 1)
    throw DataError(table_.name() + ": " + shown_field(wanted) + " is the name of " + list(found) +
                    ": give a number from 1");
  if (!found.empty()) return found[0];
  std::size_t position = 0;
  const auto [end, error] = std::from_chars(wanted.data(), wanted.data() + wanted.size(), position);
  if (error != std::errc() || end != wanted.data() + wanted.size() || position < 1 ||
      position > table_.columns())
    throw DataError(table_.name() + ": no column " + shown_field(wanted) +
                    ", expected a name of the header" + header_names() + ", 1 to " +
                    std::to_string(table_.columns()) + ", or last");
  return position - 1;
}

ColumnUses::Indices ColumnUses::free_columns() const {
  Indices out;
  for (std::size_t j = 0; j < uses_.size(); ++j)
    if (free(j)) out.push_back(j);
  return out;
}

bool ColumnUses::same_classes(std::size_t a, std::size_t b) const {
  std::map<std::string, std::string, std::less<>> forth, back;
  TableRow row;
  for (const std::size_t i : rows_) {
    table_.read(i, row);
    const std::string x(without_blanks(row.fields[a])), y(without_blanks(row.fields[b]));
    if (forth.emplace(x, y).first->second != y || back.emplace(y, x).first->second != x)
      return false;
    if (forth.size() > kMaxDifferent) return false;
  }
  return true;
}

void ColumnUses::leave_out(std::size_t j, const std::string& why) {
  uses_[j] = {"left out: " + why, why};
  left_out_.push_back(j);
}

void ColumnUses::refuse_several(const Indices& columns, const std::string& role,
                                const std::string& option) const {
  throw DataError(table_.name() + ": several columns may be the " + role + ": " + list(columns) +
                  "; say which with " + option);
}

}  // namespace blindtuner::features
