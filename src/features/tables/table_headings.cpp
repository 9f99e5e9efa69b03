#include "features/tables/table_headings.h"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "features/tables/table_columns.h"

namespace blindtuner::features {
namespace {

using Words = std::set<std::string, std::less<>>;

/// heading_key() with "_" only between words: "Serial No." is "serial_no".
std::string word_of(std::string_view name) {
  std::string out;
  for (const char c : heading_key(name))
    if (c != '_' || (!out.empty() && out.back() != '_')) out += c;
  while (out.ends_with('_')) out.pop_back();
  return out;
}

bool is_in(const Words& words, std::string_view name) {
  return words.find(word_of(name)) != words.end();
}

/// "row_names", "sno", "case_number", "customerid", ..: what rows are, and a word for their numbers.
bool is_number_of(std::string_view word) {
  if (word == "rn" || word == "mrn") return true;
  static const Words of = {"row",     "serial",  "sr",     "s",        "sl",       "case", "record",
                           "patient", "subject", "sample", "employee", "customer", "user"};
  for (const std::string_view number :
       {"_number", "number", "_names", "names", "_name", "name", "_index", "index", "_num", "num",
        "_no", "no", "_nr", "nr", "_id", "id"})
    if (word.ends_with(number) && of.count(word.substr(0, word.size() - number.size())) != 0)
      return true;
  return false;
}

bool letter_in(std::string_view text, std::string_view letters) {
  return text.find_first_of(letters) != std::string_view::npos;
}

}  // namespace

std::string heading_key(std::string_view name) {
  std::string out;
  for (const char c : without_blanks(name)) {
    if (c >= 'A' && c <= 'Z')
      out += static_cast<char>(c - 'A' + 'a');
    else
      out += c == ' ' || c == '-' || c == '.' ? '_' : c;
  }
  return out;
}

bool is_label_heading(std::string_view name) {
  static const Words words = {
      "label",      "labels",     "target",      "targets",      "class",       "classes",
      "y",          "category",   "intent",      "sentiment",    "emotion",     "diagnosis",
      "dx",         "outcome",    "species",     "ground_truth", "groundtruth", "gold",
      "gold_label", "true_label", "class_label", "class_name",   "classname",   "class_id",
      "label_name", "label_text", "label_id",    "target_name",  "labelname",   "label_names"};
  return is_in(words, name);
}

bool is_plain_label_heading(std::string_view name) {
  static const Words words = {"labels", "label", "y", "target", "targets", "class", "classes_of"};
  return words.find(heading_key(name)) != words.end();
}

bool is_text_heading(std::string_view name) {
  static const Words words = {
      "text",        "texts",      "sentence",     "sentences", "utterance", "utterances",
      "query",       "question",   "document",     "content",   "review",    "review_text",
      "review_body", "comment",    "comment_text", "message",   "note",      "notes",
      "tweet",       "post",       "body",         "title",     "headline",  "abstract",
      "description", "transcript", "transcription"};
  return is_in(words, name);
}

bool is_path_heading(std::string_view name) {
  static const Words words = {"path",      "paths",      "file",       "files",          "filename",
                              "file_name", "filepath",   "file_path",  "image",          "images",
                              "img",       "picture",    "photo",      "image_path",     "img_path",
                              "imagepath", "image_name", "image_file", "image_filename", "image_id",
                              "img_id",    "img_name"};
  return is_in(words, name);
}

bool is_identifier_heading(std::string_view name) {
  static const Words words = {
      "id",         "ids",      "idx",     "index",      "row",       "rows",   "rowid", "row_no",
      "row_number", "rownames", "no",      "nr",         "uid",       "uuid",   "guid",  "key",
      "sample",     "subject",  "patient", "filename",   "file_name", "file",   "path",  "filepath",
      "file_path",  "image",    "img",     "image_path", "timestamp", "unnamed"};
  const std::string_view text = without_blanks(name);
  const std::string key = heading_key(name);
  const bool camel = text.size() > 2 && (text.ends_with("Id") || text.ends_with("ID")) &&
                     text[text.size() - 3] >= 'a' && text[text.size() - 3] <= 'z';
  return is_in(words, name) || key.ends_with("_id") || camel || is_number_of(word_of(name));
}

bool is_ambiguous_identifier(std::string_view name) {
  static const Words words = {"no", "nr", "key"};
  return is_in(words, name);
}

bool is_counter_heading(std::string_view name) {
  static const Words words = {"x",   "case",   "cases",       "record",  "number", "num",
                              "obs", "serial", "observation", "counter", "seqn",   "x_1"};
  return is_in(words, name);
}

namespace {

/// "patient" of "patient_id", "PatientNo", ..
std::string origin_of(std::string_view name) {
  std::string key = heading_key(name);
  for (const char* end : {"identifier", "number", "code", "uid", "id", "ids", "no", "nr"})
    if (key.ends_with(end)) {
      key.resize(key.size() - std::string_view(end).size());
      break;
    }
  if (key.ends_with('_')) key.pop_back();
  return key;
}

}  // namespace

bool is_origin_heading(std::string_view name) {
  static const Words words = {"patient",    "subject",  "subj",     "participant", "person",
                              "individual", "lesion",   "tumor",    "tumour",      "donor",
                              "respondent", "animal",   "mouse",    "user",        "customer",
                              "client",     "member",   "employee", "student",     "speaker",
                              "author",     "writer",   "driver",   "family",      "household",
                              "case",       "patients", "subjects", "groups",      "mrn"};
  return words.find(origin_of(name)) != words.end();
}

bool is_certain_origin_heading(std::string_view name) {
  static const Words words = {"patient", "subject", "subj",       "participant",
                              "person",  "donor",   "respondent", "mrn"};
  return words.find(origin_of(name)) != words.end();
}

bool is_group_heading(std::string_view name) {
  static const Words rows = {"idx",    "index",     "row",        "rows",     "rowid",
                             "row_id", "row_no",    "row_number", "rownames", "no",
                             "nr",     "timestamp", "unnamed"};
  if (is_label_heading(name) || is_unnamed_heading(name) || is_split_heading(name)) return false;
  return is_origin_heading(name) || (is_identifier_heading(name) && !is_in(rows, name));
}

bool is_split_heading(std::string_view name) {
  static const Words words = {"split",     "fold",     "folds",  "set",
                              "partition", "subset",   "kfold",  "is_train",
                              "is_test",   "is_valid", "is_val", "data_split"};
  return is_in(words, name);
}

bool is_unnamed_heading(std::string_view name) {
  const std::string key = heading_key(name);
  return key.starts_with("unnamed:") || key == "level_0" || key == "x__1" || key == "...1";
}

std::function<bool(std::string_view)> known_headings(TableUse use) {
  return [use](std::string_view name) {
    return is_label_heading(name) || is_unnamed_heading(name) ||
           (use == TableUse::kTexts && is_text_heading(name)) ||
           (use == TableUse::kPictures && is_path_heading(name));
  };
}

namespace {

/// "05-Mar-2021", "5 March 2021", "05MAR2021", "Mar 5, 2021" as "5-1-2021": the name of a month, and what
/// separates it, as a number. Other texts as they are.
std::string with_numbered_month(std::string_view text) {
  static constexpr std::string_view kMonths[] = {"january",   "february", "march",    "april",
                                                 "may",       "june",     "july",     "august",
                                                 "september", "october",  "november", "december"};
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  const auto first = std::find_if(text.begin(), text.end(), letter);
  const auto last = std::find_if_not(first, text.end(), letter);
  std::string word(first, last);
  for (char& c : word) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  const bool month = std::any_of(std::begin(kMonths), std::end(kMonths), [&](auto name) {
    return word == name || word == name.substr(0, 3) || (word == "sept" && name[0] == 's');
  });
  if (!month) return std::string(text);
  constexpr std::string_view kBetween = " -/.,";
  std::string before(text.begin(), first), after(last, text.end());
  before.resize(before.find_last_not_of(kBetween) + 1);
  after.erase(0, after.find_first_not_of(kBetween));
  if (!before.empty()) return before + "-1-" + after;
  // The month stands first: the day is behind it, or none.
  const std::size_t day = after.find_first_of(kBetween);
  const std::size_t year = after.find_first_not_of(kBetween, day);
  if (day == std::string::npos || year == std::string::npos) return "1-" + after;
  return after.substr(0, day) + "-1-" + after.substr(year);
}

/// "09:30", "17:05"; not "1:20", a dilution.
bool is_time_of_day(std::string_view text) {
  const auto below = [&](std::size_t at, char tens) {
    return text[at] >= '0' && text[at] <= tens && text[at + 1] >= '0' && text[at + 1] <= '9';
  };
  return text.size() == 5 && text[2] == ':' && below(0, '2') && below(3, '5') &&
         (text[0] < '2' || text[1] < '4');
}

}  // namespace

bool looks_like_date(std::string_view field) {
  if (is_time_of_day(without_blanks(field))) return true;
  const std::string numbered = with_numbered_month(without_blanks(field));
  const std::string_view text = numbered;
  // Numbers and what is between them: a date, a time, or both.
  std::vector<std::string_view> numbers;
  std::string between;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find_first_not_of("0123456789", at), text.size());
    numbers.push_back(text.substr(at, end - at));
    if (end == text.size()) break;
    between += text[end];
    at = end + 1;
    while (at < text.size() && letter_in(text.substr(at, 1), " ,")) ++at;
  }
  if (text.size() < 6 || text.size() > 40 || between.empty() || numbers[0].empty()) return false;
  if (between.starts_with("::"))  // a time, with a fraction or without
    return numbers[0].size() <= 2 && between.find_first_not_of(":.") == std::string::npos;
  const auto day = [&](std::size_t k) { return !numbers[k].empty() && numbers[k].size() <= 2; };
  const auto year = [&](std::size_t k) {
    return numbers[k].size() == 4 && (numbers[k][0] == '1' || numbers[k][0] == '2');
  };
  if (!letter_in(between.substr(0, 1), "-/.")) return false;
  const bool three = numbers.size() >= 3 && between.size() >= 2 && between[0] == between[1];
  const bool date = three ? day(1) && (year(0) ? day(2) : day(0) && (day(2) || year(2)))
                          : between[0] != '.' && numbers.size() == 2 && between.size() == 1 &&
                                ((year(0) && day(1)) || (day(0) && year(1)));
  // Behind it, a time and its zone.
  const std::size_t rest = three ? 2 : 1;
  return date && (between.size() <= rest ||
                  (letter_in(between.substr(rest, 1), " T,") &&
                   between.find_first_not_of(":.+-TZ ", rest + 1) == std::string::npos));
}

bool is_split_name(std::string_view field) {
  static const Words words = {"train", "training", "test",    "testing", "val",
                              "valid", "dev",      "holdout", "eval",    "validation"};
  return is_in(words, field);
}

}  // namespace blindtuner::features
