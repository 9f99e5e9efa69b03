// Steps of a training computed again, as commands ask for it.
#pragma once

#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "app/common/program.h"
#include "party/server/audit.h"

namespace blindtuner::app {
using namespace party;

/// "3,7,10-12", rising; of "all" none. Throws DataError, which `option` opens.
std::vector<int> parse_steps(const std::string& option, const std::string& text);

/// Does it and prints what it gave. `name`: of the transcript, in messages. Throws what require_audited() throws.
/// more, words: what else is told of it.
void print_audit(const CommonOptions& common, AuditTask task, const std::string& name,
                 std::span<const Sha256Digest> digests,
                 const nlohmann::json& more = nlohmann::json::object(),
                 const std::string& words = {});

}  // namespace blindtuner::app
