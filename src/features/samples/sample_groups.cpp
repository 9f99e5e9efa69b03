#include "features/samples/sample_groups.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "base/error.h"
#include "base/utf8.h"
#include "features/samples/copies.h"
#include "features/samples/named_columns.h"
#include "features/tables/row_count.h"
#include "features/tables/table_headings.h"

namespace blindtuner::features {
namespace {

// Of two classes at least: one to train with, one for the test, one for validation.
constexpr std::size_t kFewestOfClass = 3;
// Identifiers that are no origins by their name, and of fewer values, are codes rather.
constexpr std::size_t kFewestCodes = 10;

/// The first sample of each one's group.
std::vector<std::uint32_t> first_of_group(const std::vector<std::string>& values) {
  std::vector<std::uint32_t> out;
  std::unordered_map<std::string_view, std::uint32_t> known;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto at = static_cast<std::uint32_t>(i);
    out.push_back(values[i].empty() ? at : known.emplace(values[i], at).first->second);
  }
  return out;
}

/// How a column would group samples.
struct Grouping {
  std::size_t groups = 0, values = 0;
  bool repeats = false, classes_alone = false;  // a value a class, and no other
  std::size_t divisible = 0;                    // classes of several groups
  std::size_t classes = 0;

  Grouping(const std::vector<std::string>& fields, const Labels& labels) {
    const std::vector<std::uint32_t> first = first_of_group(fields);
    std::set<std::pair<int, std::uint32_t>> pairs;
    for (std::size_t i = 0; i < first.size(); ++i) {
      groups += first[i] == i;
      values += first[i] == i && !fields[i].empty();
      pairs.emplace(labels.empty() ? 0 : labels[i], first[i]);
    }
    repeats = groups < fields.size();
    std::map<int, std::size_t> of_class;
    for (const auto& pair : pairs) ++of_class[pair.first];
    classes = of_class.size();
    classes_alone = pairs.size() == groups && groups == classes && !labels.empty();
    for (const auto& one : of_class) divisible += one.second >= kFewestOfClass;
  }
  bool usable(bool origin) const {
    return repeats && !classes_alone && divisible >= std::min<std::size_t>(2, classes) &&
           (origin || values >= kFewestCodes);
  }
};

/// Whole numbers, each the one before and 1.
bool counts(const std::vector<std::string>& fields) {
  const RowCount count = count_rows(fields);
  return count.counts() && count.step() == 1 && count.at(0) == std::floor(count.at(0));
}

/// All samples of one value of `fine` have one of `coarse`.
bool nested(const std::vector<std::string>& fine, const std::vector<std::string>& coarse) {
  std::unordered_map<std::string_view, std::string_view> of;
  for (std::size_t i = 0; i < fine.size(); ++i)
    if (!fine[i].empty() && of.emplace(fine[i], coarse[i]).first->second != coarse[i]) return false;
  return true;
}

SampleGroups groups_of(const GroupColumn& column, bool together) {
  return {column.name, column.fields, together};
}

void note(const std::string& name, const GroupColumn& column, const Grouping& grouping,
          bool together, const std::string& text, Reading& reading) {
  reading.notes.push_back(name + ": samples with one value of " + column.text + text);
  reading.details["groups"] = {
      {"column", printable(column.name)}, {"groups", grouping.groups}, {"together", together}};
}

void note_together(const std::string& name, const GroupColumn& column, const Grouping& grouping,
                   Reading& reading) {
  note(name, column, grouping, true,
       " stay together when samples are held out: " + std::to_string(grouping.groups) +
           " groups (--group-column names another column, or none)",
       reading);
}

/// Not kept together, for a reason.
void note_apart(const std::string& name, const GroupColumn& column, const Grouping& grouping,
                Reading& reading) {
  const std::string values = std::to_string(grouping.values);
  note(name, column, grouping, false,
       grouping.values < 2 ? " are all of them: what is held out is no other one's"
       : grouping.classes_alone
           ? " do not stay together when samples are held out: every class "
             "has one value of its own, as if it were the label"
           : " do not stay together when samples are held out: of its " + values +
                 " values too few are of one class to hold any out (a test "
                 "set of other ones, or --group-column, does it)",
       reading);
}

std::uint32_t root_of(std::vector<std::uint32_t>& parent, std::uint32_t i) {
  while (parent[i] != i) i = parent[i] = parent[parent[i]];
  return i;
}

/// A group's samples, and how many of each class.
struct Group {
  std::vector<std::uint32_t> members;
  std::map<int, std::size_t> classes;
};

std::vector<Group> list_groups(const Labels& labels, int classes,
                               std::span<const std::uint32_t> groups) {
  require(groups.size() == labels.size(), "list_groups: a group a sample");
  std::vector<Group> out;
  std::vector<std::uint32_t> place(labels.size(), UINT32_MAX);
  for (std::uint32_t i = 0; i < labels.size(); ++i) {
    require(groups[i] < labels.size(), "list_groups: group out of range");
    require(labels[i] >= 0 && labels[i] < classes, "list_groups: label out of range");
    std::uint32_t& at = place[groups[i]];
    if (at == UINT32_MAX) {
      at = static_cast<std::uint32_t>(out.size());
      out.emplace_back();
    }
    out[at].members.push_back(i);
    ++out[at].classes[labels[i]];
  }
  return out;
}

Split grouped_split(const Labels& labels, int classes, double fraction, const Seed& seed,
                    std::span<const std::uint32_t> of) {
  const std::vector<Group> groups = list_groups(labels, classes, of);
  const auto count = static_cast<std::size_t>(classes);
  std::vector<double> size(count), wanted(count), held(count);
  std::vector<std::size_t> left(count);  // groups that are not held out
  for (const Group& group : groups)
    for (const auto& [k, samples] : group.classes) {
      size[static_cast<std::size_t>(k)] += static_cast<double>(samples);
      ++left[static_cast<std::size_t>(k)];
    }
  for (std::size_t k = 0; k < count; ++k) wanted[k] = std::round(fraction * size[k]);
  std::vector<bool> out(groups.size());
  const auto may_go = [&](const Group& group) {
    return std::all_of(group.classes.begin(), group.classes.end(), [&](const auto& one) {
      return left[static_cast<std::size_t>(one.first)] > 1;
    });
  };
  const auto hold = [&](std::size_t g) {
    out[g] = true;
    for (const auto& [k, samples] : groups[g].classes) {
      held[static_cast<std::size_t>(k)] += static_cast<double>(samples);
      --left[static_cast<std::size_t>(k)];
    }
  };
  const std::vector<std::uint32_t> order = shuffled_indices(groups.size(), seed);
  // Each group that brings the shares of its classes nearer to those wanted.
  for (const std::uint32_t g : order) {
    double nearer = 0;
    for (const auto& [class_number, samples] : groups[g].classes) {
      const auto k = static_cast<std::size_t>(class_number);
      const auto n = static_cast<double>(samples);
      nearer += n * (2 * (wanted[k] - held[k]) - n) / size[k];
    }
    if (nearer > 0 && may_go(groups[g])) hold(g);
  }
  // Classes of large groups alone: the smallest of them.
  for (std::size_t k = 0; k < count; ++k) {
    if (held[k] > 0 || wanted[k] == 0) continue;
    std::size_t best = groups.size();
    for (const std::uint32_t g : order)
      if (groups[g].classes.count(static_cast<int>(k)) != 0 && may_go(groups[g]) &&
          (best == groups.size() || groups[g].members.size() < groups[best].members.size()))
        best = g;
    if (best < groups.size()) hold(best);
  }
  std::vector<bool> away(labels.size());
  for (std::size_t g = 0; g < groups.size(); ++g)
    if (out[g])
      for (const std::uint32_t i : groups[g].members) away[i] = true;
  Split split;
  for (const std::uint32_t i : shuffled_indices(labels.size(), seed))
    (away[i] ? split.second : split.first).push_back(i);
  return split;
}

}  // namespace

std::string group_field(std::string_view field, DecimalMark mark) {
  return is_missing_label(field) ? std::string() : key_of(field, mark);
}

GroupFields::GroupFields(const TableColumns& columns, const ColumnChoice& choice)
    : mark_(columns.mark) {
  if (choice.group == "none") return;
  const auto add = [&](std::size_t j) {
    places_.push_back(j);
    const std::string& name = columns.names[j];
    out_.push_back({name.empty() ? std::to_string(j + 1) : name,
                    columns.column_text(j),
                    {},
                    columns.group == j});
  };
  if (columns.group) {
    add(*columns.group);
    return;
  }
  std::set<std::size_t> used(columns.features.begin(), columns.features.end());
  used.insert(columns.one_hot.begin(), columns.one_hot.end());
  for (const auto& one : {columns.label, columns.content})
    if (one) used.insert(*one);
  for (std::size_t j = 0; j < columns.names.size(); ++j) {
    if (used.count(j) != 0) continue;
    const bool known = columns.header
                           ? heading_key(columns.names[j]) == heading_key(choice.known_group)
                           : std::to_string(j + 1) == choice.known_group;
    if (known || (columns.header && is_group_heading(columns.names[j]))) add(j);
  }
}

void GroupFields::add(const TableRow& row) {
  for (std::size_t k = 0; k < places_.size(); ++k)
    out_[k].fields.push_back(group_field(row.fields[places_[k]], mark_));
}

SampleGroups choose_groups(const std::vector<GroupColumn>& columns, const Labels& labels,
                           const ColumnChoice& choice, const std::string& name, Reading& reading) {
  if (choice.group == "none") return {};
  for (const GroupColumn& column : columns) {
    if (!column.asked) continue;
    const Grouping grouping(column.fields, labels);
    if (grouping.groups < 2)
      throw DataError(name + ": " + column.text + " has one value: there is no group to hold out");
    note_together(name, column, grouping, reading);
    return groups_of(column, true);
  }
  if (!choice.group.empty())
    throw DataError(name + ": no column or member '" + printable(choice.group.substr(0, 60)) +
                    "' that groups samples (--group-column)");
  if (!choice.known_group.empty()) {
    for (const GroupColumn& column : columns)
      if (heading_key(column.name) == heading_key(choice.known_group))
        return groups_of(column, false);
    return {};
  }
  std::vector<Grouping> groupings;
  for (const GroupColumn& column : columns) groupings.emplace_back(column.fields, labels);
  std::optional<std::size_t> best, apart, code, unique;
  for (std::size_t c = 0; c < columns.size(); ++c) {
    const bool origin = is_origin_heading(columns[c].name);
    const Grouping& grouping = groupings[c];
    if (grouping.usable(origin)) {
      const auto rank = [&](std::size_t k) {
        return std::pair(!is_origin_heading(columns[k].name), groupings[k].groups);
      };
      if (!best || rank(c) < rank(*best)) best = c;
    } else if (!grouping.repeats) {
      if (origin && !unique && !counts(columns[c].fields)) unique = c;
    } else if (origin) {
      if (!apart) apart = c;
    } else if (!code && grouping.values > 1) {
      code = c;
    }
  }
  if (best) {
    const GroupColumn& column = columns[*best];
    note_together(name, column, groupings[*best], reading);
    for (std::size_t c = 0; c < columns.size(); ++c)
      if (c != *best && groupings[c].repeats && groupings[c].values > 1 &&
          !nested(columns[c].fields, column.fields))
        reading.notes.push_back(name + ": those with one value of " + columns[c].text +
                                " do not all stay together");
    return groups_of(column, true);
  }
  if (apart) {
    note_apart(name, columns[*apart], groupings[*apart], reading);
    return groups_of(columns[*apart], false);
  }
  if (code) note_apart(name, columns[*code], groupings[*code], reading);
  return unique ? groups_of(columns[*unique], false) : SampleGroups{};
}

std::vector<std::uint32_t> kept_together(const Dataset& set) {
  std::vector<std::uint32_t> copies = find_copies(set).groups();
  if (!set.groups.together || set.groups.values.size() != set.size()) return copies;
  std::vector<std::uint32_t> groups = first_of_group(set.groups.values);
  if (copies.empty()) return groups;
  std::vector<std::uint32_t> parent = groups, sizes(set.size()), own(set.size());
  for (std::uint32_t i = 0; i < parent.size(); ++i) {
    const std::uint32_t a = root_of(parent, i), b = root_of(parent, copies[i]);
    parent[std::max(a, b)] = std::min(a, b);
  }
  for (std::uint32_t i = 0; i < parent.size(); ++i) {
    ++sizes[root_of(parent, i)];
    ++own[groups[i]];
  }
  // A sample that many origins share, such as a black picture, would make one group of them.
  const auto most = [](const std::vector<std::uint32_t>& of) {
    return *std::max_element(of.begin(), of.end());
  };
  if (2 * std::size_t{most(sizes)} > set.size() && 2 * std::size_t{most(own)} <= set.size())
    return groups;
  for (std::uint32_t i = 0; i < parent.size(); ++i) groups[i] = root_of(parent, i);
  return groups;
}

Split split_of(const Dataset& set, double fraction, const Seed& seed) {
  const std::vector<std::uint32_t> groups = kept_together(set);
  return set.groups.together && !groups.empty()
             ? grouped_split(set.labels, set.classes, fraction, seed, groups)
             : stratified_split(set.labels, set.classes, fraction, seed, groups);
}

std::vector<int> grouped_folds(const Labels& labels, int classes, int folds, const Seed& seed,
                               std::span<const std::uint32_t> of) {
  const std::vector<Group> groups = list_groups(labels, classes, of);
  std::vector<std::uint32_t> order = shuffled_indices(groups.size(), seed);
  std::stable_sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
    return groups[a].members.size() > groups[b].members.size();
  });
  const auto count = static_cast<std::size_t>(classes), parts = static_cast<std::size_t>(folds);
  std::vector<double> size(count);
  for (const int label : labels) size[static_cast<std::size_t>(label)] += 1;
  std::vector<std::vector<double>> in(parts, std::vector<double>(count));
  std::vector<std::size_t> samples(parts);
  std::vector<int> out(labels.size());
  // To the fold that has the least of its classes.
  for (const std::uint32_t g : order) {
    std::pair<double, std::size_t> least;
    std::size_t to = parts;
    for (std::size_t f = 0; f < parts; ++f) {
      std::pair<double, std::size_t> has{0, samples[f]};
      for (const auto& [class_number, n] : groups[g].classes) {
        const auto k = static_cast<std::size_t>(class_number);
        has.first += static_cast<double>(n) * in[f][k] / size[k];
      }
      if (to == parts || has < least) {
        least = has;
        to = f;
      }
    }
    for (const auto& [k, n] : groups[g].classes)
      in[to][static_cast<std::size_t>(k)] += static_cast<double>(n);
    samples[to] += groups[g].members.size();
    for (const std::uint32_t i : groups[g].members) out[i] = static_cast<int>(to);
  }
  return out;
}

SharedGroups shared_groups(const Dataset& a, const Dataset& b) {
  SharedGroups out;
  if (a.groups.column.empty() || heading_key(a.groups.column) != heading_key(b.groups.column))
    return out;
  const std::unordered_set<std::string_view> there(a.groups.values.begin(), a.groups.values.end());
  const std::unordered_set<std::string_view> here(b.groups.values.begin(), b.groups.values.end());
  for (const std::string_view value : here) {
    out.values += !value.empty();
    out.shared += !value.empty() && there.count(value) != 0;
  }
  return out;
}

}  // namespace blindtuner::features
