// Pieces of the reports.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "app/common/program.h"
#include "rlwe/parameters.h"

namespace blindtuner::app {
using namespace rlwe;

/// The most memory this process has held so far, in bytes, and the most that any finished child
/// has.
std::uint64_t peak_memory();
std::uint64_t children_peak_memory();

/// Name, dimensions, and for every kind of key its modulus, the bound for its secret and the
/// security.
nlohmann::json parameters_report(const Parameters& parameters);
/// The same as lines of text.
std::string parameters_text(const Parameters& parameters);

/// What the training of a report was for: "softmax", "sigmoid", "squared" (learn/head.h).
std::string head_of(const nlohmann::json& report);

/// What was read, left out, guessed: a line each on stderr, "note: ..", unless there is to be no
/// progress.
void print_notes(const CommonOptions& options, const std::vector<std::string>& notes);
/// What may make a result worthless: "warning: ..", always.
void print_warning(const std::string& warning);

}  // namespace blindtuner::app
