#include "features/data/named_labels.h"

#include <algorithm>
#include <vector>

#include "base/error.h"
#include "base/utf8.h"
#include "features/data/members.h"

namespace blindtuner::features {
namespace {

/// As `extract` writes them: places among `classes`, whatever these are called. Who puts other labels into its archive has numbers of
/// another type, as a rule, or another member.
bool are_of_extract(const NpzArchive& archive, const std::string& labels) {
  return labels == "labels" && archive.holds_int32(labels) && archive.holds_text("classes") &&
         archive.holds_text("digests") && archive.holds_text("pooling");
}

std::string doubt(const LabelWords& words, const std::string& member,
                  const std::vector<std::string>& as_places) {
  return words.first_places()[0] + ": labels " + list_of_words(words.words()) +
         " may be classes as '" + printable(member) + "' has them, or places there, of " +
         list_of_names(as_places) + ": write labels as texts, which are names: numpy.asarray(" +
         printable(member) +
         ", dtype=str)[labels] where they are places (as 'extract' wrote them; make an archive "
         "of an earlier version's again), labels.astype(str) where they are the classes";
}

}  // namespace

LabelWords named_labels(const NpzArchive& archive, const std::string& labels, ClassRequest& classes,
                        Reading& reading) {
  LabelWords words = archive.label_words(labels);
  const std::string member = class_names_member(archive);
  if (member.empty() || member == labels) return words;
  const std::string where = archive.where(member);
  // As `extract` writes them: these are the classes, and have to fit.
  const bool given = member == "classes" && archive.holds_text(member);
  const bool texts = archive.holds_text(labels);
  const bool places = are_of_extract(archive, labels) ||
                      !archive.may_have_one_a_row(labels, words.size());  // one-hot
  std::vector<std::string> names;
  bool are_names = false;
  LabelWords out = words;
  try {
    names = different_names(archive.keys(member), where);
    // As numpy.unique has them: the labels' own numbers, and no places.
    are_names = !places && words.are_among(names);
    if (!texts) out = words.renamed(names);
    if (texts && !are_names && !given)
      throw DataError(words.first_places()[0] +
                      ": labels are texts, and others: " + list_of_names(words.words()));
  } catch (const DataError& error) {
    if (given && !are_names) throw;
    if (!are_names)
      reading.warnings.push_back(where + ": not taken for the classes' names: " + error.what());
    out = words;
  }
  const bool same = std::ranges::equal(out.words(), words.words(), is_one_class);
  // Another set's, of other classes, would be read in the other way.
  if (are_names && !same) throw DataError(doubt(words, member, out.words()));
  if (given) {
    if (classes.names.empty()) classes.names = names;
    return out;
  }
  if (same) return words;
  if (classes.names.empty() || !are_numbered(classes.names)) {
    if (classes.names.empty()) classes.names = names;
    reading.notes.push_back(where + ": taken for the classes' names");
    return out;
  }
  reading.warnings.push_back(
      where + ": not taken for the classes' names: the training set's classes are numbers");
  return words;
}

}  // namespace blindtuner::features
