#include "party/owner/quality.h"

#include <cmath>

#include "base/utf8.h"
#include "features/samples/class_names.h"
#include "learn/reference/metrics.h"

namespace blindtuner::party {
using namespace reference;

namespace {

nlohmann::json notes_of(const Eigen::MatrixXi& table, const nlohmann::json& names) {
  nlohmann::json out = nlohmann::json::array();
  const Eigen::VectorXi actual = table.rowwise().sum(), predicted = table.colwise().sum();
  std::vector<std::string> present, absent, taken, never;
  for (Eigen::Index k = 0; k < table.rows(); ++k) {
    const std::string name = names[static_cast<std::size_t>(k)].get<std::string>();
    if (actual(k) == 0) {
      absent.push_back(name);
      if (predicted(k) > 0) taken.push_back(name);
      continue;
    }
    present.push_back(name);
    if (predicted(k) == 0) never.push_back(name);
  }
  if (present.size() == 1)
    out.push_back("every sample is of one class, " + list_of_names(present) +
                  ": that says nothing about the others");
  else if (!absent.empty())
    out.push_back("no sample is of " + list_of_names(absent) +
                  ": the figures are of the other classes, and say nothing about " +
                  (absent.size() == 1 ? "this one" : "these") +
                  (taken.empty()
                       ? ""
                       : "; macro F1 has 0 for " + list_of_names(taken) +
                             ", as samples are taken for " + (taken.size() == 1 ? "it" : "them")));
  if (!never.empty())
    out.push_back(list_of_names(never) + (never.size() == 1 ? " is" : " are") +
                  " never predicted: every sample of " + (never.size() == 1 ? "it" : "theirs") +
                  " counts as wrong");
  return out;
}

/// A figure without a denominator is none.
nlohmann::json share(double value) {
  return std::isnan(value) ? nlohmann::json(nullptr) : nlohmann::json(value);
}

}  // namespace

std::string quality_notes(const nlohmann::json& report) {
  std::string out;
  for (const auto& note : report.value("notes", nlohmann::json::array()))
    out += "NOTE: " + printable(note.get<std::string>()) + "\n";
  return out;
}

nlohmann::json quality_report(const Eigen::MatrixXd& scores, const Labels& labels,
                              const std::vector<std::string>& names) {
  const int classes = static_cast<int>(scores.cols());
  const Labels predicted = predict(scores);
  const Eigen::MatrixXi table = confusion(predicted, labels, classes);
  nlohmann::json rows = nlohmann::json::array(), per_class = rows, class_names = rows;
  const std::vector<ClassScore> by_class = class_scores(table);
  for (int k = 0; k < classes; ++k) {
    const auto index = static_cast<std::size_t>(k);
    const std::string name = index < names.size() ? names[index] : std::to_string(k);
    const ClassScore& score = by_class[index];
    class_names.push_back(name);
    per_class.push_back({{"name", name},
                         {"samples", score.samples},
                         {"precision", share(score.precision)},
                         {"recall", share(score.recall)},
                         {"f1", share(score.f1)}});
    nlohmann::json row = nlohmann::json::array();
    for (int j = 0; j < classes; ++j) row.push_back(table(k, j));
    rows.push_back(std::move(row));
  }
  return {{"notes", notes_of(table, class_names)},
          {"samples", labels.size()},
          {"classes", classes},
          {"class_names", class_names},
          {"accuracy", accuracy(predicted, labels)},
          {"balanced_accuracy", balanced_accuracy(predicted, labels, classes)},
          {"macro_f1", macro_f1(predicted, labels, classes)},
          {"max_logit", largest_logit(scores)},
          {"confusion", rows},
          {"per_class", per_class}};
}

}  // namespace blindtuner::party
