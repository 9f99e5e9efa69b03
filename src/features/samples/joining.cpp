#include "features/samples/joining.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <optional>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/utf8.h"
#include "features/tables/column_uses.h"
#include "features/tables/row_count.h"
#include "features/tables/table_headings.h"

namespace blindtuner::features {
namespace {

/// How rows go together by their places all the same.
std::string advice(const NamedColumn& samples, const NamedColumn& labels) {
  const auto is_member = [](const NamedColumn& one) { return one.column.starts_with("member "); };
  return is_member(samples) && is_member(labels)
             ? "; without these members rows go together by their places"
             : "; --drop-columns with this column has rows go together by their places";
}

/// By its name: an identifier, a file, or whose rows are.
bool is_called_whose(const NamedColumn& column) {
  return is_key_heading(column.name) || is_origin_heading(column.name);
}

/// As key_of() has whole numbers.
bool is_number(const std::string& field) {
  return whole_number_text(field, DecimalMark::kPoint) == field;
}

std::string unused_text(const NamedColumn& unreadable) {
  return unreadable.unreadable + ": it is called as identifiers are, and is not used";
}

/// By what is in it, whatever it is called: texts are long, fractions measured.
bool tells_rows_apart(const NamedColumn& column) {
  const auto fraction = [](const std::string& field) {
    const auto number = table_number(field, DecimalMark::kPoint);
    return number && *number != std::floor(*number);
  };
  return !is_text_heading(column.name) && !rows_by_key(column).empty() &&
         std::none_of(column.fields.begin(), column.fields.end(), fraction);
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

/// A column as it is joined by, in each of the forms that its values are all different in (null: not).
struct Key {
  const NamedColumn* column;
  bool numbers = true, sparse = false, default_count = false;
  std::array<std::shared_ptr<const NamedColumn>, kForms.size()> forms{};

  explicit Key(const NamedColumn& of) : column(&of) {
    double least = HUGE_VAL, most = -HUGE_VAL;
    for (const std::string& field : of.fields) {
      numbers = numbers && is_number(field);
      if (!numbers) break;
      const double value = *table_number(field, DecimalMark::kPoint);
      least = std::min(least, value);
      most = std::max(most, value);
    }
    // Numbers that leave out more than they take do not agree by chance, as places do.
    sparse = numbers && most - least + 1 >= 2 * static_cast<double>(of.fields.size());
    default_count = numbers && count_rows(of.fields).by_default();
    for (std::size_t f = 0; f < kForms.size(); ++f) {
      auto formed = std::make_shared<NamedColumn>(NamedColumn{of.name, of.column, {}});
      for (const std::string& field : of.fields)
        formed->fields.push_back(in_form(field, kForms[f]));
      if (f > 0 && formed->fields == of.fields)
        forms[f] = forms[0];
      else if (!rows_by_key(*formed).empty())
        forms[f] = std::move(formed);
    }
  }
  /// By its name, or without one by its texts.
  bool identifies() const { return is_called_whose(*column) || (column->name.empty() && !numbers); }
};

struct Match {
  const Key *samples = nullptr, *labels = nullptr;
  Form form = Form::kAsItIs;
  std::vector<std::size_t> rows{};             // a sample's, or kNoRow
  std::vector<std::size_t> missing{}, left{};  // samples without a row, rows without a sample
  bool moved = false;

  std::size_t found() const { return rows.size() - missing.size(); }
  bool same_name() const { return samples->column->name == labels->column->name; }
};

/// Nothing where less than half of the samples, or of a shorter list of labels, are found.
std::optional<Match> match(const Key& samples, const Key& labels, const RowsByKey& rows,
                           std::size_t form) {
  const std::vector<std::string>& own = samples.forms[form]->fields;
  Match out{&samples, &labels, kForms[form]};
  std::vector<bool> used(rows.size());
  for (std::size_t i = 0; i < own.size(); ++i) {
    const auto row = rows.find(own[i]);
    out.rows.push_back(row == rows.end() ? kNoRow : row->second);
    if (row == rows.end()) {
      out.missing.push_back(i);
      if (2 * out.missing.size() > own.size()) return {};
      continue;
    }
    used[row->second] = true;
    out.moved = out.moved || row->second != i;
  }
  for (std::size_t i = 0; i < used.size(); ++i)
    if (!used[i]) out.left.push_back(i);
  return out;
}

/// Numbers may agree by chance, or because both count.
bool believed(const Match& match, const JoinedSets& sets) {
  const Key &samples = *match.samples, &labels = *match.labels;
  const std::string &own = samples.column->name, &other = labels.column->name;
  const bool complete = match.missing.empty() && (match.left.empty() || sets.rows_left_out);
  const bool counted = samples.default_count || labels.default_count;
  if (own.empty() && other.empty()) return complete || sets.strict || !counted;
  if (!samples.numbers && !labels.numbers) return true;
  if (own == other) return true;
  if (other.empty()) return !labels.default_count;
  if (own.empty()) return is_key_heading(other) && (sets.strict || !samples.default_count);
  if (!is_key_heading(other)) return false;
  if (samples.sparse || sets.strict) return true;
  return is_key_heading(own) && is_origin_heading(own) == is_origin_heading(other) && complete;
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

/// Both hold the same of ten values or more, each as often, in another order: whose rows are, of texts or by a name.
bool are_shuffled(const Key& samples, const Key& labels) {
  const NamedColumn &own = *samples.column, &other = *labels.column;
  if (samples.forms[0] || labels.forms[0] || own.fields == other.fields) return false;
  if ((samples.numbers || labels.numbers) && !is_called_whose(own) && !is_called_whose(other))
    return false;
  std::vector<std::string> a = own.fields, b = other.fields;
  std::sort(a.begin(), a.end());
  std::sort(b.begin(), b.end());
  if (a != b) return false;
  a.erase(std::unique(a.begin(), a.end()), a.end());
  return a.size() >= 10;
}

class Joining {
 public:
  Joining(const JoinedSets& sets, Reading& reading) : sets_(sets), reading_(reading) {
    for (const NamedColumn& column : sets.of_samples) samples_.emplace_back(column);
    for (const NamedColumn& column : sets.of_labels) labels_.emplace_back(column);
  }

  JoinedRows rows() {
    find();
    if (best_) return {take(*best_), best_->samples->column->column, best_->labels->column->column};
    refuse_unreadable();
    refuse_contradictions();
    tell_of_places();
    return {};
  }

 private:
  std::string both(const NamedColumn& samples, const NamedColumn& labels) const {
    return samples.column + " of " + sets_.samples + " and " + labels.column + " of " +
           sets_.labels;
  }

  /// The match with the most rows; of several the first, one name before others.
  void find() {
    std::optional<Match> other_rows;
    for (const bool same_name : {true, false})
      for (std::size_t form = 0; form < kForms.size(); ++form)
        for (const Key& labels : labels_) {
          if (!labels.forms[form]) continue;
          const RowsByKey rows = rows_by_key(*labels.forms[form]);
          for (const Key& samples : samples_) {
            if ((samples.column->name == labels.column->name) != same_name || !samples.forms[form])
              continue;
            throw_if_interrupted();
            std::optional<Match> one = match(samples, labels, rows, form);
            if (!one) continue;
            std::optional<Match>& kind = believed(*one, sets_) ? best_ : unlike_;
            if (kind && &kind == &best_ && same_name && one->missing.empty() &&
                kind->missing.empty() && one->rows != kind->rows &&
                (one->labels != kind->labels || one->samples != kind->samples))
              other_rows = one;
            if (!kind || one->found() > kind->found()) kind = std::move(one);
          }
        }
    if (best_ && other_rows)
      throw DataError(both(*best_->samples->column, *best_->labels->column) +
                      " do not say the same as " + other_rows->samples->column->column + " and " +
                      other_rows->labels->column->column +
                      ": which label is whose cannot be told; leave one out with --drop-columns");
  }

  std::vector<std::size_t> take(const Match& match) {
    const NamedColumn &samples = *match.samples->column, &labels = *match.labels->column;
    const bool label = !match.missing.empty() && !sets_.samples_left_out;
    if (label || (!match.left.empty() && !sets_.rows_left_out)) {
      const NamedColumn& has = label ? samples : labels;
      const std::vector<std::size_t>& rows = label ? match.missing : match.left;
      throw DataError((label ? sets_.labels : sets_.samples) + ": no row with " +
                      shown_field(has.fields[rows[0]]) + " in " +
                      (label ? labels : samples).column + ", which " + has.column + " of " +
                      (label ? sets_.samples : sets_.labels) + " has, in " + rows_text(has, rows) +
                      (!label         ? " (--skip-missing leaves out labels without samples)"
                       : sets_.strict ? " (--skip-missing leaves out samples without labels)"
                                      : "") +
                      advice(samples, labels));
    }
    reading_.details["joined_by"] = printable(labels.name);
    reading_.notes.push_back(sets_.labels + ": labels go to samples by " + labels.column + ", as " +
                             samples.column + " of " + sets_.samples + " has it" +
                             (match.form == Form::kAsItIs ? ""
                              : match.form == Form::kFile ? " but for folders"
                                                          : " but for folders and endings") +
                             (match.moved ? ", in another order than their places" : ""));
    if (!match.missing.empty())
      reading_.warnings.push_back(sets_.samples + ": samples without a label are left out, " +
                                  rows_text(samples, match.missing));
    if (!match.left.empty())
      reading_.notes.push_back(sets_.labels + ": labels without a sample are left out, " +
                               rows_text(labels, match.left));
    reading_.details["without_label"] = match.missing.size();
    reading_.details["without_sample"] = match.left.size();
    return match.rows;
  }

  /// What nobody can read may be what tells which label is whose.
  void refuse_unreadable() {
    const auto identifies = [](const NamedColumn& one) {
      return !one.unreadable.empty() || is_key_heading(one.name) || tells_rows_apart(one);
    };
    const auto any = [&](const std::vector<NamedColumn>& columns) {
      return std::any_of(columns.begin(), columns.end(), identifies);
    };
    const bool both = any(sets_.of_samples) && any(sets_.of_labels);
    for (const auto* columns : {&sets_.of_samples, &sets_.of_labels})
      for (const NamedColumn& one : *columns) {
        if (one.unreadable.empty()) continue;
        if (both)
          throw DataError(
              one.unreadable +
              ": it is called as identifiers are, which tell which label is whose: write "
              "it as text, ids=numpy.asarray(ids, dtype=str), or leave it out of the "
              "archive for rows to go together by their places");
        reading_.warnings.push_back(unused_text(one));
      }
  }

  /// Columns of one name, and no identifiers of these samples.
  void refuse_contradictions() const {
    const auto twice = [](const std::vector<NamedColumn>& columns, const std::string& name) {
      return std::count_if(columns.begin(), columns.end(),
                           [&](const NamedColumn& one) { return one.name == name; }) > 1;
    };
    for (const Key& samples : samples_)
      for (const Key& labels : labels_) {
        const NamedColumn &own = *samples.column, &other = *labels.column;
        if (other.name.empty() || own.name != other.name || own.fields == other.fields ||
            twice(sets_.of_samples, own.name) || twice(sets_.of_labels, own.name))
          continue;
        const bool apart = samples.forms[0] && labels.forms[0];
        if (apart || is_key_heading(own.name))
          throw DataError(both(own, other) +
                          (apart ? " hold other values, as of other samples (the first are " +
                                       shown_field(own.fields[0]) + " and " +
                                       shown_field(other.fields[0]) + ")"
                                 : " are not the same and do not tell rows apart") +
                          advice(own, other));
      }
  }

  void tell_of_places() {
    if (unlike_ && unlike_->missing.empty() && unlike_->moved) {
      warn(both(*unlike_->samples->column, *unlike_->labels->column) +
           " hold the same numbers in another order, but rows go together by their places: if they "
           "tell which label is whose, give both the same name");
      return;
    }
    for (const Key& labels : labels_)
      for (const Key& samples : samples_) {
        if (!are_shuffled(samples, labels)) continue;
        warn(both(*samples.column, *labels.column) +
             " hold the same values in another order, some of them twice, but rows go together by "
             "their places: if they tell which label is whose, give rows identifiers of their own");
        return;
      }
    for (const Key& labels : labels_)
      for (const Key& samples : samples_) {
        const NamedColumn &own = *samples.column, &other = *labels.column;
        if (!samples.forms[0] || !labels.forms[0] || own.fields == other.fields) continue;
        const std::string differ =
            both(own, other) + " hold other values: rows go together by their places";
        if (own.name.empty() && other.name.empty()) {
          // What counts the rows of either says nothing, but by how much they share.
          if (unlike_ && unlike_->samples == &samples && unlike_->labels == &labels)
            warn(differ);
          else
            note(differ);
          return;
        }
        if (!samples.identifies() || !labels.identifies()) continue;
        warn(differ);
        return;
      }
    for (const Key& labels : labels_) {
      const bool texts = !labels.numbers && !is_text_heading(labels.column->name);
      const bool index = labels.column->name.empty() && !labels.default_count;
      if (!labels.forms[0] || (!labels.identifies() && !texts && !index)) continue;
      if (reading_.details.contains("by_places")) return;  // is said
      note(sets_.labels + ": rows go together by their places, not by " + labels.column->column +
           ": " + sets_.samples + " has no identifiers that it could go by");
      return;
    }
  }
  void warn(const std::string& text) {
    reading_.warnings.push_back(text);
    reading_.details["by_places"] = true;
  }
  void note(const std::string& text) {
    reading_.notes.push_back(text);
    reading_.details["by_places"] = true;
  }

  const JoinedSets& sets_;
  Reading& reading_;
  std::vector<Key> samples_, labels_;
  std::optional<Match> best_, unlike_;
};

}  // namespace

bool is_key_heading(const std::string& name) {
  return name == "name" || is_identifier_heading(name) || is_path_heading(name);
}

std::vector<NamedColumn> readable_among(std::vector<NamedColumn> identifiers, Reading& reading) {
  std::erase_if(identifiers, [&](const NamedColumn& column) {
    if (!column.unreadable.empty()) reading.warnings.push_back(unused_text(column));
    return !column.unreadable.empty();
  });
  return identifiers;
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
    return bytes_of(column) <= 60 * column.fields.size() && tells_rows_apart(column);
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

JoinedRows join_rows(const JoinedSets& sets, Reading& reading) {
  return Joining(sets, reading).rows();
}

}  // namespace blindtuner::features
