// What a study gave one of its owners, as text.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace blindtuner::app {

/// Of the owner's report.json (party/owner/study/gain.h).
std::string study_summary(const nlohmann::json& report);

}  // namespace blindtuner::app
