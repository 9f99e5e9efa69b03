#include "features/data/members.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/error.h"
#include "base/utf8.h"
#include "features/samples/class_names.h"
#include "features/tables/table_headings.h"

namespace blindtuner::features {
namespace {

using Words = std::vector<std::string>;

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return text;
}

Words names_of(Part part) {
  switch (part) {
    case Part::kTrain:
      return {"train", "training", "tr"};
    case Part::kTest:
      return {"test", "testing", "te"};
    case Part::kValidation:
      return {"val", "valid", "validation", "dev"};
    default:
      return {""};
  }
}

bool is_in(const Words& words, const std::string& word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

bool is_plain_features(std::string_view name) {
  return is_in({"features", "feature", "x", "data", "embeddings", "embedding", "feats"},
               heading_key(name));
}

/// A name that a part's may be glued to ("idstrain"). Of names that end in anything (".._id") none is: "trainer_id".
bool is_usual(const std::string& name) {
  const std::string key = heading_key(name), one = name_of_one(name);
  const auto identifies = [](const std::string& word) {
    return word == "name" || is_path_heading(word) || is_origin_heading(word) ||
           (is_identifier_heading(word) && !is_ambiguous_identifier(word) &&
            word.find('_') == std::string::npos);
  };
  return is_plain_features(key) || is_plain_label_heading(key) || identifies(key) ||
         identifies(one);
}

/// The part that a member's name tells, and the name without it. A part is a word before or behind the name, divided from it
/// by a sign or by capitals ("x_train", "Train-IDs", "XTrain", "trainX"), or glued to a name that is usual, a short one
/// ("tr", "val") behind features', labels' and "ids" alone: "note", "valid" and "device_id" tell none.
std::pair<Part, std::string> without_part(const std::string& name) {
  std::string key = lower(name);
  for (char& c : key)
    if (c == '-' || c == ' ' || c == '.') c = '_';
  const auto capital = [&](std::size_t at) { return name[at] != key[at] && key[at] != '_'; };
  for (const Part part : {Part::kTrain, Part::kTest, Part::kValidation})
    for (const std::string& word : names_of(part)) {
      const bool certain = word.size() > 3 && word != "valid";
      if (key.size() <= word.size()) continue;
      if (const std::size_t at = key.size() - word.size(); key.ends_with(word)) {
        if (key[at - 1] == '_') return {part, name.substr(0, at - 1)};
        const std::string rest = name.substr(0, at), usual = lower(rest);
        if ((capital(at) && !capital(at + 1)) || is_plain_features(usual) ||
            is_plain_label_heading(usual) || usual == "id" || usual == "ids" ||
            (certain && is_usual(rest)))
          return {part, rest};
      }
      if (const std::size_t at = word.size(); key.starts_with(word)) {
        if (key[at] == '_') return {part, name.substr(at + 1)};
        const std::string rest = name.substr(at);
        if ((capital(at) && !capital(at - 1)) || (certain && is_usual(rest))) return {part, rest};
      }
    }
  return {Part::kAny, name};
}

/// Members of the part whose names are usual ones of features, or of labels.
Words present(const NpzArchive& archive, bool (*is_usual)(std::string_view), Part part) {
  Words out;
  for (const std::string& name : archive.names())
    if (const auto [of, rest] = without_part(name); of == part && is_usual(rest))
      out.push_back(name);
  return out;
}

std::string text_of(Part part) {
  switch (part) {
    case Part::kTrain:
      return "training ";
    case Part::kTest:
      return "test ";
    case Part::kValidation:
      return "validation ";
    default:
      return "";
  }
}

std::string one_of(const NpzArchive& archive, const Words& found, const std::string& what,
                   const std::string& option) {
  if (found.size() == 1) return found[0];
  throw DataError(archive.name() + ": " +
                  (found.empty()
                       ? "no member of " + what + " by a usual name"
                       : "several members may be " + what + " (" + list_of_words(found) + ")") +
                  ", it holds " + list_of_words(archive.names()) + ": name it with " + option);
}

std::string option_of(Part part, const std::string& what) {
  const std::string own = "--" + what + "-member";
  // A test set is one of several for those that train, and the only one of 'evaluate'.
  return part == Part::kTest ? "--test-" + what + "-member, of 'evaluate'" +
                                   (what == "labels" ? " and 'extract'" : "") + " with " + own
         : part == Part::kValidation ? "--validation-" + what + "-member"
                                     : own;
}

/// The part that the name of features or labels tells.
Part part_of(const std::string& member) {
  const auto [part, rest] = without_part(member);
  return is_plain_features(rest) || is_plain_label_heading(rest) ? part : Part::kAny;
}

/// The parts of an archive as its members' names tell them, seen from features that are of one.
class Parts {
 public:
  Parts(const NpzArchive& archive, const std::string& features)
      : Parts(archive, without_part(features).first) {}
  Parts(const NpzArchive& archive, Part own) : archive_(archive), own_(own) {
    for (const std::string& name : archive.names()) {
      const auto [part, rest] = of(name);
      others_ = others_ || (part != Part::kAny && part != own_ && is_usual(rest));
    }
  }
  /// A member's part, and its name without that. Features of no part are those of the training, where it has no others.
  std::pair<Part, std::string> of(const std::string& name) const {
    auto [part, rest] = without_part(name);
    if (own_ == Part::kAny && part == Part::kTrain && !is_there(part)) part = own_;
    return {part, rest};
  }
  bool is_own(Part part) const { return part == own_ || (part == Part::kAny && !others_); }
  /// Of several parts none is told, or one of which there is nothing else ("test_id" may be of a test of any kind).
  bool is_doubtful(Part part) const {
    return !is_own(part) && (part == Part::kAny || (own_ == Part::kAny && !is_there(part)));
  }
  /// With features or labels of its own, for which it may be read.
  bool is_elsewhere(Part part) const { return !is_own(part) && is_there(part); }

 private:
  bool is_there(Part part) const {
    return part != Part::kAny && (!present(archive_, is_plain_features, part).empty() ||
                                  !present(archive_, is_plain_label_heading, part).empty());
  }
  const NpzArchive& archive_;
  Part own_;
  bool others_ = false;
};

/// Members whose part is so, seen from these features, and their names without it.
std::vector<std::pair<std::string, std::string>> members_that(const NpzArchive& archive,
                                                              const std::string& features,
                                                              bool (Parts::*holds)(Part) const) {
  const Parts parts(archive, features);
  std::vector<std::pair<std::string, std::string>> out;
  for (const std::string& name : archive.names())
    if (const auto [part, rest] = parts.of(name); (parts.*holds)(part))
      out.emplace_back(name, rest);
  return out;
}

/// A name without what tells its part, as heading_key() has it.
std::string base_of(const std::string& name) { return heading_key(without_part(name).second); }

/// As features_as_in_training() says it: of members that go with the part `own`, for a set that is `part`.
std::string as_in_training(const NpzArchive& archive, const std::string& known, Part own, Part part,
                           const std::string& what) {
  if (known.empty()) return {};
  const std::string base = base_of(known);
  const Parts parts(archive, own);
  Words all, told, untold;
  for (const std::string& name : archive.names()) {
    if (base_of(name) != base) continue;
    all.push_back(name);
    if (parts.is_own(parts.of(name).first))
      (without_part(name).first == own ? told : untold).push_back(name);
  }
  Words found = told.empty() ? untold : told;
  // Where nothing tells a part, one in the name may be no part at all ("test_result").
  if (found.empty() && own == Part::kAny) {
    for (const std::string& name : all)
      if (part == Part::kAny ? name == known : without_part(name).first == part)
        found.push_back(name);
    if (found.empty() && all.size() == 1) found = all;
  }
  if (found.size() > 1 && is_in(found, known)) return known;
  if (!found.empty()) return one_of(archive, found, text_of(part) + what, option_of(part, what));
  if (all.empty() || is_plain_features(base) || is_plain_label_heading(base)) return {};
  throw DataError(archive.name() + ": the training set's " + what + " were '" + printable(known) +
                  "', and of " + list_of_words(all) + " none is known to be of the " +
                  text_of(own == Part::kAny ? part : own) + "samples: name it with " +
                  option_of(part, what));
}

}  // namespace

std::string features_as_in_training(const NpzArchive& archive, const std::string& known,
                                    Part part) {
  return as_in_training(archive, known, part, part, "features");
}

std::string labels_as_in_training(const NpzArchive& archive, const std::string& known, Part part,
                                  const std::string& features) {
  return as_in_training(archive, known, without_part(features).first, part, "labels");
}

bool are_one_name(const std::string& a, const std::string& b) {
  const std::string one = base_of(a), other = base_of(b);
  return one == other || (is_plain_features(one) && is_plain_features(other)) ||
         (is_plain_label_heading(one) && is_plain_label_heading(other));
}

std::string name_of_one(const std::string& name) {
  std::string out = heading_key(name);
  if (out == "indices") return "index";
  if (out.size() > 2 && out.ends_with('s')) out.pop_back();
  return out;
}

bool holds_part(const NpzArchive& archive, Part part) {
  return !present(archive, is_plain_features, part).empty() &&
         !present(archive, is_plain_label_heading, part).empty();
}

Members find_members(const NpzArchive& archive, const Members& named, Part part,
                     const Members& known) {
  const auto has = [&](const char* name) { return archive.contains(name); };
  if (has("format") && has("shape") && has("data"))
    throw DataError(archive.name() +
                    ": a sparse matrix of SciPy, expected arrays: numpy.savez(path, "
                    "features=matrix.toarray(), labels=labels)");
  Members out = named;
  if (out.features.empty()) out.features = features_as_in_training(archive, known.features, part);
  Part of = out.features.empty() ? part : part_of(out.features);
  if (out.features.empty()) {
    Words found = present(archive, is_plain_features, of);
    if (found.empty() && of == Part::kAny) {
      of = Part::kTrain;
      found = present(archive, is_plain_features, of);
    } else if (found.empty() && !holds_part(archive, Part::kTrain)) {
      of = Part::kAny;  // an archive of one set
      found = present(archive, is_plain_features, of);
    }
    out.features = one_of(archive, found, text_of(part) + "features", option_of(part, "features"));
  }
  if (out.labels.empty())
    out.labels = labels_as_in_training(archive, known.labels, part, out.features);
  if (out.labels.empty()) {
    const Words found = present(archive, is_plain_label_heading, of);
    if (!found.empty())
      out.labels = one_of(archive, found, text_of(part) + "labels", option_of(part, "labels"));
  }
  return out;
}

std::vector<std::pair<std::string, std::string>> members_beside(const NpzArchive& archive,
                                                                const std::string& features) {
  auto out = members_that(archive, features, &Parts::is_own);
  std::erase_if(out, [&](const auto& member) { return member.first == features; });
  return out;
}

std::vector<std::pair<std::string, std::string>> doubtful_members(const NpzArchive& archive,
                                                                  const std::string& features) {
  return members_that(archive, features, &Parts::is_doubtful);
}

std::vector<std::pair<std::string, std::string>> members_elsewhere(const NpzArchive& archive,
                                                                   const std::string& features) {
  return members_that(archive, features, &Parts::is_elsewhere);
}

std::string class_names_member(const NpzArchive& archive) {
  if (archive.contains("classes")) return "classes";
  for (const std::string& name : archive.names())
    for (const char* usual : {"target_names", "class_names", "label_names", "classnames"})
      if (lower(name) == usual) return name;
  return {};
}

std::vector<ColumnSet> read_poolings(const NpzArchive& archive, std::size_t width) {
  std::vector<ColumnSet> out;
  for (const std::string& name : archive.strings("poolings")) out.push_back({name, {}});
  const Eigen::MatrixXd columns = archive.matrix("pooling_columns");
  const auto refuse = [&] {
    throw DataError(archive.where("pooling_columns") +
                    ": expected rows of pooling, first column and number of columns, of " +
                    std::to_string(width) + " columns");
  };
  if (columns.cols() != 3) refuse();
  for (Eigen::Index i = 0; i < columns.rows(); ++i) {
    std::size_t of[3];
    for (Eigen::Index j = 0; j < 3; ++j) {
      const double value = columns(i, j);
      if (!(value >= 0 && value <= static_cast<double>(width)) || value != std::floor(value))
        refuse();
      of[j] = static_cast<std::size_t>(value);
    }
    if (of[0] >= out.size() || of[2] == 0 || of[1] + of[2] > width) refuse();
    out[of[0]].ranges.emplace_back(of[1], of[2]);
  }
  for (const ColumnSet& pooling : out)
    if (pooling.ranges.empty()) refuse();
  return out;
}

Eigen::MatrixXd pooling_columns(const std::vector<ColumnSet>& poolings) {
  Eigen::Index rows = 0;
  for (const ColumnSet& pooling : poolings)
    rows += static_cast<Eigen::Index>(pooling.ranges.size());
  Eigen::MatrixXd out(rows, 3);
  Eigen::Index row = 0;
  for (std::size_t p = 0; p < poolings.size(); ++p)
    for (const auto& [first, count] : poolings[p].ranges)
      out.row(row++) << static_cast<double>(p), static_cast<double>(first),
          static_cast<double>(count);
  return out;
}

}  // namespace blindtuner::features
