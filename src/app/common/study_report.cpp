#include "app/common/study_report.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <sstream>
#include <thread>

#include "app/common/options.h"
#include "base/interrupt.h"
#include "base/json.h"
#include "party/study/draft.h"
#include "party/study/left_out.h"
#include "party/study/study_run.h"

namespace blindtuner::app {
void add_study_wait(Command& command, StudyWait& wait) {
  const Option once = command.add_flag("--once", wait.once, "do what is due and wait for nobody");
  add_number(command, "--wait", wait.seconds, "seconds to wait for others", 0, kMaxTimeout)
      .show_default()
      .excludes(once);
}

Advance take_steps(const CommonOptions& common, const StudyWait& wait, const std::string& name,
                   const std::function<Advance()>& step) {
  using namespace std::chrono_literals;
  const auto deadline = Channel::after(wait.once ? 0 : wait.seconds);
  std::string told;
  while (true) {
    throw_if_interrupted();
    Advance where = step();
    if (where.kind == Advance::Kind::kActed) {
      if (!common.quiet) std::fprintf(stderr, "%s %s\n", name.c_str(), where.phase.c_str());
      continue;
    }
    if (where.kind == Advance::Kind::kFinished || wait.once || waits_for_operator(where, name) ||
        Channel::Clock::now() >= deadline)
      return where;
    std::string now = "waits for";
    for (const Awaited& a : where.awaited)
      now += " " + a.what + (a.state.empty() ? "" : ", which " + a.state);
    if (!common.quiet && now != told) std::fprintf(stderr, "%s %s\n", name.c_str(), now.c_str());
    told = now;
    std::this_thread::sleep_for(100ms);
  }
}

void report_study(const CommonOptions& common, StudyMember& member, const Advance& where,
                  const std::string& fingerprint, const nlohmann::json& outcome,
                  const std::string& words, const nlohmann::json& more) {
  const std::optional<StudyDraft> draft = member.draft();
  const std::string study = draft ? draft->name : "";
  const std::string since = member.last_change();
  const char* const states[] = {"due", "waits", "finished"};
  nlohmann::json report = {{"study", study},
                           {"party", member.name()},
                           {"fingerprint", fingerprint},
                           {"session", member.session_number()},
                           {"state", states[static_cast<int>(where.kind)]},
                           {"phase", where.phase},
                           {"since", since},
                           {"awaits", nlohmann::json::array()}};
  std::ostringstream text;
  text << (draft ? "study '" + study + "'" : "no study yet") << ", " << member.name()
       << ", session " << member.session_number() << "\n";
  if (!fingerprint.empty()) text << "fingerprint  " << fingerprint << "\n";
  if (draft) {
    report["threshold"] = draft->needed();
    if (!draft->recipient.empty()) {
      report["recipient"] = draft->recipient;
      report["readers"] = draft->recipient_alone ? "recipient" : "all";
    }
    if (draft->validate_every > 0)
      report["validation"] = {{"every", draft->validate_every}, {"patience", draft->patience}};
    for (const std::string& words_of_it : {encoder_words(*draft), threshold_words(*draft),
                                           recipient_words(*draft), validation_words(*draft)})
      if (!words_of_it.empty()) text << words_of_it << "\n";
  }
  if (!fingerprint.empty())
    if (const std::optional<LeftOut> out = left_out(member)) {
      report["without"] = out->owners;
      text << "goes on without";
      for (const std::string& name : out->owners) text << " '" << name << "'";
      text << ": all others have said so\n";
    }
  switch (where.kind) {
    case Advance::Kind::kActed:
      text << "due: " << where.phase << "\n";
      break;
    case Advance::Kind::kFinished:
      text << "done\n";
      break;
    case Advance::Kind::kWaits:
      text << "before it " << where.phase << ", it waits"
           << (since.empty() ? "" : " since " + since) << " for\n";
      break;
  }
  for (const Awaited& a : where.awaited) {
    report["awaits"].push_back({{"from", a.from}, {"what", a.what}});
    if (!a.state.empty()) report["awaits"].back()["state"] = a.state;
    if (a.what == "fingerprint")
      text << "  its operator: read the fingerprint to all others, and give what they read with "
              "--fingerprint\n";
    else if (a.what == "audit")
      text << "  its operator: have the training " << a.state
           << " audited ('blindtuner-server study --audit all' says whether it was this one), then "
              "run without --hold\n";
    else if (a.what == "data")
      text << "  its operator: give this owner's data with --features\n";
    else if (a.what == kWithout)
      text << "  its operator: nothing is sent from here that others, who go on without somebody, "
              "could not go on "
              "with; their word cannot be taken back, and takes this owner's\n";
    else
      text << "  " << (a.from.empty() ? "the coordinator" : a.from) << ": " << a.what
           << (a.state.empty() ? "" : ", which " + a.state) << "\n";
  }
  if (draft && draft->by_threshold() && std::ranges::any_of(where.awaited, [](const Awaited& a) {
        return a.what.starts_with(std::string(kModelAnswer) + "-") ||
               a.what.starts_with(std::string(kShareRecord) + "-");
      }))
    text << "who opens the model is settled: nobody else can in the place of who is missing\n";
  if (!fingerprint.empty())
    if (const std::string words_of_it = leaving_words(member); !words_of_it.empty())
      text << words_of_it
           << (is_asked(member, Stage::kData) ? ": 'study run --without' says it here\n" : "\n");
  if (!fingerprint.empty())
    if (const std::string words_of_it = lapsed_words(member); !words_of_it.empty())
      text << words_of_it << "\n";
  if (!fingerprint.empty() && where.kind == Advance::Kind::kWaits)
    if (const std::string words_of_it = split_words(member); !words_of_it.empty()) {
      report["split"] = words_of_it;
      text << words_of_it << "\n";
    }
  if (may_go_on_without(member, where.awaited))
    text << "if who is missing stays away for good, all others can go on without it: 'study run "
            "--without NAME'\n";
  if (!outcome.is_null()) {
    report["outcome"] = outcome;
    for (const char* key : {"trusted", "reasons", "advice"})
      if (outcome.contains(key)) report[key] = outcome[key];
  }
  report.update(more);
  text << words;
  print_report(common, report, text.str());
}

}  // namespace blindtuner::app
