// Classes by name.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "features/samples/dataset.h"

namespace blindtuner::features {

/// Bytes of a name.
inline constexpr std::size_t kMaxClassName = 1000;

/// A name as it is compared: UTF-8 in Unicode's composed form (NFC), without blanks around it, those of
/// no width and those that do not break lines among them. Bytes that are not UTF-8 are written as
/// \xHH, so that files can keep every name.
std::string class_name(std::string_view word);

/// Labels as a file has them, before it is known which classes there are: every different word once.
class LabelWords {
 public:
  /// One more label, class_name(word). Throws DataError that begins with `where()` when there are
  /// more than kMaxLabels different ones, or one is empty or longer than 1000 bytes.
  void add(std::string_view word, const std::function<std::string()>& where);

  std::size_t size() const { return indices_.size(); }
  /// Different words, in the order in which they appear, and the `where()` of the first of each.
  const std::vector<std::string>& words() const { return words_; }
  const std::vector<std::string>& first_places() const { return first_places_; }
  /// The same rows, where words that are all whole numbers are places in `names`, from 0. Throws
  /// DataError on a number that is no place in it.
  LabelWords renamed(const std::vector<std::string>& names) const;
  /// Whether every word is one of `names`, whatever way it is written: number_labels() would find it.
  bool are_among(const std::vector<std::string>& names) const;

  /// Of a row: which of words() it is.
  std::uint32_t index(std::size_t row) const { return indices_[row]; }

 private:
  std::vector<std::uint32_t> indices_;
  std::vector<std::string> words_;
  std::vector<std::string> first_places_;
  std::map<std::string, std::uint32_t, std::less<>> numbers_;
};

struct NamedLabels {
  Labels labels;
  std::vector<std::string> classes;  ///< the name of every class number
};

/// What is known of the classes before labels are numbered.
struct ClassRequest {
  /// Their names in order; every label must be one of them. Empty: they are made up of the labels.
  std::vector<std::string> names;
  /// How many there are to be (0: as many as there are different labels). Labels that are whole
  /// numbers below it stand for themselves, whichever of them there are.
  int count = 0;
  /// Labels that are whole numbers are places in `names`, from 0, although these are no numbers; where they are, and one is another
  /// class by its name, that is refused.
  bool numbered = false;
};

/// Class numbers for labels. Words that are all whole numbers are compared as such ("2.0" and "02"
/// are "2") and ordered by size, others by their bytes; "False" and "True" are the same as "0" and
/// "1". Throws DataError: a label that is none of the names (which are listed), more classes than
/// there may be, what require_one_spelling() refuses where there are no names.
NamedLabels number_labels(const LabelWords& words, const ClassRequest& request);

/// Whether they can only be meant for one class: they differ in what require_one_spelling() says at most.
bool is_one_class(const std::string& a, const std::string& b);

/// Throws DataError where two words can only be meant for one class: they differ in capitals, in
/// blanks, in Unicode's compatible forms, or as "1", "1.0" and "True" do.
void require_one_spelling(const LabelWords& words);

/// Names of classes, each as class_name() has it. Throws DataError that begins with `where` when one is empty, too long or not
/// UTF-8, or there twice.
std::vector<std::string> different_names(std::vector<std::string> names, const std::string& where);

/// number_labels() into a set: labels, class_names and their number, at least 2. `name` opens the message.
void set_classes(Dataset& set, const LabelWords& words, const ClassRequest& request,
                 const std::string& name);

/// "0", "1", .. for `count` classes; and whether names are these.
std::vector<std::string> numbered_classes(int count);
bool are_numbered(const std::vector<std::string>& classes);

/// What number each class has, where that is not its name: "classes: 0 is 'mel', 1 is 'nv'"; empty
/// otherwise.
std::string class_note(const std::vector<std::string>& classes);

/// Words separated by commas, cut off after a few.
std::string list_of_words(const std::vector<std::string>& words);
/// Names in quotes, the same.
std::string list_of_names(const std::vector<std::string>& names);

}  // namespace blindtuner::features
