#include "features/tables/table_columns.h"

#include <algorithm>
#include <iterator>
#include <map>

#include "base/error.h"
#include "base/utf8.h"
#include "features/tables/column_contents.h"
#include "features/tables/column_uses.h"
#include "features/tables/table_headings.h"
#include "features/tables/table_indices.h"
#include "features/tables/table_report.h"

namespace blindtuner::features {
namespace {

using Indices = ColumnUses::Indices;

constexpr const char* kAsAsked = "as asked";
// A family's size has fewer values.
constexpr std::size_t kFewestOrigins = 10;

class Assignment {
 public:
  Assignment(const Table& table, const TableRequest& request, Reading& reading)
      : table_(table), request_(request), reading_(reading), uses_(table, request) {}

  TableColumns assign() {
    out_.header = uses_.profile().header();
    out_.names = uses_.profile().names();
    out_.rows = uses_.rows();
    if (request_.columns.label == "none" && request_.labelled == Labelled::kYes)
      throw DataError(table_.name() +
                      ": labels are needed here, so there must be a column of them");
    drop_chosen();
    take_chosen_group();
    take_chosen_id();
    take_chosen_label();
    switch (request_.use) {
      case TableUse::kFeatures:
        take_features();
        break;
      case TableUse::kLabels:
        leave_out_indices(uses_, request_.use, false);
        if (!out_.label) take_label();
        out_.mark = mark_of_label(uses_, out_.label, request_.columns.decimal);
        break;
      default:
        take_content();
        out_.mark = mark_of_label(uses_, out_.label, request_.columns.decimal);
    }
    report_columns(uses_, request_.use, out_, reading_);
    return std::move(out_);
  }

 private:
  /// A name that is a number goes before the column of that number, which is said.
  std::size_t find(const std::string& wanted) {
    const std::size_t j = uses_.find(wanted);
    if (uses_.name(j) == wanted &&
        std::all_of(wanted.begin(), wanted.end(), [](char c) { return c >= '0' && c <= '9'; }) &&
        wanted != std::to_string(j + 1))
      reading_.notes.push_back(table_.name() + ": " + shown_field(wanted) + " is " + uses_.text(j) +
                               ", by its name, whatever its place");
    return j;
  }

  void drop_chosen() {
    for (const std::string& wanted : request_.columns.drop) {
      const std::size_t j = find(wanted);
      if (!uses_.free(j)) continue;
      uses_.leave_out(j, kAsAsked);
      out_.dropped.push_back(j);
    }
    for (std::size_t j = 0; j < table_.columns(); ++j)
      if (uses_.free(j) && uses_.column(j).numbers + uses_.column(j).texts == 0)
        uses_.leave_out(j, "it holds nothing");
  }

  void take_chosen_group() {
    const std::string& wanted = request_.columns.group;
    if (wanted.empty() || wanted == "none") return;
    try {
      out_.group = uses_.find(wanted);
    } catch (const DataError&) {
      if (request_.labelled == Labelled::kElsewhere) return;  // it may be there, too
      throw;
    }
    if (uses_.free(*out_.group)) uses_.leave_out(*out_.group, "it groups samples, as asked");
  }

  void take_chosen_id() {
    if (request_.columns.id.empty()) return;
    out_.id = find(request_.columns.id);
    if (uses_.free(*out_.id)) uses_.leave_out(*out_.id, "it identifies the rows, as asked");
  }

  void take_chosen_label() {
    const std::string& asked = request_.columns.label;
    const std::string wanted = asked.empty() ? known_label() : asked;
    if (wanted.empty() || wanted == "none") return;
    if (request_.labelled == Labelled::kElsewhere) {
      for (const std::size_t j : uses_.free_columns())
        if (!uses_.name(j).empty() && heading_key(uses_.name(j)) == heading_key(wanted))
          uses_.leave_out(j, "a label, by its name");
      return;
    }
    const std::size_t j = find(wanted);
    if (!uses_.free(j))
      throw DataError(table_.name() + ": " + uses_.text(j) +
                      " cannot be the label: " + uses_.use(j));
    if (request_.labelled == Labelled::kNo)
      uses_.leave_out(j, "the label");
    else
      take_as_label(j, asked.empty() ? "as in training" : kAsAsked);
  }
  /// Where another set has its labels, in the user's way; empty: nowhere that would be here as well.
  std::string known_label() const {
    const KnownLabel& known = request_.columns.known_label;
    const std::string place =
        known.of_columns == table_.columns() ? std::to_string(known.column) : "";
    if (!uses_.profile().header() || known.name.empty()) {
      if (known.name.empty() && !place.empty()) refuse_other_label(known.column - 1);
      return known.column > 0 ? place : "";
    }
    if (known.required) return known.name;
    std::size_t there = 0;
    for (const std::string& name : uses_.profile().names())
      there += heading_key(name) == heading_key(known.name);
    return there == 1 ? known.name : "";
  }
  /// A place that was known without a header is none of the label where another column is called so.
  void refuse_other_label(std::size_t place) const {
    if (!uses_.profile().header() || is_label_heading(uses_.name(place))) return;
    for (const std::size_t j : uses_.free_columns())
      if (is_label_heading(uses_.name(j)))
        throw DataError(table_.name() +
                        ": the training set, which has no header, has its labels in " + "column " +
                        std::to_string(place + 1) + ", which is " + uses_.text(place) +
                        " here, but " + uses_.text(j) +
                        " is called as labels are: bring both to one order, or give both a header");
  }
  void take_as_label(std::size_t j, const std::string& why) {
    out_.label = j;
    out_.dash_is_class = uses_.column(j).dash_is_class();
    uses_.take(j, "label", why);
    const std::string &known = request_.columns.known_label.name, &name = uses_.name(j);
    if (why == kAsAsked || known.empty() || name.empty() ||
        heading_key(name) == heading_key(known) ||
        (is_plain_label_heading(name) && is_plain_label_heading(known)))
      return;
    reading_.warnings.push_back(table_.name() + ": " + uses_.text(j) +
                                " is taken for the label, which was " + shown_field(known) +
                                " of the training set");
  }

  /// Of several columns with a label's name that say the same, the one with names.
  bool take_named_label() {
    if (!uses_.profile().header()) return false;
    Indices named;
    for (const std::size_t j : uses_.free_columns())
      if (is_label_heading(uses_.name(j))) named.push_back(j);
    if (named.empty()) return false;
    std::size_t best = named[0];
    for (const std::size_t j : named)
      if (uses_.column(best).texts == 0 && uses_.column(j).texts > 0) best = j;
    for (const std::size_t j : named)
      if (j != best && !uses_.same_classes(best, j))
        uses_.refuse_several(named, "label", "--label-column");
    take_as_label(best, "by its name");
    for (const std::size_t j : named)
      if (j != best) uses_.leave_out(j, "it says the same as the label");
    return true;
  }

  /// By name, or by what is in it.
  void take_label() {
    if (request_.columns.label == "none") return;
    if (take_named_label()) return;
    const bool features = request_.use == TableUse::kFeatures;
    Indices texts, numbers, unlikely;
    for (const std::size_t j : uses_.free_columns()) {
      if (!uses_.column(j).like_labels()) continue;
      if (uses_.column(j).texts == 0 || uses_.column(j).is_logical())
        numbers.push_back(j);
      else if (!is_mostly(uses_, j, looks_like_date))
        (is_measured(uses_, j) || is_split(uses_, j) ? unlikely : texts).push_back(j);
    }
    if (texts.empty() && numbers.empty()) texts = unlikely;
    // Among numbers a text can only be the label.
    Indices candidates = texts;
    if (!features || texts.empty())
      candidates.insert(candidates.end(), numbers.begin(), numbers.end());
    std::sort(candidates.begin(), candidates.end());
    if (candidates.size() == 1) {
      if (features && request_.labelled == Labelled::kMaybe && texts.empty())
        reading_.warnings.push_back(
            table_.name() + ": " + uses_.text(candidates[0]) +
            " is taken for the label, as without labels elsewhere, and for no feature; "
            "--label-column none says that it is one");
      take_as_label(candidates[0], "by what is in it");
      return;
    }
    if (candidates.size() > 1) {
      if (!features && take_one_hot()) return;
      uses_.refuse_several(candidates, "label",
                           request_.labelled == Labelled::kMaybe
                               ? "--label-column (none: no labels)"
                               : "--label-column");
    }
    const Indices rest = uses_.free_columns();
    if (features && request_.labelled == Labelled::kMaybe) return;
    if (features)
      throw DataError(table_.name() +
                      ": no column looks like labels (whole numbers or names that "
                      "come again): say which with --label-column");
    if (rest.size() == 1) {
      if (request_.use != TableUse::kLabels && out_.rows.size() >= 8 &&
          (uses_.column(rest[0]).many || uses_.column(rest[0]).like_identifiers() ||
           is_mostly(uses_, rest[0], looks_like_date)))
        throw DataError(table_.name() + ": " + uses_.text(rest[0]) +
                        " does not look like labels: say which column they are in with "
                        "--label-column (none: no labels)");
      take_as_label(rest[0], "it is the only other");
    } else if (rest.size() > 1) {
      throw DataError(table_.name() + ": no column looks like labels, of " + uses_.list(rest) +
                      ": say which with --label-column (none: no labels)");
    } else if (request_.labelled == Labelled::kYes) {
      throw DataError(table_.name() + ": no column of labels");
    }
  }

  /// Columns of zeros and a single one in every row: their names are the classes.
  bool take_one_hot() {
    if (!uses_.profile().header()) return false;
    Indices hot;
    for (const std::size_t j : uses_.free_columns())
      if (uses_.column(j).whole == out_.rows.size() && uses_.column(j).different.size() <= 2)
        hot.push_back(j);
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
    for (const std::size_t j : hot) uses_.take(j, "label");
    return true;
  }

  void take_features() {
    const ColumnChoice& choice = request_.columns;
    if (!request_.feature_names.empty() && uses_.profile().header() && choice.features.empty()) {
      take_features_of_another_set();
    } else if (!choice.features.empty()) {
      for (const std::string& wanted : choice.features) {
        const std::size_t j = find(wanted);
        if (!uses_.free(j))
          throw DataError(table_.name() + ": " + uses_.text(j) +
                          " cannot be a feature: " + uses_.use(j));
        uses_.take(j, "feature");
        out_.features.push_back(j);
      }
      if (needs_label() && request_.labelled == Labelled::kYes) take_label();
      for (const std::size_t j : uses_.free_columns())
        uses_.leave_out(j, "not among the features asked for");
    } else {
      leave_out_indices(uses_, request_.use, false);
      leave_out_origins();
      if (needs_label()) take_label();
      if (!out_.label) leave_out_labels();
      leave_out_texts();
      for (const std::size_t j : uses_.free_columns()) {
        uses_.take(j, "feature");
        out_.features.push_back(j);
      }
    }
    if (out_.features.empty())
      throw DataError(table_.name() + ": no column of features left of " +
                      std::to_string(table_.columns()) + what_was_left_out());
    check_features();
    out_.mark = mark_of_features(uses_, out_, request_.columns.decimal);
  }
  std::string what_was_left_out() const {
    if (uses_.left_out().empty()) return "";
    const std::size_t j = uses_.left_out().front();
    return " (" + uses_.text(j) + " is left out: " + uses_.why(j) +
           "; --feature-columns takes columns as features whatever is in them)";
  }
  bool needs_label() const {
    return !out_.label &&
           (request_.labelled == Labelled::kYes || request_.labelled == Labelled::kMaybe);
  }

  /// Numbers, or words, that say whose a row is are no features: the name, and more values than a
  /// measure of that name would have.
  void leave_out_origins() {
    if (!uses_.profile().header()) return;
    for (const std::size_t j : uses_.free_columns()) {
      const ColumnProfile& c = uses_.column(j);
      // In the plural they are numbers of such.
      if (!is_origin_heading(uses_.name(j)) || is_label_heading(uses_.name(j)) ||
          heading_key(uses_.name(j)).ends_with('s'))
        continue;
      const bool certain = is_certain_origin_heading(uses_.name(j)),
                 whole = c.whole + c.missing == out_.rows.size();
      const std::size_t values = c.many ? kMaxDifferent : c.different.size();
      if (whole ? values >= (certain ? 3 : kFewestOrigins) : certain && c.numbers == 0)
        uses_.leave_out(j, "whose a row is, by its name");
      else if (whole && values > 2)
        reading_.notes.push_back(table_.name() + ": " + uses_.text(j) +
                                 " is a feature by its few values; if it tells whose a row is, say "
                                 "so with --group-column");
    }
  }

  void leave_out_labels() {
    if (!uses_.profile().header()) return;
    for (const std::size_t j : uses_.free_columns())
      if (is_label_heading(uses_.name(j))) uses_.leave_out(j, "a label, by its name");
  }

  void take_features_of_another_set() {
    std::map<std::string, Indices> here;
    for (std::size_t j = table_.columns(); j-- > 0;)
      if (uses_.free(j)) here[uses_.name(j)].push_back(j);
    std::map<std::string, std::size_t> times;
    for (const std::string& wanted : request_.feature_names) ++times[wanted];
    for (std::size_t j = 0; j < table_.columns(); ++j)
      if (!uses_.free(j) && times.count(uses_.name(j)) != 0 && here[uses_.name(j)].empty())
        throw DataError(table_.name() + ": " + uses_.text(j) +
                        " is a feature of the training set or map, and no feature here (" +
                        uses_.use(j) + "): leave it out there, too, or nowhere");
    for (const auto& [wanted, count] : times)
      if (here[wanted].size() != count)
        throw DataError(table_.name() + ": " +
                        (here[wanted].empty()
                             ? "no column "
                             : std::to_string(here[wanted].size()) + " columns instead of " +
                                   std::to_string(count) + " are ") +
                        shown_field(wanted) + ", which is a feature of the training set" +
                        uses_.header_names());
    for (const std::string& wanted : request_.feature_names) {
      const std::size_t j = here[wanted].back();
      here[wanted].pop_back();
      uses_.take(j, "feature");
      out_.features.push_back(j);
    }
    // Which of them is which only their order tells.
    const auto repeated = std::find_if(times.begin(), times.end(), [](const auto& one) {
      return one.second > 1 || one.first.empty();
    });
    if (repeated != times.end() && !std::is_sorted(out_.features.begin(), out_.features.end()))
      throw DataError(table_.name() + ": columns in another order than the training set's, of " +
                      "which " + std::to_string(repeated->second) + " are called " +
                      shown_field(repeated->first) +
                      ": give every column a name of its own, or both tables the same order");
    leave_out_indices(uses_, request_.use, true);
    if (needs_label()) take_label();
    for (const std::size_t j : uses_.free_columns())
      uses_.leave_out(j, "none of the features that are asked for");
  }

  void leave_out_texts() {
    for (const std::size_t j : uses_.free_columns()) {
      const ColumnProfile& c = uses_.column(j);
      if (c.texts == 0 || c.is_logical() || c.numbers >= c.texts)
        continue;  // check_features() names the field
      TableRow row;
      table_.read(c.first_text, row);
      const std::string_view first = without_blanks(row.fields[j]);
      if (out_.label && uses_.same_classes(*out_.label, j))
        uses_.leave_out(j, "it says the same as the label");
      else if (is_mostly(uses_, j, looks_like_date))
        uses_.leave_out(j, "dates");
      else if (is_split(uses_, j))
        uses_.leave_out(j, "a split, by what is in it: rows of all its parts are used");
      else if (is_mostly(uses_, j, like_a_number) || is_measured(uses_, j))
        refuse_text(j, first);
      else if (c.like_identifiers() && !c.many && c.missing == 0)
        uses_.leave_out(j, "texts, none of them twice");
      else if (!c.repeats && c.many)
        uses_.leave_out(j, "texts, hardly any of them twice");
      else
        refuse_text(j, first);
    }
  }
  [[noreturn]] void refuse_text(std::size_t j, std::string_view field) const {
    throw DataError(table_.where(uses_.column(j).first_text) + ", " + uses_.text(j) + ": " +
                    shown_field(field) +
                    ", expected a number; make numbers of it, or leave it out with --drop-columns");
  }
  void check_features() {
    for (const std::size_t j : out_.features) {
      const ColumnProfile& c = uses_.column(j);
      TableRow row;
      if (c.is_logical()) {
        out_.logical.push_back(j);
      } else if (c.texts > 0) {
        table_.read(c.first_text, row);
        throw DataError(table_.where(c.first_text) + ", " + uses_.text(j) + ": " +
                        shown_field(without_blanks(row.fields[j])) + ", expected a number");
      }
      if (c.missing > 0 && !request_.columns.skip_missing) {
        table_.read(c.first_missing, row);
        throw DataError(table_.where(c.first_missing) + ", " + uses_.text(j) + ": no value (" +
                        shown_field(without_blanks(row.fields[j])) + "), one of " +
                        std::to_string(c.missing) +
                        " in this column; fill them in, leave the column out with --drop-columns, "
                        "or such rows with --skip-missing");
      }
    }
  }

  void take_content() {
    const bool pictures = request_.use == TableUse::kPictures;
    const std::string role = pictures ? "path" : "text";
    const std::string option = pictures ? "--path-column" : "--text-column";
    const std::string& wanted = pictures ? request_.columns.path : request_.columns.text;
    if (!wanted.empty()) {
      const std::size_t j = uses_.find(wanted);
      if (out_.label == j)
        throw DataError(table_.name() + ": " + role + " and label are the same column");
      take_as_content(j, kAsAsked);
    }
    leave_out_indices(uses_, request_.use, false);
    leave_out_other_content(pictures);
    if (!out_.content) find_content(role, option);
    if (!out_.label && request_.labelled != Labelled::kNo) take_label();
    for (const std::size_t j : uses_.free_columns())
      uses_.leave_out(j, "neither " + role + " nor label");
  }
  /// Of a table of pictures and texts: what the other reader takes is no label.
  void leave_out_other_content(bool pictures) {
    const std::string& other = pictures ? request_.columns.text : request_.columns.path;
    if (!other.empty()) {
      const std::size_t j = uses_.find(other);
      if (uses_.free(j)) uses_.leave_out(j, pictures ? "the text" : "the path");
    }
    if (!uses_.profile().header()) return;
    for (const std::size_t j : uses_.free_columns())
      if (pictures ? is_text_heading(uses_.name(j)) : is_path_heading(uses_.name(j)))
        uses_.leave_out(j, pictures ? "a text, by its name" : "a path, by its name");
  }
  void take_as_content(std::size_t j, const std::string& why) {
    out_.content = j;
    uses_.take(j, "content", why);
  }

  void find_content(const std::string& role, const std::string& option) {
    const bool pictures = request_.use == TableUse::kPictures;
    const std::size_t rows = out_.rows.size();
    Indices named, likely;
    for (const std::size_t j : uses_.free_columns()) {
      const ColumnProfile& c = uses_.column(j);
      const bool fits = pictures ? 2 * c.files > rows : 2 * c.sentences > rows;
      if (uses_.profile().header() &&
          (pictures ? is_path_heading(uses_.name(j)) : is_text_heading(uses_.name(j))))
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
    if (candidates.size() > 1) uses_.refuse_several(candidates, role, option);
    if (candidates.size() == 1) {
      take_as_content(candidates[0], named.empty() ? "by what is in it" : "by its name");
      return;
    }
    Indices rest = uses_.free_columns();
    if (uses_.profile().header() && table_.columns() > 1)
      std::erase_if(rest, [&](std::size_t j) { return is_label_heading(uses_.name(j)); });
    if (rest.size() == 1 && (!out_.label || table_.columns() == 1)) {
      take_as_content(rest[0], "it is the only one");
      return;
    }
    Indices others;
    for (const std::size_t j : rest)
      if (!uses_.column(j).like_labels() && uses_.column(j).texts > 0) others.push_back(j);
    if (others.size() == 1 || rest.size() == 1)
      take_as_content(others.size() == 1 ? others[0] : rest[0], "by what is in it");
    else if (rest.size() == 2 && !out_.label)
      take_as_content(rest[0], "the first of two");
    else
      throw DataError(table_.name() + ": no column looks like the " + role + ", of " +
                      uses_.list(uses_.free_columns()) + ": say which with " + option);
  }

  const Table& table_;
  const TableRequest& request_;
  Reading& reading_;
  ColumnUses uses_;
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

}  // namespace blindtuner::features
