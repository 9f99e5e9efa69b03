// blindtuner ledger: what a key set has given away, for whoever has to answer for it.
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "app/owner/keys.h"
#include "app/owner/owner.h"
#include "base/path.h"
#include "party/owner/key_folder.h"
#include "secret/disclosure.h"

namespace blindtuner::app {
namespace {

std::string line_of(const LedgerEntry& e) {
  char what[200];
  const std::string numbers = std::to_string(e.numbers);
  switch (e.kind) {
    case LedgerEntry::Kind::kEncrypted:
      std::snprintf(what, sizeof what, "%s samples, for a server", numbers.c_str());
      break;
    case LedgerEntry::Kind::kOpened:
      std::snprintf(what, sizeof what, "%s, %s numbers at full precision", e.what.c_str(),
                    numbers.c_str());
      break;
    case LedgerEntry::Kind::kPublished:
      std::snprintf(what, sizeof what, "%s, %s numbers with noise %.0f times their error%s",
                    e.what.c_str(), numbers.c_str(), e.error > 0 ? e.noise / e.error : 0,
                    e.bits > 0 ? "" : ", the same as before");
      break;
    case LedgerEntry::Kind::kShared:
      std::snprintf(what, sizeof what, "of %s%s, with noise %.0f times their error",
                    e.what == "model" ? "a " : "", e.what.c_str(),
                    e.error > 0 ? e.noise / e.error : 0);
      break;
    case LedgerEntry::Kind::kAsked:
      std::snprintf(what, sizeof what, "round %d of %d of run %.8s", e.round, e.rounds,
                    e.run.c_str());
      break;
    case LedgerEntry::Kind::kAnswered:
      std::snprintf(what, sizeof what, "round %d of run %.8s: %s", e.round, e.run.c_str(),
                    e.what == "vote" ? e.stop ? "not better" : "better"
                    : e.stop         ? "stop"
                                     : "go on");
      break;
    case LedgerEntry::Kind::kRefused:
      std::snprintf(what, sizeof what, "%s, %.150s", e.what.c_str(), e.reason.c_str());
      break;
    case LedgerEntry::Kind::kBegun:
      std::snprintf(what, sizeof what, "anew: the earlier one was lost");
      break;
  }
  char line[320];
  const char* tied = e.data.empty() ? "" : ", data set ";
  std::snprintf(
      line, sizeof line, "%s  %-9s  %s%s%.8s%s\n", e.time.c_str(), kind_name(e.kind).c_str(), what,
      tied, e.data.c_str(),
      e.round != 0 && e.kind != LedgerEntry::Kind::kAnswered && e.kind != LedgerEntry::Kind::kAsked
          ? (", round " + std::to_string(e.round)).c_str()
          : "");
  return line;
}

std::string counted(std::size_t count, const char* what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

std::string text_of(const Ledger& ledger, const std::vector<LedgerEntry>& entries) {
  std::string text = "Ledger " + quoted_path(ledger.path()) + ", unchanged since it was written\n";
  for (const LedgerEntry& entry : entries) text += line_of(entry);
  const LedgerTotals t = totals(entries);
  if (!t.begun.empty())
    text += "\nWhat these keys gave away before " + t.begun +
            " is not known, and comes on top of what follows.\n";
  // What owners open together has the noise of all their shares, and all of them have it.
  const char* opened =
      t.shared > 0
          ? "of all owners' shares, with the noise of each.\n"
          : "at full precision. For the owner alone: who gets one of\n"
            "             them and the ciphertext it came from can compute the secret key.\n";
  char sums[2000];
  std::snprintf(
      sums, sizeof sums,
      "\nTogether\n"
      "  encrypted  %s. Servers that have them cannot read them.\n"
      "  opened     %s %s"
      "  published  %s with noise, and shares of %zu. Whoever sees all of them learns\n"
      "             at most %.2g bits about the secret key (budget %.2g unless --budget is "
      "given),\n"
      "             if the servers computed what they were told.\n"
      "  asked      %s of validation, of %s, and answered %zu, with go on or stop.\n"
      "             A run of E rounds counts in full from its first: log2(2 E) bits, when it\n"
      "             ends, and whether by a refusal; owners of a study vote, a bit each round.\n"
      "             With which rounds' models were published, the training server learns\n"
      "             at most %.1f bits, of its own choice, about the data or the key.\n"
      "  refused    %s that no training with these keys can have produced, or that\n"
      "             were not to be published. Whatever is opened or published might have been\n"
      "             refused: one bit each, once for the same question. Whoever sent them and\n"
      "             hears which were used learns at most %.0f bits, of its own choice.\n",
      counted(t.encrypted, "data set").c_str(), counted(t.opened, "result").c_str(), opened,
      counted(t.published, "result").c_str(), t.shared, t.published_bits, kPublicationBudget,
      counted(t.asked, "round").c_str(), counted(t.runs, "run").c_str(), t.answered,
      t.answered_bits, counted(t.refused, "result").c_str(), t.refused_bits);
  return text + sums;
}

void ledger_command(const CommonOptions& common, const KeyOptions& options, bool begin_anew) {
  const OwnerFolder keys =
      open_keys(options, common, begin_anew ? LostLedger::kAllowed : LostLedger::kRefused);
  Disclosure door(keys.keys, keys.folder);
  if (begin_anew) door.begin_ledger_anew();
  const Ledger& ledger = door.ledger();
  const std::optional<std::vector<LedgerEntry>> entries = ledger.read();
  const LedgerTotals t = totals(entries.value_or(std::vector<LedgerEntry>{}));
  nlohmann::json report = {{"ledger", ledger.path().string()},
                           {"exists", entries.has_value()},
                           {"budget", kPublicationBudget},
                           {"encrypted", t.encrypted},
                           {"opened", t.opened},
                           {"published", t.published},
                           {"published_bits", t.published_bits},
                           {"shared", t.shared},
                           {"asked", t.asked},
                           {"answered", t.answered},
                           {"refused", t.refused},
                           {"refused_bits", t.refused_bits},
                           {"runs", t.runs},
                           {"answered_bits", t.answered_bits},
                           {"begun_anew", t.begun},
                           {"entries", nlohmann::json::array()}};
  if (entries)
    for (const LedgerEntry& entry : *entries) report["entries"].push_back(to_json(entry));
  print_report(common, report,
               entries ? text_of(ledger, *entries)
                       : "no ledger " + quoted_path(ledger.path()) +
                             ": nothing was decrypted under these keys since ledgers are kept, or "
                             "it was taken away\n");
}

}  // namespace

void add_ledger(Program& program) {
  program.add_command("ledger",
                      "what was opened, published and answered under a key set, and how much it "
                      "can have told (docs/SECURITY.md)",
                      [&](Command& command) -> std::function<void()> {
                        auto keys = std::make_shared<KeyOptions>();
                        auto begin_anew = std::make_shared<bool>(false);
                        add_key_options(command, *keys);
                        command.add_flag("--begin-anew", *begin_anew,
                                         "begin a ledger in the place of one that is lost: what "
                                         "the keys gave away before is not counted any more");
                        return [&program, keys, begin_anew] {
                          ledger_command(program.options(), *keys, *begin_anew);
                        };
                      });
}

}  // namespace blindtuner::app
