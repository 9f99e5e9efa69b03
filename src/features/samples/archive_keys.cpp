#include "features/samples/archive_keys.h"

#include <algorithm>
#include <array>
#include <optional>

#include "base/error.h"
#include "base/utf8.h"
#include "features/samples/shared_keys.h"
#include "features/tables/column_uses.h"
#include "features/tables/table_headings.h"

namespace blindtuner::features {
namespace {

bool is_number(const std::string& field) {
  return whole_number_text(field, DecimalMark::kPoint).has_value();
}

/// How two tables may write one file: 'a/b.png', 'b.png', 'b'.
enum class Form { kAsItIs, kFile, kStem };
constexpr std::array kForms = {Form::kAsItIs, Form::kFile, Form::kStem};

std::string in_form(const std::string& field, Form form) {
  if (form == Form::kAsItIs) return field;
  std::string out = field.substr(field.find_last_of("/\\") + 1);
  const std::size_t point = out.rfind('.');
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  const bool ending = point != std::string::npos && point > 0 && point + 1 < out.size() &&
                      out.size() - point <= 6 && letter(out[point + 1]);
  if (form == Form::kStem && ending) out.resize(point);
  return key_of(out, DecimalMark::kPoint);
}

NamedColumn in_form(const NamedColumn& column, Form form) {
  NamedColumn out = column;
  for (std::string& field : out.fields) field = in_form(field, form);
  return out;
}

/// 0, 1, .. or 1, 2, ..
bool counts(const NamedColumn& column) {
  for (std::size_t i = 0; i < column.fields.size(); ++i)
    if (column.fields[i] != std::to_string(i) && column.fields[i] != std::to_string(i + 1))
      return false;
  return true;
}

struct Match {
  const NamedColumn *samples = nullptr, *labels = nullptr;
  Form form = Form::kAsItIs;
  std::vector<std::size_t> rows;           // a sample's, or kNoRow
  std::vector<std::size_t> missing, left;  // samples without a row, rows without a sample
  bool believed = true, moved = false;

  std::size_t found() const { return rows.size() - missing.size(); }
};

/// Nothing where values are not all different.
std::optional<Match> match(const NamedColumn& samples, const NamedColumn& labels, Form form,
                           bool strict) {
  const NamedColumn own = in_form(samples, form), other = in_form(labels, form);
  const RowsByKey rows = rows_by_key(other);
  if (rows.empty() || rows_by_key(own).empty()) return {};
  Match out{&samples, &labels, form, {}, {}, {}, true, false};
  std::vector<bool> used(other.fields.size());
  for (std::size_t i = 0; i < own.fields.size(); ++i) {
    const auto row = rows.find(own.fields[i]);
    out.rows.push_back(row == rows.end() ? kNoRow : row->second);
    if (row == rows.end()) {
      out.missing.push_back(i);
      continue;
    }
    used[row->second] = true;
    out.moved = out.moved || row->second != i;
  }
  for (std::size_t i = 0; i < used.size(); ++i)
    if (!used[i]) out.left.push_back(i);
  // Numbers may agree by chance.
  const auto numbers = [](const NamedColumn& column) {
    return std::all_of(column.fields.begin(), column.fields.end(), is_number);
  };
  if (numbers(samples) || numbers(labels))
    out.believed = labels.name.empty() ? !counts(labels) || (strict && samples.name.empty())
                                       : is_key_heading(labels.name) || labels.name == samples.name;
  return out;
}

/// "3 of its 90 rows: 'a', 'b', .."
std::string rows_text(const NamedColumn& column, const std::vector<std::size_t>& rows) {
  std::string out =
      std::to_string(rows.size()) + " of its " + std::to_string(column.fields.size()) + " rows: ";
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (i == 3) return out + ", ..";
    out += (i > 0 ? ", " : "") + shown_field(column.fields[rows[i]]);
  }
  return out;
}

}  // namespace

bool is_key_heading(const std::string& name) {
  return name == "name" || is_identifier_heading(name) || is_path_heading(name);
}

std::vector<NamedColumn> identifiers_among(std::vector<NamedColumn> columns, std::size_t most) {
  std::vector<NamedColumn> out;
  const auto bytes_of = [](const NamedColumn& column) {
    // Arrays of texts take the longest one's room for each.
    std::size_t bytes = 0, longest = 0;
    for (const std::string& field : column.fields) {
      bytes += field.size() + 3;
      longest = std::max(longest, field.size());
    }
    return std::max(bytes, longest * column.fields.size() / 4);
  };
  const auto tells = [&](const NamedColumn& column) {
    const auto fraction = [](const std::string& field) {
      return table_number(field, DecimalMark::kPoint) && !is_number(field);
    };
    return !is_text_heading(column.name) && bytes_of(column) <= 60 * column.fields.size() &&
           !rows_by_key(column).empty() &&
           std::none_of(column.fields.begin(), column.fields.end(), fraction);
  };
  for (const bool named : {true, false})
    for (NamedColumn& column : columns) {
      if (is_label_heading(column.name) || is_key_heading(column.name) != named) continue;
      if (!named && !tells(column)) continue;
      const std::size_t bytes = bytes_of(column);
      if (bytes > most) continue;
      most -= bytes;
      out.push_back(std::move(column));
    }
  return out;
}

std::vector<std::size_t> join_by_keys(const KeyedSamples& sets, Reading& reading) {
  std::optional<Match> best, unlike, other_rows;
  const auto both = [&](const NamedColumn& samples, const NamedColumn& labels) {
    return samples.column + " of " + sets.samples + " and " + labels.column + " of " + sets.labels;
  };
  for (const bool same_name : {true, false})
    for (const Form form : kForms)
      for (const NamedColumn& samples : sets.of_samples)
        for (const NamedColumn& labels : sets.of_labels) {
          if ((samples.name == labels.name) != same_name) continue;
          const std::optional<Match> one = match(samples, labels, form, sets.strict);
          if (!one) continue;
          std::optional<Match>& kind = one->believed ? best : unlike;
          if (kind && one->believed && same_name && one->missing.empty() && kind->missing.empty() &&
              one->rows != kind->rows && one->labels != kind->labels)
            other_rows = one;
          if (!kind || one->found() > kind->found()) kind = one;
        }
  if (sets.strict && best && other_rows)
    throw DataError(both(*best->samples, *best->labels) + " do not say the same as " +
                    other_rows->samples->column + " and " + other_rows->labels->column +
                    ": which label is whose cannot be told; leave one out with --drop-columns");
  if (!best || 2 * best->found() < best->rows.size()) {
    // Of one name, and no identifiers of these samples.
    for (const NamedColumn& samples : sets.of_samples)
      for (const NamedColumn& labels : sets.of_labels) {
        if (labels.name.empty() || samples.name != labels.name || samples.fields == labels.fields ||
            !is_key_heading(labels.name))
          continue;
        const bool apart = !rows_by_key(samples).empty() && !rows_by_key(labels).empty();
        if (sets.strict)
          throw DataError(both(samples, labels) +
                          (apart ? " hold other values, as of other samples"
                                 : " are not the same and do not tell rows apart") +
                          "; --drop-columns with this column has rows go together by their places");
        if (!rows_by_key(labels).empty()) continue;  // is said below
        reading.warnings.push_back(both(samples, labels) +
                                   " are not the same and do not tell rows apart: rows go together "
                                   "by their places");
        return {};
      }
    if (unlike && unlike->missing.empty() && unlike->moved) {
      reading.warnings.push_back(both(*unlike->samples, *unlike->labels) +
                                 " hold the same numbers in another order, but rows go together by "
                                 "their places: if they tell which label is whose, call the column "
                                 "as the member");
      return {};
    }
    if (best && is_key_heading(best->labels->name)) {
      reading.warnings.push_back(both(*best->samples, *best->labels) +
                                 " hold other values: rows go together by their places");
      return {};
    }
    if (tell_of_places(sets.samples, sets.labels, sets.of_labels, reading))
      for (const std::string& why : sets.unreadable) reading.warnings.push_back(why);
    return {};
  }
  const bool label = !best->missing.empty() && !sets.samples_left_out;
  if (label || (!best->left.empty() && !sets.rows_left_out)) {
    const NamedColumn& has = label ? *best->samples : *best->labels;
    const std::vector<std::size_t>& rows = label ? best->missing : best->left;
    throw DataError(
        (label ? sets.labels : sets.samples) + ": no row with " + shown_field(has.fields[rows[0]]) +
        " in " + (label ? best->labels : best->samples)->column + ", which " + has.column + " of " +
        (label ? sets.samples : sets.labels) + " has, in " + rows_text(has, rows) +
        (!label        ? " (--skip-missing leaves out labels without samples)"
         : sets.strict ? " (--skip-missing leaves out samples without labels)"
                       : ""));
  }
  reading.details["joined_by"] = printable(best->labels->name);
  reading.notes.push_back(sets.labels + ": labels go to samples by " + best->labels->column +
                          ", as " + best->samples->column + " of " + sets.samples + " has it" +
                          (best->form == Form::kAsItIs ? ""
                           : best->form == Form::kFile ? " but for folders"
                                                       : " but for folders and endings") +
                          (best->moved ? ", in another order than their places" : ""));
  if (!best->missing.empty())
    reading.warnings.push_back(sets.samples + ": samples without a label are left out, " +
                               rows_text(*best->samples, best->missing));
  if (!best->left.empty())
    reading.notes.push_back(sets.labels + ": labels without a sample are left out, " +
                            rows_text(*best->labels, best->left));
  reading.details["without_label"] = best->missing.size();
  reading.details["without_sample"] = best->left.size();
  return best->rows;
}

bool tell_of_places(const std::string& samples, const std::string& labels,
                    const std::vector<NamedColumn>& of_labels, Reading& reading) {
  for (const NamedColumn& column : of_labels) {
    if (!is_key_heading(column.name) || rows_by_key(column).empty()) continue;
    reading.notes.push_back(labels + ": rows go together by their places, not by " + column.column +
                            ": " + samples + " has no identifiers that it could go by");
    return true;
  }
  return false;
}

}  // namespace blindtuner::features
