#include "app/owner/steps.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "app/common/progress.h"
#include "app/common/report.h"
#include "base/atomic_file.h"
#include "base/error.h"
#include "base/json.h"
#include "base/path.h"
#include "base/sha256.h"
#include "base/utf8.h"
#include "features/data/answers.h"
#include "features/data/class_names.h"
#include "features/data/copies.h"
#include "features/data/label_twins.h"
#include "features/data/npy.h"
#include "features/data/sample_groups.h"
#include "features/data/shuffle.h"
#include "features/data/table_headings.h"
#include "party/owner/data_sets.h"
#include "party/owner/opening.h"
#include "records/dataset.h"
#include "records/training_state.h"
#include "secret/dataset_encryption.h"

namespace blindtuner::app {
namespace {

namespace fs = std::filesystem;

bool is_json(const fs::path& path) { return path.extension() == ".json"; }

nlohmann::json classifier_json(const DecryptedModel& decrypted) {
  const LinearClassifier& model = decrypted.classifier;
  nlohmann::json json = {{"classes", model.weights.rows()},
                         {"features", model.weights.cols()},
                         {"circuit", decrypted.limit.circuit},
                         {"logit_limit", decrypted.limit.limit}};
  if (!decrypted.class_names.empty()) json["class_names"] = decrypted.class_names;
  if (!decrypted.feature_names.empty()) json["feature_names"] = decrypted.feature_names;
  if (!decrypted.pooling.empty()) json["pooling"] = decrypted.pooling;
  if (!decrypted.label_name.empty()) json["label_name"] = decrypted.label_name;
  for (Eigen::Index k = 0; k < model.weights.rows(); ++k) {
    nlohmann::json row = nlohmann::json::array();
    for (Eigen::Index j = 0; j < model.weights.cols(); ++j) row.push_back(model.weights(k, j));
    json["weights"].push_back(std::move(row));
    json["bias"].push_back(model.bias(k));
  }
  return json;
}

/// Of a model or of scores, as a file says it: of a circuit that there is, and at most what that stands
/// with the largest shift that balance() makes.
LogitLimit checked_limit(const std::string& circuit, double limit, const std::string& name) {
  double most = 0;
  try {
    most = circuit_named(circuit).stable_range + std::log(static_cast<double>(kMaxSamples));
  } catch (const DataError& error) {
    throw DataError(name + ": " + error.what());
  }
  if (!(limit > 0 && limit <= most)) {
    char text[120];
    std::snprintf(text, sizeof text, "%g, expected more than 0 and at most %g", limit, most);
    throw DataError(name + ": logit_limit is " + text + ", what the circuit " + circuit +
                    " stands");
  }
  return {circuit, limit};
}

DecryptedModel classifier_from_json(const fs::path& path) {
  const nlohmann::json json = read_json(path);
  const std::string name = quoted_path(path);
  auto expect = [&](bool good) {
    if (!good) throw DataError(name + ": not a model: expected members weights and bias, numbers");
  };
  expect(json.is_object() && json.contains("weights") && json.contains("bias"));
  const auto &weights = json["weights"], &bias = json["bias"];
  expect(weights.is_array() && !weights.empty() && bias.is_array() &&
         bias.size() == weights.size() && weights[0].is_array());
  DecryptedModel out;
  LinearClassifier& model = out.classifier;
  if (json.contains("circuit")) {
    expect(json["circuit"].is_string() && json.contains("logit_limit") &&
           json["logit_limit"].is_number());
    out.limit =
        checked_limit(json["circuit"].get<std::string>(), json["logit_limit"].get<double>(), name);
  }
  const auto names = [&](const char* member, std::vector<std::string>& to) {
    if (!json.contains(member)) return;
    for (const auto& word : json[member]) {
      expect(word.is_string());
      to.push_back(word.get<std::string>());
    }
  };
  names("class_names", out.class_names);
  names("feature_names", out.feature_names);
  const auto text = [&](const char* member, std::string& to) {
    if (!json.contains(member)) return;
    expect(json[member].is_string());
    to = json[member].get<std::string>();
  };
  text("pooling", out.pooling);
  text("label_name", out.label_name);
  model.weights.resize(static_cast<Eigen::Index>(weights.size()),
                       static_cast<Eigen::Index>(weights[0].size()));
  model.bias.resize(static_cast<Eigen::Index>(weights.size()));
  for (Eigen::Index k = 0; k < model.weights.rows(); ++k) {
    const auto& row = weights[static_cast<std::size_t>(k)];
    expect(row.is_array() && row.size() == weights[0].size());
    for (Eigen::Index j = 0; j < model.weights.cols(); ++j) {
      expect(row[static_cast<std::size_t>(j)].is_number());
      model.weights(k, j) = row[static_cast<std::size_t>(j)].get<double>();
    }
    expect(bias[static_cast<std::size_t>(k)].is_number());
    model.bias(k) = bias[static_cast<std::size_t>(k)].get<double>();
  }
  return out;
}

using NpzMembers = std::map<std::string, std::vector<std::uint8_t>>;

NpzMembers with_limit(NpzMembers members, const LogitLimit& limit) {
  members["circuit"] = npy_bytes(std::vector<std::string>{limit.circuit});
  members["logit_limit"] = npy_bytes(Eigen::MatrixXd::Constant(1, 1, limit.limit).eval());
  return members;
}

/// Earlier programs wrote none.
LogitLimit limit_in(const NpzArchive& archive, const fs::path& path) {
  if (!archive.contains("circuit")) return {};
  const std::vector<std::string> circuit = archive.strings("circuit");
  const Eigen::MatrixXd limit = archive.matrix("logit_limit");
  if (circuit.size() != 1 || limit.size() != 1 || !std::isfinite(limit(0, 0)))
    throw DataError(quoted_path(path) +
                    ": expected one text in member circuit and one number in logit_limit");
  return checked_limit(circuit[0], limit(0, 0), quoted_path(path));
}

std::string group_name(const Dataset& set) {
  const std::string& column = set.groups.column;
  const bool number = column.find_first_not_of("0123456789") == std::string::npos;
  return number ? "value of column " + column : "'" + printable(column.substr(0, 60)) + "'";
}

/// Classes of one group have no part held out.
void warn_of_undivided_classes(const Dataset& set, const Split& split, const HoldOut& what) {
  std::vector<std::size_t> held(static_cast<std::size_t>(set.classes)),
      all = class_counts(set.labels, set.classes);
  for (const std::uint32_t i : split.second) ++held[static_cast<std::size_t>(set.labels[i])];
  std::vector<std::string> undivided;
  for (std::size_t k = 0; k < held.size(); ++k)
    if (held[k] == 0 && std::round(what.fraction * static_cast<double>(all[k])) > 0)
      undivided.push_back(k < set.class_names.size() ? set.class_names[k] : std::to_string(k));
  if (!undivided.empty())
    print_warning("no sample of " + list_of_names(undivided) + " is held out " + what.purpose +
                  ": all are of one " + group_name(set));
}

}  // namespace

void compare_groups_with(const Dataset& known, ColumnChoice& columns) {
  if (columns.group == "none") return;
  columns.group = known.groups.column.empty() ? "none" : "";
  columns.known_group = known.groups.column;
}

void check_features(const FeatureMatrix& features, const OwnerFolder& keys,
                    const std::string& name) {
  const auto width = static_cast<std::size_t>(features.cols());
  if (width != keys.layout().features - 1)
    throw DataError(name + ": " + std::to_string(width) + " features, expected " +
                    std::to_string(keys.layout().features - 1) + ", for which the keys were made");
  validate_finite(features, name);
  for (Eigen::Index i = 0; i < features.rows(); ++i)
    for (Eigen::Index j = 0; j < features.cols(); ++j)
      if (!(std::abs(features(i, j)) <= kMaxFeature))
        throw DataError(name + ": row " + std::to_string(i) + ", column " + std::to_string(j) +
                        " is " + std::to_string(features(i, j)) +
                        ", expected at most 4096 in magnitude: whiten or scale the features");
}

Dataset hold_out(Dataset& set, const HoldOut& what, const OrderSeed& seed,
                 const std::string& name) {
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
  if (set.groups.together) warn_of_undivided_classes(set, split, what);
  if (seed.keeps_order())
    for (std::vector<std::uint32_t>* half : {&split.first, &split.second})
      std::sort(half->begin(), half->end());
  Dataset held = select(set, split.second);
  set = select(set, split.first);
  return held;
}

void tell_copies(const Dataset& set, const std::string& name, Reading& reading) {
  const Copies copies = find_copies(set);
  reading.details["copies"] = {{"samples", copies.repeated},
                               {"contradicting", copies.contradicting},
                               {"by_chance", copies.by_chance}};
  if (copies.repeated == 0) return;
  const std::string count = std::to_string(copies.repeated) + " of " + std::to_string(set.size()) +
                            " samples equal an earlier one: ";
  reading.notes.push_back(
      name + ": " + count +
      (copies.by_chance ? "the columns' values make no more combinations than there are samples, "
                          "so they are split as others are"
                        : "copies stay together when samples are held out"));
  if (copies.contradicting > 0)
    print_warning(name + ": " + std::to_string(copies.contradicting) +
                  " samples have an equal of another class: no classifier is right about all of "
                  "them");
}

nlohmann::json warn_of_samples_in_both(const Dataset& known, const Dataset& other,
                                       const std::string& use, const std::string& known_as) {
  const std::string samples = " samples for " + use;
  const SharedGroups groups = shared_groups(known, other);
  if (groups.shared > 0)
    print_warning(std::to_string(groups.shared) + " of " + std::to_string(groups.values) +
                  " values of " + group_name(other) + " among the" + samples + " are in " +
                  known_as + " too: results on them may be too good for new ones");
  const std::size_t count = samples_in_both(known, other);
  if (count > 0)
    print_warning(std::to_string(count) + " of the " + std::to_string(other.size()) + samples +
                  " are in " + known_as + " as well: " +
                  (find_copies(known).by_chance
                       ? "the columns' values make few combinations, so new samples are too if "
                         "they are alike; if these are copies, results say nothing about new ones"
                       : "results on them say nothing about new samples"));
  const NearCopies near = near_copies(known, other);
  if (near.count > 0)
    print_warning(std::to_string(near.count) + " of " + std::to_string(near.looked_at) + samples +
                  " nearly equal one in " + known_as +
                  " (up to rounding): if they are copies of it, results on them say nothing about "
                  "new samples");
  nlohmann::json out = {{"samples", count}, {"nearly", near.count}};
  if (groups.values > 0)
    out["groups"] = {{"column", printable(other.groups.column)},
                     {"values", groups.values},
                     {"in_both", groups.shared}};
  return out;
}

void warn_of_single_samples(const Reading& reading) {
  const nlohmann::json single = reading.details.value("single_samples", nlohmann::json::array());
  if (single.empty()) return;
  std::vector<std::string> classes;
  for (const auto& one : single)
    classes.push_back("'" + one["class"].get<std::string>().substr(0, 60) + "' (" +
                      one["where"].get<std::string>() + ")");
  const bool several = classes.size() > 1;
  print_warning((several ? std::to_string(classes.size()) + " classes have a single sample each: "
                         : "a class has a single sample: ") +
                list_of_words(classes) + ": " +
                (several ? "are these classes, and not names or sums?"
                         : "is it a class, and no line of names or sums?"));
}

void warn_of_absent_classes(const Dataset& training, const std::string& name) {
  const std::vector<std::size_t> counts = class_counts(training.labels, training.classes);
  std::vector<std::string> absent;
  for (std::size_t k = 0; k < counts.size(); ++k)
    if (counts[k] == 0) absent.push_back(training.class_names[k]);
  if (!absent.empty())
    print_warning(name + ": no sample of " + list_of_names(absent) +
                  ": the model has such a class and cannot know it");
}

nlohmann::json warn_of_answers(const Dataset& training) {
  nlohmann::json out = nlohmann::json::array();
  const auto tell = [&](std::size_t column, const char* what, const nlohmann::json& value) {
    out.push_back({{"feature", column + 1}, {what, value}});
    if (!training.feature_names.empty())
      out.back()["name"] = printable(training.feature_names[column]);
  };
  std::vector<std::string> warnings;
  const std::vector<AnswerColumn> columns = answer_columns(training);
  if (!columns.empty()) warnings.push_back(answer_warning(training, columns));
  for (const AnswerColumn& one : columns) tell(one.column, "share", one.share);
  for (const LabelTwin& twin : label_twins(training.features, training.labels, training.classes)) {
    if (twin.columns.size() == 1) continue;  // is among those
    for (const std::size_t column : twin.columns) tell(column, "one_hot_share", twin.share);
    warnings.push_back(feature_list(training, twin.columns) + " are the label as one-hot columns" +
                       (twin.share < 1 ? " (nearly)" : "") +
                       ": they are an answer rather than features, and to be left out");
  }
  const std::vector<std::size_t> counters = row_counters(training.features);
  for (const std::size_t column : counters) tell(column, "counts_rows", true);
  if (!counters.empty())
    warnings.push_back(feature_list(training, counters) + " count" +
                       (counters.size() == 1 ? "s" : "") +
                       " the rows: an index is no feature, and gives the labels of sorted rows");
  const std::vector<std::size_t> numbers = row_numbers(training.features);
  for (const std::size_t column : numbers) tell(column, "numbers_rows", true);
  if (!numbers.empty())
    warnings.push_back(
        feature_list(training, numbers) + (numbers.size() == 1 ? " has" : " have") +
        " another whole number in every row, too close together for chance: ranks, or "
        "numbers of rows, which are no features and to be left out?");
  for (const std::string& warning : warnings) print_warning(warning);
  return out;
}

DataId encrypt_to(const fs::path& out, const OwnerFolder& keys, const Dataset& set,
                  const DataSetUse& use, bool quiet) {
  const FeatureMatrix& features = set.features;
  const Labels& labels = set.labels;
  const ProductLayout& made_for = keys.layout();
  const auto samples = static_cast<std::size_t>(features.rows());
  const ProductLayout layout = ProductLayout::create(
      *keys.set.parameters, samples, made_for.features, made_for.classes, made_for.width);
  DatasetFile file;
  file.info = {layout, fresh_key_id(), !labels.empty(), {}};
  const std::span<const float> values(features.data(), static_cast<std::size_t>(features.size()));
  Disclosure(keys.keys, keys.folder)
      .encrypted({.name = out.string(), .data = to_string(file.info.id)}, samples,
                 feature_sizes(*keys.set.parameters, layout, values));
  ProgressBar encrypting("encrypting", quiet);
  file.data = encrypt_dataset(keys.keys.secrets, layout, values, labels, 1.0,
                              [&](double fraction) { encrypting.update(fraction); });
  encrypting.finish();
  ProgressBar writing("writing", quiet);
  const Sha256Digest contents =
      write_dataset(out, keys.set, file, [&](double fraction) { writing.update(fraction); });
  writing.finish();
  try {
    if (!use.identifiers.empty()) keep_identifiers(keys, file.info.id, use.identifiers);
    record_data_set(
        keys,
        {file.info.id, contents, (use.kept_as.empty() ? out : use.kept_as).string(), use.use,
         samples, !labels.empty(), use.seed, use.map,
         class_counts(labels, static_cast<int>(layout.classes)), set.class_names, set.feature_names,
         set.pooling, set.label_name, use.held_out, !use.identifiers.empty()});
  } catch (const DataError&) {
    std::error_code ignored;
    fs::remove(out, ignored);
    fs::remove(identifiers_path(keys, file.info.id), ignored);
    throw;
  }
  return file.info.id;
}

void require_log_odds(const Head& head) {
  if (!head.log_odds())
    throw DataError("--balanced moves logarithms of odds, and the scores of the head '" +
                    std::string(head.name()) + "' are none");
}

DecryptedModel balanced(DecryptedModel model, const std::vector<std::size_t>& class_samples,
                        double strength) {
  if (model.limit.limit > 0)
    model.limit.limit += balance_shift(class_samples, strength).cwiseAbs().maxCoeff();
  model.classifier = reference::balanced(std::move(model.classifier), class_samples, strength);
  return model;
}

Eigen::MatrixXd scores_of(std::span<const double> values, const ProductLayout& l) {
  using Rows = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  return Eigen::Map<const Rows>(values.data(), static_cast<Eigen::Index>(l.samples),
                                static_cast<Eigen::Index>(l.classes));
}

LinearClassifier classifier_of(std::span<const double> values, const ProductLayout& l) {
  using Rows = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const auto features = static_cast<Eigen::Index>(l.features);
  const Eigen::Map<const Rows> all(values.data(), static_cast<Eigen::Index>(l.classes), features);
  return {all.leftCols(features - 1), all.col(features - 1)};
}

std::string new_ledger_text(const Disclosure& door) {
  if (!door.began_ledger()) return "";
  return "a ledger of what these keys give away begins here, " + quoted_path(door.ledger().path()) +
         "; what was decrypted with them before is not in it\n";
}

void save_classifier(const fs::path& path, const DecryptedModel& model, unsigned mode) {
  if (is_json(path)) {
    write_file_atomically(path, json_text(classifier_json(model)) + "\n", mode);
  } else if (path.extension() == ".npz") {
    NpzMembers members = with_limit({{"weights", npy_bytes(model.classifier.weights)},
                                     {"bias", npy_bytes(Eigen::MatrixXd(model.classifier.bias))}},
                                    model.limit);
    if (!model.class_names.empty()) members["classes"] = npy_bytes(model.class_names);
    if (!model.feature_names.empty()) members["feature_names"] = npy_bytes(model.feature_names);
    if (!model.pooling.empty())
      members["pooling"] = npy_bytes(std::vector<std::string>{model.pooling});
    if (!model.label_name.empty())
      members["label_name"] = npy_bytes(std::vector<std::string>{model.label_name});
    write_npz(path, members, mode);
  } else {
    throw DataError(quoted_path(path) + ": a model is written as .npz or .json");
  }
}

DecryptedModel load_classifier(const fs::path& path) {
  DecryptedModel out;
  LinearClassifier& model = out.classifier;
  if (is_json(path)) {
    out = classifier_from_json(path);
  } else if (path.extension() == ".npz") {
    const NpzArchive archive(path);
    const Eigen::MatrixXd bias = archive.matrix("bias");
    model.weights = archive.matrix("weights");
    if (bias.size() != model.weights.rows())
      throw DataError(quoted_path(path) + ": " + std::to_string(bias.size()) + " biases for " +
                      std::to_string(model.weights.rows()) + " classes");
    model.bias = Eigen::Map<const Eigen::VectorXd>(bias.data(), bias.size());
    out.limit = limit_in(archive, path);
    if (archive.contains("classes")) out.class_names = archive.strings("classes");
    if (archive.contains("feature_names")) out.feature_names = archive.strings("feature_names");
    for (const auto& [member, to] :
         {std::pair{"pooling", &out.pooling}, {"label_name", &out.label_name}}) {
      if (!archive.contains(member)) continue;
      const std::vector<std::string> text = archive.strings(member);
      if (text.size() == 1) *to = text[0];
    }
  } else {
    throw DataError(quoted_path(path) + ": expected a decrypted model, .npz or .json");
  }
  if (model.weights.rows() < 2 || model.weights.rows() > static_cast<Eigen::Index>(kMaxClasses) ||
      model.weights.cols() < 1 || !model.weights.allFinite() || !model.bias.allFinite() ||
      !std::isfinite(out.limit.limit))
    throw DataError(quoted_path(path) + ": a model has 2 to " + std::to_string(kMaxClasses) +
                    " classes, a feature or more, finite weights");
  const auto fit = [&](const std::vector<std::string>& names, Eigen::Index count,
                       const char* what) {
    if (!names.empty() && names.size() != static_cast<std::size_t>(count))
      throw DataError(quoted_path(path) + ": " + std::to_string(names.size()) + " names for " +
                      std::to_string(count) + what);
  };
  fit(out.class_names, model.weights.rows(), " classes");
  fit(out.feature_names, model.weights.cols(), " features");
  return out;
}

namespace {
std::string identifiers_member(std::size_t place) {
  return place == 0 ? "identifiers" : "identifiers_" + std::to_string(place + 1);
}
}  // namespace

void save_scores(const fs::path& path, const DecryptedScores& decrypted, unsigned mode) {
  if (path.extension() == ".npz") {
    NpzMembers members = with_limit({{"scores", npy_bytes(decrypted.scores)}}, decrypted.limit);
    if (!decrypted.class_names.empty()) members["classes"] = npy_bytes(decrypted.class_names);
    std::vector<std::string> columns;
    for (const NamedColumn& column : decrypted.identifiers) {
      members[identifiers_member(columns.size())] = npy_bytes(column.fields);
      columns.push_back(column.name);
    }
    if (!columns.empty()) members["identifier_columns"] = npy_bytes(columns);
    write_npz(path, members, mode);
  } else {
    write_npy(path, decrypted.scores, mode);
  }
}

DecryptedScores load_scores(const fs::path& path) {
  DecryptedScores out;
  if (path.extension() == ".npz") {
    const NpzArchive archive(path);
    out = {archive.matrix("scores"), limit_in(archive, path), {}};
    if (archive.contains("classes")) out.class_names = archive.strings("classes");
    if (archive.contains("identifier_columns"))
      for (const std::string& name : archive.strings("identifier_columns")) {
        const std::string member = identifiers_member(out.identifiers.size());
        out.identifiers.push_back({heading_key(name),
                                   "'" + printable(name.empty() ? member : name) + "'",
                                   archive.keys(member)});
        if (out.identifiers.back().fields.size() != static_cast<std::size_t>(out.scores.rows()))
          throw DataError(archive.where(member) + ": " +
                          std::to_string(out.identifiers.back().fields.size()) +
                          " identifiers for " + std::to_string(out.scores.rows()) + " samples");
      }
  } else {
    out.scores = read_npy_matrix(path);
  }
  if (out.scores.cols() < 2 || out.scores.cols() > static_cast<Eigen::Index>(kMaxClasses))
    throw DataError(quoted_path(path) + ": " + std::to_string(out.scores.cols()) +
                    " columns, expected 2 to " + std::to_string(kMaxClasses) + " classes");
  if (!out.class_names.empty() &&
      out.class_names.size() != static_cast<std::size_t>(out.scores.cols()))
    throw DataError(quoted_path(path) + ": " + std::to_string(out.class_names.size()) +
                    " names for " + std::to_string(out.scores.cols()) + " classes");
  return out;
}

}  // namespace blindtuner::app
