// What the calls of the owner's interface share: what it is told and gives, as the party below has it.
#pragma once

#include <blindtuner/ledger.h>
#include <blindtuner/model.h>
#include <blindtuner/owner.h>

#include <Eigen/Core>
#include <nlohmann/json.hpp>
#include <string_view>

#include "party/owner/listener.h"
#include "secret/disclosure.h"
#include "secret/secret_key_file.h"

namespace blindtuner {

party::Listener listener_of(const OwnerNotices& notices);
SecretBytes secret_of(std::string_view passphrase);
/// judgement: party::judge_logits().
std::vector<std::string> problems_of(const nlohmann::json& judgement);
Scores scores_of(const Eigen::MatrixXd& scores, const nlohmann::json& judgement);
/// `asked`: whether anybody did.
secret::PassphraseSource source_of(std::string_view passphrase, bool& asked);
/// Throws DataError where it was changed or is gone.
Ledger ledger_of(const secret::Disclosure& door);

}  // namespace blindtuner
