#include "features/data/feature_table.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <optional>
#include <set>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/utf8.h"
#include "features/data/rounding.h"
#include "features/samples/label_twins.h"
#include "features/samples/shared_keys.h"
#include "features/tables/column_uses.h"
#include "features/tables/table_headings.h"
#include "features/tables/table_report.h"

namespace blindtuner::features {
namespace {

// Beyond single precision.
constexpr double kMaxValue = 3.4e38;

/// FeatureTable::feature_names and feature_places.
void name_features(const TableColumns& columns, FeatureTable& out) {
  const auto is_label = [&](std::size_t j) {
    return columns.label == j ||
           std::find(columns.one_hot.begin(), columns.one_hot.end(), j) != columns.one_hot.end();
  };
  std::vector<std::size_t> place(columns.names.size());
  std::size_t others = 0;  // than the label's
  for (std::size_t j = 0; j < columns.names.size(); ++j) {
    if (!is_label(j)) ++others;
    place[j] = others;
  }
  bool some = false;
  for (const std::size_t j : columns.features) {
    some = some || !columns.names[j].empty();
    out.feature_names.push_back(columns.names[j]);
    out.feature_places.push_back(place_name(place[j]));
  }
  if (columns.features.size() == others) out.feature_places.clear();
  if (!some) out.feature_names = out.feature_places;
}

/// As class_names.h reads it: a point for decimals, no marks between thousands, no brackets.
bool reads_as(std::string_view field, double number) {
  double value = 0;
  const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), value);
  return error == std::errc() && end == field.data() + field.size() && value == number;
}

/// A row's label. False: there is none, and such rows are to be left out.
bool add_label(const Table& table, const TableColumns& columns, std::size_t row,
               const TableRow& fields, bool skip_missing, LabelWords& labels) {
  const auto where = [&] { return table.where(row); };
  if (!columns.label) {
    for (const std::size_t j : columns.one_hot)
      if (table_number(fields.fields[j], DecimalMark::kPoint) == 1) {
        labels.add(columns.names[j], where);
        return true;
      }
    require(false, "add_label: a row without a one");
  }
  const std::string_view field = without_blanks(fields.fields[*columns.label]);
  if (is_missing_label(field) && !(columns.dash_is_class && field == "-")) {
    if (skip_missing) return false;
    throw DataError(
        table.where(row) + ", " + columns.column_text(*columns.label) + ": no label (" +
        shown_field(field) +
        "); add it, or leave such rows out with --skip-missing, which a table of labels alone "
        "does not know");
  }
  const auto value = table_number(field, columns.mark);
  if (value && *value != std::floor(*value))
    throw DataError(table.where(row) + ", " + columns.column_text(*columns.label) + ": label " +
                    shown_field(field) + ", expected a class: a whole number or a name");
  const auto whole = whole_number_text(field, columns.mark);
  labels.add(whole && !reads_as(field, *value) ? *whole : field, where);
  return true;
}

/// Of a row that is left out, where it is one.
void add_lost_label(const Table& table, const TableColumns& columns, std::size_t row,
                    const TableRow& fields, LabelWords& labels) {
  try {
    (void)add_label(table, columns, row, fields, true, labels);
  } catch (const DataError&) {
    // Whatever it is, nobody trains on it.
  }
}

void leave_out(UnusedRows& rows, std::size_t line) {
  if (rows.count++ == 0) rows.first_line = line;
}

/// Columns that say the same as the label are no features.
void leave_out_twins(const Table& table, TableColumns& columns, FeatureTable& out,
                     Reading& reading) {
  Labels labels;
  for (std::size_t i = 0; i < out.labels.size(); ++i)
    labels.push_back(static_cast<int>(out.labels.index(i)));
  std::vector<bool> same(columns.features.size());
  for (const LabelTwin& twin :
       label_twins(out.features, labels, static_cast<int>(out.labels.words().size())))
    for (const std::size_t k : twin.columns) same[k] = same[k] || twin.share == 1;
  ColumnSet others;
  std::vector<std::string> left;
  std::vector<std::size_t> kept;
  for (std::size_t k = 0; k < same.size(); ++k) {
    const std::size_t j = columns.features[k];
    if (!same[k]) {
      others.ranges.emplace_back(k, 1);
      kept.push_back(j);
      continue;
    }
    left.push_back(columns.column_text(j));
    reading.details["left_out"].push_back({{"column", j + 1},
                                           {"name", printable(columns.names[j])},
                                           {"why", "it says the same as the label"}});
  }
  if (left.empty()) return;
  if (others.ranges.empty())
    throw DataError(table.name() + ": no column of features left: " + list_of_words(left) +
                    (left.size() == 1 ? " says" : " say") +
                    " the same as the label (--feature-columns takes columns as features whatever "
                    "is in them)");
  out.features = select_columns(out.features, others);
  columns.features = std::move(kept);
  reading.details["features"] = others.ranges.size();
  reading.notes.push_back(table.name() + ": left out of the features " + list_of_words(left) +
                          ": " + (left.size() == 1 ? "it says" : "they say") +
                          " the same as the label");
}

/// The column of the features that the labels' rows are to be found by, which is none of them unless it
/// was asked for.
std::optional<std::size_t> find_key(const Table& table, TableColumns& columns,
                                    const TableRequest& request, const OtherTable& others,
                                    Reading& reading) {
  const SharedKeys keys = shared_keys(table, columns, others.columns);
  const auto has = [](const std::vector<std::size_t>& list, std::size_t column) {
    return std::find(list.begin(), list.end(), column) != list.end();
  };
  const auto tell_of_absent = [&](const SharedKey& one) {
    TableRow row;
    table.read(one.first_absent, row);
    const std::string differ = table.where(one.first_absent) + ", " +
                               columns.column_text(one.column) + ": " +
                               shown_field(without_blanks(row.fields[one.column])) + " is not in " +
                               others.columns[one.other].column + " of " + others.name +
                               ", which has the other rows' values" +
                               (one.absent > 1 ? " but for " + std::to_string(one.absent) : "");
    if (!one.moved) {
      reading.details["by_places"] = true;
      reading.warnings.push_back(differ + ", in the same order: rows go together by their places");
      return;
    }
    throw DataError(differ +
                    " in another order, and another in every row: which label is whose cannot be "
                    "told; --drop-columns with this column has rows go together by their places");
  };
  std::optional<SharedKey> key, in_order, renamed, partial;
  for (const SharedKey& one : keys) {
    if (!has(columns.features, one.column)) {
      if (one.same_name && !has(columns.dropped, one.column))
        return {};  // rows go together by it in any case
      continue;     // join_rows() sees it
    }
    std::optional<SharedKey>& kind = one.absent > 0   ? partial
                                     : !one.same_name ? renamed
                                     : one.moved      ? key
                                                      : in_order;
    if (!kind && (one.same_name || one.moved)) kind = one;
  }
  const auto told = [&](const SharedKey& one) {
    return table.name() + ": " + columns.column_text(one.column) +
           " has another value in every row, and " + others.columns[one.other].column + " of " +
           others.name + " the same ones";
  };
  if (key) {
    if (!request.columns.features.empty() || !request.feature_names.empty()) return key->column;
    if (columns.features.size() == 1)
      throw DataError(told(*key) +
                      " in another order: it tells which label is whose, and no other column of "
                      "features is left");
    std::erase(columns.features, key->column);
    reading.details["features"] = columns.features.size();
    reading.details["left_out"].push_back({{"column", key->column + 1},
                                           {"name", printable(columns.names[key->column])},
                                           {"why", "it tells which label is whose"}});
    reading.notes.push_back(told(*key) +
                            " in another order: it tells which label is whose, and is left out of "
                            "the features");
    return key->column;
  }
  if (partial && !in_order) tell_of_absent(*partial);
  if (in_order || renamed) reading.details["by_places"] = true;
  if (in_order)
    reading.notes.push_back(told(*in_order) +
                            " in the same order: rows go together by their places, and it is a "
                            "feature; leave it out with --drop-columns if it is a number of rows");
  else if (renamed)
    reading.warnings.push_back(told(*renamed) +
                               " in another order, but rows go together by their places: if it "
                               "tells which label is whose, give both columns the same name");
  return {};
}

/// Follows a table's rows of data, and tells which of them are left out amid others.
class RowPlaces {
 public:
  explicit RowPlaces(const Table& table) : table_(table), empty_(table.empty_rows()) {}

  void add(std::size_t row, bool used) {
    // What is empty above a header, or above one that comes again, is no sample that lacks its values.
    while (next_ < empty_.size() && empty_[next_].before < row) ++next_;
    if (next_ < empty_.size() && empty_[next_].before == row)
      for (std::size_t i = 0; i < empty_[next_].count; ++i) leave_out(empty_[next_].line + i);
    if (!used) {
      leave_out(table_.line(row));
      return;
    }
    ++place_;
    amid_ = out_.places.size();
  }
  LeftOutRows take() {
    out_.places.resize(amid_);
    out_.lines.resize(amid_);
    return std::move(out_);
  }

 private:
  void leave_out(std::size_t line) {
    out_.places.push_back(place_++);
    out_.lines.push_back(static_cast<std::uint32_t>(line));
  }

  const Table& table_;
  const std::vector<EmptyRows>& empty_;
  LeftOutRows out_;
  std::size_t next_ = 0, place_ = 0, amid_ = 0;  // amid_: of out_, with a sample behind them
};

/// Columns that are read beside those that a table was read for.
class OtherColumns {
 public:
  explicit OtherColumns(const TableColumns& columns, std::optional<std::size_t> key = {})
      : mark_(columns.mark) {
    std::set<std::size_t> used(columns.features.begin(), columns.features.end());
    if (key) used.erase(*key);
    used.insert(columns.one_hot.begin(), columns.one_hot.end());
    if (columns.label) used.insert(*columns.label);
    used.insert(columns.dropped.begin(), columns.dropped.end());
    for (std::size_t j = 0; j < columns.names.size(); ++j) {
      if (used.count(j) != 0) continue;
      NamedColumn column{heading_key(columns.names[j]), columns.column_text(j), {}};
      if (is_unnamed_heading(columns.names[j])) column.name.clear();
      places_.push_back(j);
      out_.push_back(std::move(column));
    }
  }
  void add(const TableRow& row) {
    for (std::size_t k = 0; k < places_.size(); ++k)
      out_[k].fields.push_back(key_of(row.fields[places_[k]], mark_));
  }
  std::vector<NamedColumn> take() { return std::move(out_); }

 private:
  DecimalMark mark_;
  std::vector<std::size_t> places_;
  std::vector<NamedColumn> out_;
};

}  // namespace

void tell_lost_classes(const std::string& name, const LabelWords& kept, const LabelWords& lost,
                       const std::string& why, Reading& reading) {
  struct Count {
    double kept = 0, lost = 0;
  };
  std::map<std::string, Count> classes;
  for (std::size_t i = 0; i < kept.size(); ++i) ++classes[kept.words()[kept.index(i)]].kept;
  for (std::size_t i = 0; i < lost.size(); ++i) ++classes[lost.words()[lost.index(i)]].lost;
  const auto all = static_cast<double>(kept.size() + lost.size()),
             left_out = static_cast<double>(lost.size());
  const auto of = [](double part, double whole) {
    return std::to_string(std::llround(part)) + " of " + std::to_string(std::llround(whole));
  };
  for (const auto& [word, count] : classes) {
    const double own = count.kept + count.lost, others = all - own;
    const double share = count.lost / own,
                 of_others = others > 0 ? (left_out - count.lost) / others : 0;
    // By chance once in some ten thousand such tables.
    const double expected = own * left_out / all;
    const double deviation = std::sqrt(expected * (1 - left_out / all));
    const bool more =
        share >= 0.1 && share >= 2 * of_others && count.lost > expected + 4 * deviation;
    if (count.lost == 0 || (count.kept > 0 && !more)) continue;
    reading.warnings.push_back(name + ": " + of(count.lost, own) + " rows of the class " +
                               shown_field(word) + " " + why + " and are left out, " +
                               of(left_out - count.lost, others) + " of the others" +
                               (count.kept == 0 ? ": nothing is left of it"
                                                : ": what is left may be no fair sample of it"));
    reading.details["lost_classes"].push_back({{"class", printable(word)},
                                               {"rows", std::llround(own)},
                                               {"left_out", std::llround(count.lost)}});
  }
}

FeatureTable read_feature_table(const std::filesystem::path& path, TableRequest request,
                                Reading& reading, const OtherTable& others) {
  const Table table(path);
  request.use = TableUse::kFeatures;
  TableColumns columns = assign_columns(table, request, reading);
  reading.details["columns"] = table.columns();
  const auto key = find_key(table, columns, request, others, reading);
  const bool skip = request.columns.skip_missing;
  FeatureTable out;
  out.features.resize(static_cast<Eigen::Index>(columns.rows.size()),
                      static_cast<Eigen::Index>(columns.features.size()));
  UnusedRows skipped{"incomplete", 0, 0};
  std::optional<OtherColumns> beside;
  if (request.identifiers || !others.columns.empty()) beside.emplace(columns, key);
  GroupFields groups(columns, request.columns);
  const bool labelled = columns.label || !columns.one_hot.empty();
  LabelWords lost;  // of rows without a value
  ColumnRounding rounding(columns.features.size());
  std::vector<bool> logical;
  for (const std::size_t j : columns.features)
    logical.push_back(std::find(columns.logical.begin(), columns.logical.end(), j) !=
                      columns.logical.end());
  TableRow row;
  RowPlaces places(table);
  Eigen::Index at = 0;
  for (const std::size_t i : columns.rows) {
    if (i % 4096 == 0) throw_if_interrupted();
    table.read(i, row);
    bool whole = true;
    for (std::size_t k = 0; whole && k < columns.features.size(); ++k) {
      const std::size_t j = columns.features[k];
      const auto value =
          logical[k] ? truth_value(row.fields[j]) : table_number(row.fields[j], columns.mark);
      const auto place = [&] { return table.where(i) + ", " + columns.column_text(j) + ": "; };
      if (!value && skip && is_missing_number(row.fields[j])) {
        whole = false;
        break;
      }
      if (!value)
        throw DataError(place() + shown_field(without_blanks(row.fields[j])) +
                        ", expected a number" +
                        (columns.mark == DecimalMark::kComma ? " with a decimal comma" : ""));
      if (!(std::abs(*value) <= kMaxValue))
        throw DataError(place() + shown_field(without_blanks(row.fields[j])) +
                        ", expected a finite number");
      out.features(at, static_cast<Eigen::Index>(k)) = static_cast<float>(*value);
      // Digits of whole numbers tell more than the number that they were read as.
      rounding.add(k, *value,
                   std::abs(*value) < 0x1p53
                       ? 0
                       : std::hash<std::string_view>()(without_blanks(row.fields[j])));
    }
    if (labelled && !whole)
      add_lost_label(table, columns, i, row, lost);
    else if (labelled)
      whole = add_label(table, columns, i, row, skip, out.labels);
    places.add(i, whole);
    if (whole) {
      ++at;
      out.places.numbers.push_back(static_cast<std::uint32_t>(table.line(i)));
      if (beside) beside->add(row);
      groups.add(row);
      if (columns.id) out.ids.emplace_back(without_blanks(row.fields[*columns.id]));
    } else {
      leave_out(skipped, table.line(i));
    }
  }
  if (at == 0) throw DataError(table.name() + ": no row is complete");
  if (lost.size() > 0) tell_lost_classes(table.name(), out.labels, lost, "lack a value", reading);
  out.features.conservativeResize(at, Eigen::NoChange);
  out.places.left_out = places.take();
  if (beside) out.others = beside->take();
  out.groups = groups.take();
  rounding.check([&](std::size_t k) {
    return table.name() + ", " + columns.column_text(columns.features[k]);
  });
  if (columns.label && request.columns.features.empty() && request.feature_names.empty())
    leave_out_twins(table, columns, out, reading);
  name_features(columns, out);
  report_table(table, static_cast<std::size_t>(at), {skipped}, reading);
  return out;
}

LabelWords read_label_table(const std::filesystem::path& path, const ColumnChoice& columns,
                            Reading& reading, std::vector<NamedColumn>* others,
                            LeftOutRows* left_out) {
  const Table table(path);
  TableRequest request;
  request.use = TableUse::kLabels;
  request.columns = columns;
  const TableColumns chosen = assign_columns(table, request, reading);
  reading.details["columns"] = table.columns();
  LabelWords out;
  OtherColumns beside(chosen);
  // Left out here, labels and samples would no longer go together.
  RowPlaces places(table);
  for_each_labelled_row(table, chosen, false, out, [&](std::size_t i, const TableRow& row) {
    if (others != nullptr) beside.add(row);
    places.add(i, true);
  });
  if (left_out != nullptr) *left_out = places.take();
  if (others != nullptr) *others = beside.take();
  report_table(table, out.size(), {}, reading);
  return out;
}

UnusedRows for_each_labelled_row(const Table& table, const TableColumns& columns, bool skip_missing,
                                 LabelWords& labels,
                                 const std::function<void(std::size_t, const TableRow&)>& use) {
  const bool labelled = columns.label || !columns.one_hot.empty();
  UnusedRows skipped{"unlabelled", 0, 0};
  TableRow row;
  for (const std::size_t i : columns.rows) {
    if (i % 4096 == 0) throw_if_interrupted();
    table.read(i, row);
    if (!labelled || add_label(table, columns, i, row, skip_missing, labels))
      use(i, row);
    else
      leave_out(skipped, table.line(i));
  }
  return skipped;
}

}  // namespace blindtuner::features
