// How good a classifier is, as the reports say it.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "features/samples/dataset.h"

namespace blindtuner::party {
using namespace features;

/// {"samples", "classes", "class_names", "accuracy", "balanced_accuracy", "macro_f1", "max_logit",
/// "confusion", "per_class":
/// [{"name", "samples", "precision", "recall", "f1"}], of these three null what has no denominator, "notes": what the accuracy
/// does not tell (classes that no sample is of, or that are never predicted), as sentences}. scores: samples x classes, a row a label.
/// `names`: one a class, or empty for numbers. Throws ContractError.
nlohmann::json quality_report(const Eigen::MatrixXd& scores, const Labels& labels,
                              const std::vector<std::string>& names = {});

/// Its notes, a line each.
std::string quality_notes(const nlohmann::json& report);

}  // namespace blindtuner::party
