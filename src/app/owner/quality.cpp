#include "app/owner/quality.h"

#include "app/owner/steps.h"
#include "train/metrics.h"

namespace blindtuner {

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
                         {"precision", score.precision},
                         {"recall", score.recall},
                         {"f1", score.f1}});
    nlohmann::json row = nlohmann::json::array();
    for (int j = 0; j < classes; ++j) row.push_back(table(k, j));
    rows.push_back(std::move(row));
  }
  return {{"samples", labels.size()},
          {"classes", classes},
          {"class_names", class_names},
          {"accuracy", accuracy(predicted, labels)},
          {"balanced_accuracy", balanced_accuracy(predicted, labels, classes)},
          {"macro_f1", macro_f1(predicted, labels, classes)},
          {"max_logit", largest_logit(scores)},
          {"confusion", rows},
          {"per_class", per_class}};
}

}  // namespace blindtuner
