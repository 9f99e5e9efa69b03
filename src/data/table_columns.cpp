#include "data/table_columns.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <set>

#include "base/error.h"
#include "base/utf8.h"
#include "data/table_headings.h"
#include "data/table_profile.h"

namespace blindtuner {
namespace {

using Indices = std::vector<std::size_t>;

std::string shown(std::string_view field) {
  return "'" + printable(field.substr(0, 40)) + (field.size() > 40 ? "..'" : "'");
}

class Assignment {
 public:
  Assignment(const Table& table, const TableRequest& request, Reading& reading)
      : table_(table),
        request_(request),
        reading_(reading),
        profile_(table, headings(request.columns), known_headings(request.use), request.is_file),
        use_(table.columns()) {}

  TableColumns assign() {
    out_.names = profile_.names();
    for (std::size_t i = 0; i < table_.rows(); ++i)
      if (profile_.is_data(i)) out_.rows.push_back(i);
    if (out_.rows.empty()) throw DataError(table_.name() + ": a header but no rows");
    if (request_.columns.label == "none" && request_.labelled == Labelled::kYes)
      throw DataError(table_.name() +
                      ": labels are needed here, so there must be a column of them");
    drop_chosen();
    take_chosen_label();
    switch (request_.use) {
      case TableUse::kFeatures:
        take_features();
        break;
      case TableUse::kLabels:
        leave_out_indices(false);
        if (!out_.label) take_label();
        break;
      default:
        take_content();
    }
    describe();
    return std::move(out_);
  }

 private:
  using Reason = std::string;

  static std::vector<std::string> headings(const ColumnChoice& choice) {
    std::vector<std::string> out = choice.features;
    out.insert(out.end(), choice.drop.begin(), choice.drop.end());
    for (const std::string& name : {choice.label, choice.text, choice.path})
      if (!name.empty()) out.push_back(name);
    // Those are no names.
    std::erase_if(out, [](const std::string& name) {
      return name == "last" || name == "none" ||
             std::all_of(name.begin(), name.end(), [](char c) { return c >= '0' && c <= '9'; });
    });
    return out;
  }

  const ColumnProfile& column(std::size_t j) const { return profile_.columns()[j]; }
  const std::string& name(std::size_t j) const { return out_.names[j]; }
  bool free(std::size_t j) const { return use_[j].empty(); }
  std::string text_of(std::size_t j) const { return profile_.column_text(j); }
  Indices free_columns() const {
    Indices out;
    for (std::size_t j = 0; j < table_.columns(); ++j)
      if (free(j)) out.push_back(j);
    return out;
  }
  std::string list(const Indices& columns) const {
    std::string out;
    for (const std::size_t j : columns) {
      if (out.size() > 200) return out + ", ..";
      out += (out.empty() ? "" : ", ") + text_of(j);
    }
    return out;
  }

  std::size_t find(const std::string& wanted) const {
    if (wanted == "last") return table_.columns() - 1;
    Indices found;
    for (std::size_t j = 0; j < table_.columns(); ++j)
      if (name(j) == wanted) found.push_back(j);
    if (found.empty())
      for (std::size_t j = 0; j < table_.columns(); ++j)
        if (!name(j).empty() && heading_key(name(j)) == heading_key(wanted)) found.push_back(j);
    if (found.size() > 1)
      throw DataError(table_.name() + ": " + shown(wanted) + " is the name of " + list(found) +
                      ": give a number from 1");
    if (!found.empty()) return found[0];
    std::size_t position = 0;
    const auto [end, error] =
        std::from_chars(wanted.data(), wanted.data() + wanted.size(), position);
    if (error != std::errc() || end != wanted.data() + wanted.size() || position < 1 ||
        position > table_.columns())
      throw DataError(table_.name() + ": no column " + shown(wanted) +
                      ", expected a name of the header" + header_names() + ", 1 to " +
                      std::to_string(table_.columns()) + ", or last");
    return position - 1;
  }
  std::string header_names() const {
    if (!profile_.header()) return " (there is none)";
    std::string out;
    for (const std::string& one : out_.names) {
      if (out.size() > 120) return " (" + out + ", ..)";
      out += (out.empty() ? "" : ", ") + printable(one.substr(0, 40));
    }
    return " (" + out + ")";
  }

  void leave_out(std::size_t j, const Reason& why) {
    use_[j] = "left out: " + why;
    left_out_.push_back({j, why});
  }

  void drop_chosen() {
    for (const std::string& wanted : request_.columns.drop) {
      const std::size_t j = find(wanted);
      if (free(j)) leave_out(j, "as asked");
    }
    for (std::size_t j = 0; j < table_.columns(); ++j)
      if (free(j) && column(j).numbers + column(j).texts == 0) leave_out(j, "it holds nothing");
  }

  void take_chosen_label() {
    const std::string& wanted = request_.columns.label;
    if (wanted.empty() || wanted == "none") return;
    if (request_.labelled == Labelled::kElsewhere) {
      for (const std::size_t j : free_columns())
        if (!name(j).empty() && heading_key(name(j)) == heading_key(wanted))
          leave_out(j, "a label, by its name");
      return;
    }
    const std::size_t j = find(wanted);
    if (!free(j))
      throw DataError(table_.name() + ": " + text_of(j) + " cannot be the label: " + use_[j]);
    if (request_.labelled == Labelled::kNo)
      leave_out(j, "the label");
    else
      take_as_label(j, "as asked");
  }
  void take_as_label(std::size_t j, const std::string& why) {
    out_.label = j;
    use_[j] = "label";
    label_why_ = why;
  }

  /// Columns that count rows or identify them. With features, also those that say so by their name
  /// alone, and splits.
  void leave_out_indices(bool of_features) {
    const std::size_t rows = out_.rows.size();
    bool nameless_only = profile_.header();
    for (std::size_t j = 0; j < table_.columns(); ++j)
      nameless_only = nameless_only && (name(j).empty() || !free(j));
    for (const std::size_t j : free_columns()) {
      const ColumnProfile& c = column(j);
      const bool plain = c.numbers == c.whole;
      const double first = c.offset + static_cast<double>(out_.rows.front());
      const bool counts = c.counts && (first == 0 || first == 1);
      const bool unnamed = profile_.header() && (name(j).empty() || is_unnamed_heading(name(j)));
      if (unnamed && plain && !nameless_only && (j == 0 || counts || !name(j).empty()))
        leave_out(j, "an index: it has no name");
      else if (counts && rows >= 5 && table_.columns() > 1 && (j == 0 || rows >= 20))
        leave_out(j, "an index: it counts the rows");
      else if (profile_.header() && plain && is_identifier_heading(name(j)) &&
               !(request_.use == TableUse::kPictures && is_path_heading(name(j))))
        leave_out(j, "an identifier, by its name");
      else if (profile_.header() && plain && is_split_heading(name(j)) && c.like_labels()) {
        leave_out(j, "a split, by its name: rows of all its parts are used");
      } else if (of_features && j == 0 && !profile_.header() && counts_shuffled(j))
        leave_out(j, "an index: every row's number once");
    }
  }
  /// 0 to n - 1 or 1 to n, in any order.
  bool counts_shuffled(std::size_t j) const {
    const std::size_t rows = out_.rows.size();
    if (column(j).whole != rows || rows < 20 || column(j).repeats) return false;
    std::vector<bool> seen(rows + 1);
    TableRow row;
    for (const std::size_t i : out_.rows) {
      table_.read(i, row);
      const auto value = table_number(row.fields[j], DecimalMark::kPoint);
      if (!value || *value < 0 || *value > static_cast<double>(rows)) return false;
      const auto at = static_cast<std::size_t>(*value);
      if (seen[at]) return false;
      seen[at] = true;
    }
    return !seen[0] || !seen[rows];
  }

  /// Two columns tell the same classes apart.
  bool same_classes(std::size_t a, std::size_t b) const {
    std::map<std::string, std::string, std::less<>> forth, back;
    TableRow row;
    for (const std::size_t i : out_.rows) {
      table_.read(i, row);
      const std::string x(without_blanks(row.fields[a])), y(without_blanks(row.fields[b]));
      if (forth.emplace(x, y).first->second != y || back.emplace(y, x).first->second != x)
        return false;
      if (forth.size() > kMaxDifferent) return false;
    }
    return true;
  }

  /// Of several columns with a label's name that say the same, the one with names.
  bool take_named_label() {
    if (!profile_.header()) return false;
    Indices named;
    for (const std::size_t j : free_columns())
      if (is_label_heading(name(j))) named.push_back(j);
    if (named.empty()) return false;
    std::size_t best = named[0];
    for (const std::size_t j : named)
      if (column(best).texts == 0 && column(j).texts > 0) best = j;
    for (const std::size_t j : named)
      if (j != best && !same_classes(best, j)) refuse_several(named, "label", "--label-column");
    take_as_label(best, "by its name");
    for (const std::size_t j : named)
      if (j != best) leave_out(j, "it says the same as the label");
    return true;
  }

  [[noreturn]] void refuse_several(const Indices& columns, const std::string& role,
                                   const std::string& option) const {
    throw DataError(table_.name() + ": several columns may be the " + role + ": " + list(columns) +
                    "; say which with " + option);
  }

  /// By name, or by what is in it.
  void take_label() {
    if (request_.columns.label == "none") return;
    if (take_named_label()) return;
    const bool features = request_.use == TableUse::kFeatures;
    Indices texts, numbers;
    for (const std::size_t j : free_columns())
      if (column(j).like_labels()) (column(j).texts > 0 ? texts : numbers).push_back(j);
    // Among numbers a text can only be the label.
    Indices candidates = texts;
    if (!features || texts.empty())
      candidates.insert(candidates.end(), numbers.begin(), numbers.end());
    std::sort(candidates.begin(), candidates.end());
    if (candidates.size() == 1) {
      take_as_label(candidates[0], "by what is in it");
      return;
    }
    if (candidates.size() > 1) {
      if (!features && take_one_hot()) return;
      refuse_several(candidates, "label",
                     request_.labelled == Labelled::kMaybe ? "--label-column (none: no labels)"
                                                           : "--label-column");
    }
    const Indices rest = free_columns();
    if (features)
      throw DataError(table_.name() +
                      ": no column looks like labels (whole numbers or names that "
                      "come again): say which with --label-column");
    if (rest.size() == 1) {
      if (request_.use != TableUse::kLabels && out_.rows.size() >= 8 &&
          (column(rest[0]).many || column(rest[0]).like_identifiers()))
        throw DataError(table_.name() + ": " + text_of(rest[0]) +
                        " does not look like labels: say which column they are in with "
                        "--label-column (none: no labels)");
      take_as_label(rest[0], "it is the only other");
    } else if (rest.size() > 1) {
      throw DataError(table_.name() + ": no column looks like labels, of " + list(rest) +
                      ": say which with --label-column (none: no labels)");
    } else if (request_.labelled == Labelled::kYes) {
      throw DataError(table_.name() + ": no column of labels");
    }
  }

  /// Columns of zeros and a single one in every row: their names are the classes.
  bool take_one_hot() {
    if (!profile_.header()) return false;
    Indices hot;
    for (const std::size_t j : free_columns())
      if (column(j).whole == out_.rows.size() && column(j).different.size() <= 2) hot.push_back(j);
    if (hot.size() < 2) return false;
    TableRow row;
    for (const std::size_t i : out_.rows) {
      table_.read(i, row);
      std::size_t ones = 0;
      for (const std::size_t j : hot) {
        const double value = table_number(row.fields[j], DecimalMark::kPoint).value_or(-1);
        if (value != 0 && value != 1) return false;
        ones += value == 1;
      }
      if (ones != 1) return false;
    }
    out_.one_hot = hot;
    for (const std::size_t j : hot) use_[j] = "label";
    return true;
  }

  void take_features() {
    const ColumnChoice& choice = request_.columns;
    if (!request_.feature_names.empty() && profile_.header() && choice.features.empty()) {
      take_features_of_another_set();
    } else if (!choice.features.empty()) {
      for (const std::string& wanted : choice.features) {
        const std::size_t j = find(wanted);
        if (!free(j))
          throw DataError(table_.name() + ": " + text_of(j) + " cannot be a feature: " + use_[j]);
        use_[j] = "feature";
        out_.features.push_back(j);
      }
      if (needs_label()) take_label();
      for (const std::size_t j : free_columns()) leave_out(j, "not among the features asked for");
    } else {
      leave_out_indices(true);
      if (needs_label()) take_label();
      if (request_.labelled == Labelled::kNo || request_.labelled == Labelled::kElsewhere)
        leave_out_labels();
      leave_out_texts();
      for (const std::size_t j : free_columns()) {
        use_[j] = "feature";
        out_.features.push_back(j);
      }
    }
    if (out_.features.empty())
      throw DataError(table_.name() + ": no column of features left of " +
                      std::to_string(table_.columns()));
    check_features();
    choose_mark();
  }
  bool needs_label() const { return !out_.label && request_.labelled == Labelled::kYes; }

  void leave_out_labels() {
    if (!profile_.header()) return;
    for (const std::size_t j : free_columns())
      if (is_label_heading(name(j))) leave_out(j, "a label, by its name");
  }

  void take_features_of_another_set() {
    Indices found;
    for (const std::string& wanted : request_.feature_names) {
      Indices with;
      for (std::size_t j = 0; j < table_.columns(); ++j)
        if (name(j) == wanted) with.push_back(j);
      if (with.size() != 1 || !free(with[0]))
        throw DataError(table_.name() + ": " + (with.empty() ? "no column " : "not one column ") +
                        shown(wanted) + ", which is a feature of the training set" +
                        header_names());
      use_[with[0]] = "feature";
      found.push_back(with[0]);
    }
    out_.features = found;
    leave_out_indices(true);
    if (needs_label()) take_label();
    for (const std::size_t j : free_columns()) leave_out(j, "no feature of the training set");
  }

  void leave_out_texts() {
    for (const std::size_t j : free_columns()) {
      const ColumnProfile& c = column(j);
      if (c.texts == 0 || c.numbers >= c.texts) continue;  // check_features() names the field
      TableRow row;
      table_.read(c.first_text, row);
      const std::string_view first = without_blanks(row.fields[j]);
      if (out_.label && same_classes(*out_.label, j))
        leave_out(j, "it says the same as the label");
      else if (looks_like_date(first))
        leave_out(j, "dates");
      else if (c.like_identifiers() && !c.many && c.missing == 0)
        leave_out(j, "texts, none of them twice");
      else if (!c.repeats && c.many)
        leave_out(j, "texts, hardly any of them twice");
      else
        throw DataError(table_.where(c.first_text) + ", " + text_of(j) + ": " + shown(first) +
                        ", expected a number; make numbers of it, or leave it out with "
                        "--drop-columns");
    }
  }

  void check_features() const {
    for (const std::size_t j : out_.features) {
      const ColumnProfile& c = column(j);
      TableRow row;
      if (c.texts > 0) {
        table_.read(c.first_text, row);
        throw DataError(table_.where(c.first_text) + ", " + text_of(j) + ": " +
                        shown(without_blanks(row.fields[j])) + ", expected a number");
      }
      if (c.missing > 0 && !request_.columns.skip_missing) {
        table_.read(c.first_missing, row);
        throw DataError(table_.where(c.first_missing) + ", " + text_of(j) + ": no value (" +
                        shown(without_blanks(row.fields[j])) + "), one of " +
                        std::to_string(c.missing) +
                        " in this column; fill them in, leave the column out with --drop-columns, "
                        "or such rows with --skip-missing");
      }
    }
  }

  void choose_mark() {
    const auto row = [&](MarkEvidence kind) { return profile_.evidence(kind); };
    const auto has = [&](MarkEvidence kind) { return row(kind) != TableProfile::kNoRow; };
    const bool point = has(MarkEvidence::kPoint), comma = has(MarkEvidence::kComma);
    const std::string& asked = request_.columns.decimal;
    if (!asked.empty()) {
      out_.mark = asked == "comma" ? DecimalMark::kComma : DecimalMark::kPoint;
      return;
    }
    if (point && comma)
      throw DataError(table_.where(row(MarkEvidence::kPoint)) +
                      " has a decimal point or commas between thousands, line " +
                      std::to_string(table_.line(row(MarkEvidence::kComma))) +
                      " a decimal comma: say which it is with --decimal point or comma");
    if (!point && !comma && has(MarkEvidence::kCommaOrNothing))
      throw DataError(table_.where(row(MarkEvidence::kCommaOrNothing)) +
                      ": a comma before three digits may be a decimal comma or stand between "
                      "thousands: say which with --decimal comma or point");
    if (comma) out_.mark = DecimalMark::kComma;
  }

  void take_content() {
    const bool pictures = request_.use == TableUse::kPictures;
    const std::string role = pictures ? "path" : "text";
    const std::string option = pictures ? "--path-column" : "--text-column";
    const std::string& wanted = pictures ? request_.columns.path : request_.columns.text;
    if (!wanted.empty()) {
      const std::size_t j = find(wanted);
      if (out_.label == j)
        throw DataError(table_.name() + ": " + role + " and label are the same column");
      take_as_content(j, "as asked");
    }
    leave_out_indices(false);
    leave_out_other_content(pictures);
    if (!out_.content) find_content(role, option);
    if (!out_.label && request_.labelled != Labelled::kNo) take_label();
    for (const std::size_t j : free_columns()) leave_out(j, "neither " + role + " nor label");
  }
  /// Of a table of pictures and texts: what the other reader takes is no label.
  void leave_out_other_content(bool pictures) {
    const std::string& other = pictures ? request_.columns.text : request_.columns.path;
    if (!other.empty()) {
      const std::size_t j = find(other);
      if (free(j)) leave_out(j, pictures ? "the text" : "the path");
    }
    if (!profile_.header()) return;
    for (const std::size_t j : free_columns())
      if (pictures ? is_text_heading(name(j)) : is_path_heading(name(j)))
        leave_out(j, pictures ? "a text, by its name" : "a path, by its name");
  }
  void take_as_content(std::size_t j, const std::string& why) {
    out_.content = j;
    use_[j] = "content";
    content_why_ = why;
  }

  void find_content(const std::string& role, const std::string& option) {
    const bool pictures = request_.use == TableUse::kPictures;
    const std::size_t rows = out_.rows.size();
    Indices named, likely;
    for (const std::size_t j : free_columns()) {
      const ColumnProfile& c = column(j);
      const bool fits = pictures ? 2 * c.files > rows : 2 * c.sentences > rows;
      if (profile_.header() && (pictures ? is_path_heading(name(j)) : is_text_heading(name(j))))
        named.push_back(j);
      if (fits) likely.push_back(j);
    }
    // Names are believed unless only some of them hold what they say.
    Indices both;
    std::set_intersection(named.begin(), named.end(), likely.begin(), likely.end(),
                          std::back_inserter(both));
    const Indices& candidates = named.size() == 1 ? named
                                : !both.empty()   ? both
                                : !named.empty()  ? named
                                                  : likely;
    if (candidates.size() > 1) refuse_several(candidates, role, option);
    if (candidates.size() == 1) {
      take_as_content(candidates[0], named.empty() ? "by what is in it" : "by its name");
      return;
    }
    const Indices rest = free_columns();
    if (rest.size() == 1 && (!out_.label || table_.columns() == 1)) {
      take_as_content(rest[0], "it is the only one");
      return;
    }
    Indices others;
    for (const std::size_t j : rest)
      if (!column(j).like_labels() && column(j).texts > 0) others.push_back(j);
    if (others.size() == 1 || rest.size() == 1)
      take_as_content(others.size() == 1 ? others[0] : rest[0], "by what is in it");
    else if (rest.size() == 2 && !out_.label)
      take_as_content(rest[0], "the first of two");
    else
      throw DataError(table_.name() + ": no column looks like the " + role + ", of " + list(rest) +
                      ": say which with " + option);
  }

  void describe() {
    std::string text = table_.name() + ": ";
    nlohmann::json& d = reading_.details;
    if (out_.content) {
      const std::string role = request_.use == TableUse::kPictures ? "path" : "text";
      text += role + " is " + text_of(*out_.content) + ", " + content_why_ + "; ";
      d[role] = column_json(*out_.content);
    }
    if (out_.label) {
      text += "label is " + text_of(*out_.label) + ", " + label_why_ + "; ";
      d["label"] = column_json(*out_.label);
    } else if (!out_.one_hot.empty()) {
      text += "classes are " + list(out_.one_hot) + ", of which every row marks one; ";
      d["classes"] = nlohmann::json::array();
      for (const std::size_t j : out_.one_hot) d["classes"].push_back(column_json(j));
    } else if (request_.use != TableUse::kFeatures) {
      text += "without labels; ";
    }
    if (request_.use == TableUse::kFeatures) {
      text += std::to_string(out_.features.size()) +
              (out_.features.size() == 1 ? " feature" : " features");
      text += out_.features.size() == 1 ? ", " : ", from ";
      text += text_of(out_.features.front());
      if (out_.features.size() > 1) text += " to " + text_of(out_.features.back());
      text += "; ";
      d["features"] = out_.features.size();
      d["decimal"] = out_.mark == DecimalMark::kComma ? "comma" : "point";
      if (out_.mark == DecimalMark::kComma) text += "decimal commas; ";
    }
    text.resize(text.size() - 2);
    reading_.notes.push_back(text);
    d["header"] = profile_.header();
    d["left_out"] = nlohmann::json::array();
    std::map<std::string, Indices> by_reason;
    for (const auto& [j, why] : left_out_) {
      by_reason[why].push_back(j);
      if (d["left_out"].size() < 1000) {
        d["left_out"].push_back(column_json(j));
        d["left_out"].back()["why"] = why;
      }
    }
    for (const auto& [why, columns] : by_reason)
      reading_.notes.push_back(table_.name() + ": left out " + list(columns) + ": " + why);
    if (profile_.repeated_headers() > 0)
      reading_.notes.push_back(table_.name() + ": " + std::to_string(profile_.repeated_headers()) +
                               " rows are the header again: not used, the first is line " +
                               std::to_string(table_.line(profile_.first_repeat())));
    d["repeated_headers"] = profile_.repeated_headers();
  }
  nlohmann::json column_json(std::size_t j) const {
    return {{"column", j + 1}, {"name", printable(name(j))}};
  }

  const Table& table_;
  const TableRequest& request_;
  Reading& reading_;
  TableProfile profile_;
  std::vector<std::string> use_;  // empty: free
  std::vector<std::pair<std::size_t, Reason>> left_out_;
  std::string label_why_, content_why_;
  TableColumns out_;
};

}  // namespace

std::string TableColumns::column_text(std::size_t column) const {
  const std::string number = "column " + std::to_string(column + 1);
  return names[column].empty() ? number
                               : number + " ('" + printable(names[column].substr(0, 60)) + "')";
}

TableColumns assign_columns(const Table& table, const TableRequest& request, Reading& reading) {
  return Assignment(table, request, reading).assign();
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

}  // namespace blindtuner
