#include "api/owner/shared.h"

#include <cstring>

namespace blindtuner {

party::Listener listener_of(const OwnerNotices& notices) {
  return {notices.warning, notices.note, notices.progress};
}

SecretBytes secret_of(std::string_view passphrase) {
  SecretBytes out(passphrase.size());
  if (!passphrase.empty()) std::memcpy(out.span().data(), passphrase.data(), passphrase.size());
  return out;
}

std::vector<std::string> problems_of(const nlohmann::json& judgement) {
  return judgement.value("reasons", std::vector<std::string>{});
}

Scores scores_of(const Eigen::MatrixXd& scores, const nlohmann::json& judgement) {
  Scores out;
  out.classes = static_cast<std::size_t>(scores.cols());
  for (const auto& row : scores.rowwise())
    out.values.insert(out.values.end(), row.begin(), row.end());
  out.problems = problems_of(judgement);
  return out;
}

secret::PassphraseSource source_of(std::string_view passphrase, bool& asked) {
  if (passphrase.empty()) return {};
  return [passphrase, &asked] {
    asked = true;
    return secret_of(passphrase);
  };
}

Ledger ledger_of(const secret::Disclosure& door) {
  door.ledger().require_there();
  const std::vector<secret::LedgerEntry> entries =
      door.ledger().read().value_or(std::vector<secret::LedgerEntry>{});
  const secret::LedgerTotals totals = secret::totals(entries);
  Ledger out{.file = door.ledger().path(),
             .published_bits = totals.published_bits,
             .answered_bits = totals.answered_bits,
             .refused_bits = totals.refused_bits};
  for (const secret::LedgerEntry& entry : entries)
    out.entries.push_back({entry.kind, entry.time, entry.what, entry.data, entry.run, entry.round,
                           entry.numbers, entry.noise, entry.stop, entry.reason, entry.bits});
  return out;
}

}  // namespace blindtuner
