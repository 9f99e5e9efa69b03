// How a party of a study waits for the others, and what it tells of where it is.
#pragma once

#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>

#include "app/common/command_line.h"
#include "app/common/program.h"
#include "party/study/member.h"

namespace blindtuner::app {
using namespace party;

/// --once and --wait.
struct StudyWait {
  bool once = false;
  double seconds = 1e7;  ///< transport::kMaxTimeout
};
void add_study_wait(Command& command, StudyWait& wait);

/// Takes steps as long as there are some, and waits for others' in between. Returns with what it waits for where it was to
/// wait no longer, or waits for its own operator alone.
Advance take_steps(const CommonOptions& common, const StudyWait& wait, const std::string& name,
                   const std::function<Advance()>& step);

/// Prints where a party is. `fingerprint`: empty as long as not all have joined.
/// `outcome`: of the study, once it has one, whether it is trusted first (print_report()); `more`: other members of the report;
/// `words`: both as text.
void report_study(const CommonOptions& common, StudyMember& member, const Advance& where,
                  const std::string& fingerprint, const nlohmann::json& outcome = {},
                  const std::string& words = {},
                  const nlohmann::json& more = nlohmann::json::object());

}  // namespace blindtuner::app
