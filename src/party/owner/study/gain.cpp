#include "party/owner/study/gain.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "features/samples/class_names.h"
#include "features/samples/shuffle.h"
#include "learn/reference/metrics.h"
#include "learn/reference/plain_reference.h"
#include "linalg/encrypted_dataset.h"
#include "party/owner/quality.h"
#include "party/owner/rehearsal.h"

namespace blindtuner::party {
using namespace reference;
namespace {

/// Two models are compared over the same classes, those that are among the rows: macro_f1() takes in what one of them alone
/// takes some row for.
double mean_f1_of_present(const nlohmann::json& per_class) {
  double sum = 0;
  int present = 0;
  for (const auto& one : per_class)
    if (one["samples"] != 0) {
      sum += one["f1"].get<double>();
      ++present;
    }
  return sum / present;
}

}  // namespace

LinearClassifier trained_alone(const StudyDraft& draft, const StudyData& data) {
  const Labels& labels = data.train.labels;
  if (std::ranges::all_of(labels, [&](int label) { return label == labels.front(); })) {
    const auto classes = static_cast<Eigen::Index>(draft.classes.size());
    LinearClassifier out{Eigen::MatrixXd::Zero(classes, data.train.features.cols()),
                         Eigen::VectorXd::Zero(classes)};
    out.bias(labels.front()) = 1;
    return out;
  }
  Dataset own = data.train;
  std::optional<Whitening> map = data.map;
  if (draft.whitening == StudyDraft::Whitening::kPooled)
    map = Whitening::fit(own.features, draft.epsilon);
  if (map) own.features = map->apply(own.features);
  PlainOptions options;
  options.measure_models = options.measure_all_logits = false;
  LinearClassifier out = train_plain(own, nullptr, draft.config, options).model;
  return map ? map->unfold(out) : out;
}

void require_trainable(const StudyDraft& draft, const Parameters& parameters,
                       const StudyData& data) {
  // What the pooled map makes of columns is of one scale.
  if (draft.whitening == StudyDraft::Whitening::kPooled) return;
  const std::string advice =
      data.map
          ? "the study's map is not for these rows"
          : "columns as they are have to be of one scale: scale them alike at all owners, or "
            "make the study with '--whitening pooled' or a map that 'whiten' makes of public data";
  Dataset own = data.train;
  if (data.map) own.features = data.map->apply(own.features);
  for (Eigen::Index i = 0; i < own.features.rows(); ++i)
    for (Eigen::Index j = 0; j < own.features.cols(); ++j)
      if (!(std::abs(own.features(i, j)) <= kMaxFeature))
        throw DataError("column " + std::to_string(j + 1) + " reaches " +
                        std::to_string(own.features(i, j)) + ", expected at most 4096: " + advice);
  if (std::ranges::all_of(own.labels, [&](int label) { return label == own.labels.front(); }))
    return;
  // Files may have one class after the other.
  own = select(std::move(own), shuffled_indices(own.size(), Seed{}));
  const HeadCircuit& circuit = circuit_named(draft.circuit);
  const RehearsedRun run{own, nullptr, nullptr, draft.config, circuit, parameters};
  double largest = 0;
  try {
    largest = largest_logit_of_training(run, rehearse_as_encrypted(run));
  } catch (const DataError&) {
    return;  // Alone these rows train nothing, among all they may.
  }
  if (const std::string problem = out_of_range(circuit, largest); !problem.empty())
    throw DataError("on this owner's rows alone, " + problem + "; " + advice +
                    ", or with a smaller learning rate");
}

std::string faint_columns(const Dataset& own, const Whitening& pooled) {
  const Eigen::Index width = own.features.cols();
  // Of columns that are one and the same but for their units each has a part of 1 / sqrt(width).
  const double least = 0.1 / std::sqrt(static_cast<double>(width) * (1 + pooled.epsilon()));
  std::vector<std::string> faint;
  for (Eigen::Index j = 0; j < width; ++j) {
    const Eigen::VectorXd column = own.features.col(j).cast<double>();
    const double spread = std::sqrt((column.array() - column.mean()).square().mean());
    const bool varies = spread > 0x1p-24 * column.cwiseAbs().maxCoeff();
    if (varies && spread * pooled.map().row(j).norm() < least)
      faint.push_back(own.feature_names.empty() ? std::to_string(j + 1)
                                                : own.feature_names[static_cast<std::size_t>(j)]);
  }
  if (faint.empty()) return {};
  return "of this owner's columns these are as good as constant among all owners' rows, and count "
         "for next to nothing: " +
         list_of_names(faint) +
         "; other owners' may be in other units, or hold a number such as 999999 for what is "
         "missing, or they vary by less than a millionth of their size: then have all owners "
         "subtract "
         "one offset";
}

nlohmann::json gain_report(const StudyDraft& draft, const StudyData& data,
                           const LinearClassifier& together, const LogitLimit& limit) {
  const Dataset& judged = data.held_out ? *data.held_out : data.train;
  const auto quality = [&](const LinearClassifier& classifier) {
    nlohmann::json report =
        quality_report(scores(classifier, judged.features), judged.labels, draft.classes);
    report["macro_f1"] = mean_f1_of_present(report["per_class"]);
    return report;
  };
  nlohmann::json out = {{"held_out", data.held_out.has_value()},
                        {"judged_rows", judged.size()},
                        {"together", quality(together)}};
  if (data.held_out) out["known_rows"] = data.known_rows;
  if (data.known_rows > 0)
    out["together"]["notes"].push_back(
        std::to_string(data.known_rows) + " of these " + std::to_string(judged.size()) +
        " test rows are among the rows that this owner trained on: figures on them say nothing "
        "about new ones");
  for (const char* key : {"accuracy", "balanced_accuracy", "macro_f1", "max_logit"})
    out[key] = out["together"][key];
  try {
    out["alone"] = quality(trained_alone(draft, data));
  } catch (const DataError& error) {
    out["alone"] = nullptr;
    out["alone_reason"] = error.what();
  }
  std::vector<std::size_t> counts(draft.classes.size());
  for (const int label : data.train.labels) ++counts.at(static_cast<std::size_t>(label));
  out["macro_f1_of"] = nlohmann::json::array();
  for (const auto& one : out["together"]["per_class"])
    if (one["samples"] != 0) out["macro_f1_of"].push_back(one["name"]);
  out["own_classes"] = out["missing_classes"] = nlohmann::json::array();
  for (std::size_t k = 0; k < counts.size(); ++k) {
    out["own_classes"].push_back({{"name", draft.classes[k]}, {"own_rows", counts[k]}});
    if (counts[k] == 0) out["missing_classes"].push_back(draft.classes[k]);
  }
  judge_logits(out, limit, largest_logit(scores(together, data.train.features)),
               "on this owner's training rows");
  if (data.held_out)
    judge_logits(out, limit, out["max_logit"].get<double>(), "on this owner's test rows");
  return out;
}

}  // namespace blindtuner::party
