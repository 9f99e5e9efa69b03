// A report as a page: one file, nothing loaded from elsewhere, no script.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

namespace blindtuner {

/// Every section for which `report` has the members; they are those of report.json as `finetune`
/// and `evaluate` write it. All text of the report is escaped.
std::string html_report(const nlohmann::json& report);

/// report.json at `path`, and the page beside it with the ending .html. Throws DataError.
void write_reports(const std::filesystem::path& path, const nlohmann::json& report);

}  // namespace blindtuner
