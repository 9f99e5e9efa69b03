#include "party/owner/data_checks.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/utf8.h"
#include "features/samples/answers.h"
#include "features/samples/class_names.h"
#include "features/samples/copies.h"
#include "features/samples/label_twins.h"
#include "features/samples/other_scales.h"
#include "features/samples/sample_groups.h"
#include "features/samples/shuffle.h"

namespace blindtuner::party {
namespace {

std::string group_name(const Dataset& set) {
  const std::string& column = set.groups.column;
  const bool number = column.find_first_not_of("0123456789") == std::string::npos;
  return number ? "value of column " + column : "'" + printable(column.substr(0, 60)) + "'";
}

/// Classes of one group have no part held out.
void warn_of_undivided_classes(const Dataset& set, const Split& split, const HoldOut& what,
                               const Listener& listener) {
  std::vector<std::size_t> held(static_cast<std::size_t>(set.classes)),
      all = class_counts(set.labels, set.classes);
  for (const std::uint32_t i : split.second) ++held[static_cast<std::size_t>(set.labels[i])];
  std::vector<std::string> undivided;
  for (std::size_t k = 0; k < held.size(); ++k)
    if (held[k] == 0 && std::round(what.fraction * static_cast<double>(all[k])) > 0)
      undivided.push_back(k < set.class_names.size() ? set.class_names[k] : std::to_string(k));
  if (!undivided.empty())
    listener.warn("no sample of " + list_of_names(undivided) + " is held out " + what.purpose +
                  ": all are of one " + group_name(set));
}

}  // namespace

void compare_groups_with(const Dataset& known, ColumnChoice& columns) {
  if (columns.group == "none") return;
  columns.group = known.groups.column.empty() ? "none" : "";
  columns.known_group = known.groups.column;
}

Dataset hold_out(Dataset& set, const HoldOut& what, const OrderSeed& seed, const std::string& name,
                 const Listener& listener) {
  Split split = split_of(set, what.fraction, seed.bytes());
  if (split.first.empty() || split.second.empty()) {
    std::vector<std::size_t> sizes(static_cast<std::size_t>(set.classes));
    for (const int label : set.labels) ++sizes[static_cast<std::size_t>(label)];
    char share[32];
    std::snprintf(share, sizeof share, "%g", what.fraction);
    throw DataError(name + ": " + std::to_string(set.size()) + " samples of " +
                    std::to_string(set.classes) + " classes, the largest of " +
                    std::to_string(*std::max_element(sizes.begin(), sizes.end())) + ": too few " +
                    (kept_together(set).empty() ? "" : "different ones ") + "to hold out " + share +
                    " of every class " + what.purpose + "; " + what.advice +
                    (set.groups.together ? "; samples of one " + group_name(set) +
                                               " stay together (--group-column none: they do not)"
                                         : ""));
  }
  if (set.groups.together) warn_of_undivided_classes(set, split, what, listener);
  if (seed.keeps_order())
    for (std::vector<std::uint32_t>* half : {&split.first, &split.second})
      std::sort(half->begin(), half->end());
  Dataset held = select(set, split.second);
  set = select(std::move(set), split.first);
  return held;
}

nlohmann::json warn_of_samples_in_both(const Dataset& known, const Dataset& other,
                                       const std::string& use, const Listener& listener,
                                       const std::string& known_as) {
  const std::string samples = " samples for " + use;
  std::vector<std::string> warnings;
  const SharedGroups groups = shared_groups(known, other);
  if (groups.shared > 0)
    warnings.push_back(std::to_string(groups.shared) + " of " + std::to_string(groups.values) +
                       " values of " + group_name(other) + " among the" + samples + " are in " +
                       known_as + " too: results on them may be too good for new ones");
  const std::size_t count = samples_in_both(known, other);
  if (count > 0)
    warnings.push_back(
        std::to_string(count) + " of the " + std::to_string(other.size()) + samples + " are in " +
        known_as + " as well: " +
        (find_copies(known).by_chance
             ? "the columns' values make few combinations, so new samples are too if "
               "they are alike; if these are copies, results say nothing about new ones"
             : "results on them say nothing about new samples"));
  const NearCopies near = near_copies(known, other);
  if (near.count > 0)
    warnings.push_back(
        std::to_string(near.count) + " of " + std::to_string(near.looked_at) + samples +
        " nearly equal one in " + known_as +
        " (up to rounding): if they are copies of it, results on them say nothing about "
        "new samples");
  nlohmann::json out = {{"samples", count}, {"nearly", near.count}};
  if (known.width() == other.width()) {  // is refused elsewhere
    const std::vector<std::size_t> columns = columns_of_other_scale(known.features, other.features);
    if (!columns.empty())
      warnings.push_back(other_scale_warning(columns, known.width(), known.feature_names,
                                             "the" + samples, known_as));
    out["of_other_scale"] = columns.size();
  }
  if (groups.values > 0)
    out["groups"] = {{"column", printable(other.groups.column)},
                     {"values", groups.values},
                     {"in_both", groups.shared}};
  for (const std::string& warning : warnings) listener.warn(warning);
  out["warnings"] = warnings;
  return out;
}

namespace {

std::string class_in_words(const Dataset& set, std::size_t k) {
  return k < set.class_names.size() ? "'" + printable(set.class_names[k].substr(0, 60)) + "'"
                                    : "number " + std::to_string(k);
}

void tell_copies(const Dataset& set, const std::string& name, nlohmann::json& details,
                 const Listener& listener) {
  const Copies copies = find_copies(set);
  details["copies"] = {{"samples", copies.repeated},
                       {"contradicting", copies.contradicting},
                       {"by_chance", copies.by_chance}};
  if (copies.repeated == 0) return;
  const std::string count = std::to_string(copies.repeated) + " of " + std::to_string(set.size()) +
                            " samples equal an earlier one: ";
  listener.tell(name + ": " + count +
                (copies.by_chance
                     ? "the columns' values make no more combinations than there are samples, "
                       "so they are split as others are"
                     : "copies stay together when samples are held out"));
  if (copies.contradicting > 0)
    listener.warn(name + ": " + std::to_string(copies.contradicting) +
                  " samples have an equal of another class: no classifier is right about all of "
                  "them");
}

void tell_small_classes(const Dataset& set, const std::string& name, TrainingPart part,
                        const nlohmann::json& details, const Listener& listener) {
  const std::vector<std::size_t> counts = class_counts(set.labels, set.classes);
  std::vector<std::string> single, absent;
  for (const auto& one : details.value("single_samples", nlohmann::json::array()))
    single.push_back("'" + one["class"].get<std::string>().substr(0, 60) + "' (" +
                     one["where"].get<std::string>() + ")");
  if (single.empty())
    for (std::size_t i = 0; i < set.size() && single.size() < 1000; ++i)
      if (const auto k = static_cast<std::size_t>(set.labels[i]); counts[k] == 1)
        single.push_back(class_in_words(set, k) + " (" + name + ", " + place_of(set, i) + ")");
  const bool several = single.size() > 1;
  if (!single.empty())
    listener.warn((several ? std::to_string(single.size()) + " classes have a single sample each: "
                           : "a class has a single sample: ") +
                  list_of_words(single) + ": " +
                  (several ? "are these classes, and not names or sums?"
                           : "is it a class, and no line of names or sums?"));
  for (std::size_t k = 0; k < counts.size(); ++k)
    if (counts[k] == 0) absent.push_back(class_in_words(set, k));
  if (absent.empty()) return;
  const std::string none = name + ": no sample of " + list_of_words(absent) + ": the model ";
  if (part == TrainingPart::kRows)
    listener.tell(none + "knows such a class from other owners' rows, if they have any");
  else
    listener.warn(none + "has such a class and cannot know it");
}

nlohmann::json warn_of_answers(const Dataset& set, TrainingPart part, const Listener& listener) {
  nlohmann::json out = nlohmann::json::array();
  const auto tell = [&](std::size_t column, const char* what, const nlohmann::json& value) {
    out.push_back({{"feature", column + 1}, {what, value}});
    if (!set.feature_names.empty()) out.back()["name"] = printable(set.feature_names[column]);
  };
  std::vector<std::string> warnings;
  if (!set.labels.empty()) {
    const std::vector<AnswerColumn> columns = answer_columns(set);
    if (!columns.empty()) warnings.push_back(answer_warning(set, columns));
    for (const AnswerColumn& one : columns) tell(one.column, "share", one.share);
    for (const LabelTwin& twin : label_twins(set.features, set.labels, set.classes)) {
      if (twin.columns.size() == 1) continue;  // is among those
      for (const std::size_t column : twin.columns) tell(column, "one_hot_share", twin.share);
      warnings.push_back(feature_list(set, twin.columns) + " are the label as one-hot columns" +
                         (twin.share < 1 ? " (nearly)" : "") +
                         ": they are an answer rather than features, and to be left out");
    }
  }
  const std::vector<std::size_t> counters = row_counters(set.features);
  for (const std::size_t column : counters) tell(column, "counts_rows", true);
  if (!counters.empty())
    warnings.push_back(feature_list(set, counters) + " count" + (counters.size() == 1 ? "s" : "") +
                       " the rows: an index is no feature, and gives the labels of sorted rows");
  const std::vector<std::size_t> numbers = row_numbers(set.features);
  for (const std::size_t column : numbers) tell(column, "numbers_rows", true);
  if (!numbers.empty())
    warnings.push_back(
        feature_list(set, numbers) + (numbers.size() == 1 ? " has" : " have") +
        " another whole number in every row, too close together for chance: ranks, or "
        "numbers of rows, which are no features and to be left out?");
  if (!warnings.empty() && part != TrainingPart::kAll)
    warnings.push_back(
        std::string("a study's columns are agreed on before it is created: to leave some out, make "
                    "another study") +
        (part == TrainingPart::kRows ? ", in which all owners leave them out" : ""));
  for (const std::string& warning : warnings) listener.warn(warning);
  return out;
}

}  // namespace

void tell_of_training_set(const Dataset& set, const std::string& name, TrainingPart part,
                          nlohmann::json& details, const Listener& listener) {
  if (details.is_null()) details = nlohmann::json::object();
  if (!set.labels.empty()) {
    // Rows of a part of the columns are equal of themselves.
    if (part != TrainingPart::kColumns) tell_copies(set, name, details, listener);
    tell_small_classes(set, name, part, details, listener);
  }
  details["answers"] = warn_of_answers(set, part, listener);
}

}  // namespace blindtuner::party
