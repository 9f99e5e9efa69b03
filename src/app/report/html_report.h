// A report as a page: one file, nothing loaded from elsewhere, no script.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

namespace blindtuner::app {

/// Every section for which `report` has the members; they are those of report.json as `finetune`
/// and `evaluate` write it. All text of the report is escaped.
std::string html_report(const nlohmann::json& report);

/// Of a report's page: with the ending .html.
std::filesystem::path page_path(std::filesystem::path report);
/// Throws DataError where that would take the place of anything but the page of a report: nobody has named it.
void require_replaceable_page(const std::filesystem::path& report);
/// report.json at `path`, and the page beside it, page_path(). Throws DataError.
void write_reports(const std::filesystem::path& path, const nlohmann::json& report);

}  // namespace blindtuner::app
