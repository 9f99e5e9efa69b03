#include "party/owner/decrypted.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/json.h"
#include "base/path.h"
#include "base/utf8.h"
#include "features/data/npy.h"
#include "features/samples/class_names.h"
#include "features/tables/table_headings.h"
#include "learn/reference/balance.h"

namespace blindtuner::party {
using namespace reference;
namespace {

namespace fs = std::filesystem;

bool is_json(const fs::path& path) { return path.extension() == ".json"; }

nlohmann::json classifier_json(const DecryptedModel& decrypted) {
  const LinearClassifier& model = decrypted.classifier;
  nlohmann::json out = {{"classes", model.weights.rows()},
                        {"features", model.weights.cols()},
                        {"circuit", decrypted.limit.circuit},
                        {"logit_limit", decrypted.limit.limit}};
  if (!decrypted.class_names.empty()) out["class_names"] = decrypted.class_names;
  if (!decrypted.feature_names.empty()) out["feature_names"] = decrypted.feature_names;
  if (!decrypted.pooling.empty()) out["pooling"] = decrypted.pooling;
  if (!decrypted.encoder.empty()) out["encoder"] = decrypted.encoder;
  if (!decrypted.label_name.empty()) out["label_name"] = decrypted.label_name;
  if (!decrypted.features_member.empty()) out["features_member"] = decrypted.features_member;
  if (decrypted.trained_logit > 0) out["trained_logit"] = decrypted.trained_logit;
  if (!decrypted.column_owners.empty()) out["column_owners"] = decrypted.column_owners;
  for (Eigen::Index k = 0; k < model.weights.rows(); ++k) {
    nlohmann::json row = nlohmann::json::array();
    for (Eigen::Index j = 0; j < model.weights.cols(); ++j) row.push_back(model.weights(k, j));
    out["weights"].push_back(std::move(row));
    out["bias"].push_back(model.bias(k));
  }
  return out;
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

/// A size that a file may say is that of its numbers.
void require_said(const JsonIn& in, const char* name, std::size_t size) {
  const auto number = static_cast<std::int64_t>(size);
  if (in.has(name)) (void)in.at(name).whole(number, number);
}

DecryptedModel classifier_from_json(const fs::path& path) {
  const nlohmann::json read = read_json(path);
  const JsonIn in(read, quoted_path(path)), weights = in.at("weights"), bias = in.at("bias");
  if (weights.size() == 0) weights.refuse("a row of numbers a class");
  if (bias.size() != weights.size()) bias.refuse("a number a class");
  DecryptedModel out;
  LinearClassifier& model = out.classifier;
  if (in.has("circuit"))
    out.limit = checked_limit(in.at("circuit").as<std::string>(), in.at("logit_limit").as<double>(),
                              quoted_path(path));
  in.take("feature_names", out.feature_names);
  in.take("pooling", out.pooling);
  in.take("encoder", out.encoder);
  in.take("label_name", out.label_name);
  in.take("features_member", out.features_member);
  in.take("column_owners", out.column_owners);
  in.take("trained_logit", out.trained_logit);
  const std::size_t features = weights.at(0).size();
  require_said(in, "classes", weights.size());
  require_said(in, "features", features);
  if (in.has("class_names")) {
    out.class_names = in.at("class_names").as<std::vector<std::string>>();
    if (out.class_names.size() != weights.size())
      in.at("class_names").refuse("a name a class, " + std::to_string(weights.size()));
  }
  model.weights.resize(static_cast<Eigen::Index>(weights.size()),
                       static_cast<Eigen::Index>(features));
  model.bias.resize(static_cast<Eigen::Index>(weights.size()));
  for (std::size_t k = 0; k < weights.size(); ++k) {
    const JsonIn row = weights.at(k);
    if (row.size() != features) row.refuse(std::to_string(features) + " numbers, as in the first");
    const auto values = row.as<std::vector<double>>();
    const auto to = static_cast<Eigen::Index>(k);
    model.weights.row(to) = Eigen::Map<const Eigen::RowVectorXd>(
        values.data(), static_cast<Eigen::Index>(values.size()));
    model.bias(to) = bias.at(k).as<double>();
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

}  // namespace

TakenForTraining DecryptedModel::taken() const {
  // A table that lacks the name is refused: any other column may be another answer.
  return {feature_names, pooling, encoder, features_member, {.name = label_name, .required = true}};
}

void require_log_odds(const Head& head) {
  if (!head.log_odds())
    throw DataError("balancing classes moves logarithms of odds, and the scores of the head '" +
                    std::string(head.name()) + "' are none");
}

DecryptedModel balanced(DecryptedModel model, const std::vector<std::size_t>& class_samples,
                        double strength) {
  const double shift = balance_shift(class_samples, strength).cwiseAbs().maxCoeff();
  if (model.limit.limit > 0) model.limit.limit += shift;
  if (model.trained_logit > 0) model.trained_logit += shift;
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

void save_classifier(const fs::path& path, const DecryptedModel& model, unsigned mode) {
  if (is_json(path)) {
    write_file_atomically(path, json_text(classifier_json(model)) + "\n", mode);
  } else if (path.extension() == ".npz") {
    NpzMembers members = with_limit({{"weights", npy_bytes(model.classifier.weights)},
                                     {"bias", npy_bytes(Eigen::MatrixXd(model.classifier.bias))}},
                                    model.limit);
    if (!model.class_names.empty()) members["classes"] = npy_bytes(model.class_names);
    if (!model.feature_names.empty()) members["feature_names"] = npy_bytes(model.feature_names);
    if (!model.column_owners.empty()) members["column_owners"] = npy_bytes(model.column_owners);
    if (model.trained_logit > 0)
      members["trained_logit"] =
          npy_bytes(Eigen::MatrixXd::Constant(1, 1, model.trained_logit).eval());
    for (const auto& [member, text] : {std::pair{"pooling", &model.pooling},
                                       {"encoder", &model.encoder},
                                       {"label_name", &model.label_name},
                                       {"features_member", &model.features_member}})
      if (!text->empty()) members[member] = npy_bytes(std::vector<std::string>{*text});
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
    if (archive.contains("trained_logit"))
      if (const Eigen::MatrixXd largest = archive.matrix("trained_logit"); largest.size() == 1)
        out.trained_logit = largest(0, 0);
    if (archive.contains("classes")) out.class_names = archive.strings("classes");
    if (archive.contains("feature_names")) out.feature_names = archive.strings("feature_names");
    if (archive.contains("column_owners")) out.column_owners = archive.strings("column_owners");
    for (const auto& [member, to] : {std::pair{"pooling", &out.pooling},
                                     {"encoder", &out.encoder},
                                     {"label_name", &out.label_name},
                                     {"features_member", &out.features_member}}) {
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
  fit(out.column_owners, model.weights.cols(), " features");
  return out;
}

namespace {
constexpr char kMixedRows[] = "mixed";

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
    if (decrypted.mixed) members["row_order"] = npy_bytes(std::vector<std::string>{kMixedRows});
    write_npz(path, members, mode);
  } else if (path.extension() == ".npy") {
    require(!decrypted.mixed, "save_scores: .npy does not say that rows are mixed");
    write_npy(path, decrypted.scores, mode);
  } else {
    throw DataError(quoted_path(path) + ": scores are written as .npz or .npy");
  }
}

DecryptedScores load_scores(const fs::path& path) {
  DecryptedScores out;
  if (path.extension() == ".npz") {
    const NpzArchive archive(path);
    out = {archive.matrix("scores"), limit_in(archive, path), {}};
    if (archive.contains("classes")) out.class_names = archive.strings("classes");
    if (archive.contains("row_order"))
      out.mixed = archive.strings("row_order") == std::vector<std::string>{kMixedRows};
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

}  // namespace blindtuner::party
