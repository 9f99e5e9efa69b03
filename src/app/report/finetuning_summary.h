// The end of a run in a few lines.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace blindtuner::app {

/// Out of the report of `finetune` or `demo`; `out`: the run's folder.
std::string finetuning_summary(const nlohmann::json& report, const std::string& out);

}  // namespace blindtuner::app
