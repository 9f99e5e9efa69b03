#include "app/report/study_summary.h"

#include <algorithm>
#include <sstream>

#include "app/report/formatted.h"
#include "base/quantity.h"
#include "base/utf8.h"
#include "features/samples/class_names.h"
#include "party/owner/quality.h"

namespace blindtuner::app {
using namespace features;
namespace {

using nlohmann::json;

std::string padded(std::string text, std::size_t width) {
  text.resize(std::max(width, text.size() + 1), ' ');
  return text;
}

std::string percent_cell(const json& share) {
  return formatted("%8.2f %%", 100 * share.get<double>());
}

constexpr std::size_t kNames = 36, kMostClasses = 32;

std::string quality_row(const std::string& what, const json& quality) {
  return padded("  " + what, kNames) + percent_cell(quality.at("accuracy")) +
         percent_cell(quality.at("balanced_accuracy")) +
         formatted("%10.4f", quality.at("macro_f1").get<double>()) + "\n";
}

std::string classes_text(const json& r) {
  const json &all = r.at("own_classes"), &alone = r.at("alone"), &together = r.at("together");
  if (all.size() > kMostClasses) return "";
  std::string out = padded("of each class, found", kNames) + "     alone  together   its rows\n";
  for (std::size_t k = 0; k < all.size(); ++k) {
    // None of it to be found: no share.
    const bool judged = together.at("per_class").at(k).at("samples") != 0;
    const auto share = [&](const json& quality) {
      return quality.is_null() || !judged
                 ? std::string("         -")
                 : percent_cell(quality.at("per_class").at(k).at("recall"));
    };
    out += padded("  " + printable(all[k].at("name").get<std::string>()), kNames) + share(alone) +
           share(together) + formatted("%11zu", all[k].at("own_rows").get<std::size_t>()) + "\n";
  }
  return out;
}

/// The votes on each round, and what this owner's held-out rows gave.
std::string rounds_text(const json& r) {
  const json& v = r.at("validation");
  const json own = r.value("rounds", json::array());
  const int best = v.at("best_round").get<int>();
  std::string out =
      "rounds of validation: the model is that of round " + std::to_string(best) +
      (v.at("stopped_early").get<bool>() ? "; the owners' votes stopped the training\n"
                                         : ", of all there were\n");
  for (std::size_t i = 0; i < v.at("votes").size(); ++i) {
    const json& votes = v.at("votes")[i];
    out += "  round " + std::to_string(i + 1) + ": " +
           std::to_string(votes.at("better").get<int>()) + " of " +
           std::to_string(votes.at("of").get<int>()) + " find it better";
    if (i < own.size())
      out += "; on its own held-out rows loss " +
             (own[i].at("loss").is_null() ? "no number"
                                          : formatted("%.4f", own[i].at("loss").get<double>())) +
             ", accuracy " + formatted("%.2f %%", 100 * own[i].at("accuracy").get<double>());
    out += "\n";
  }
  if (!own.empty())
    out += "  each other owner's share of these scores had noise of " +
           formatted("%.2g", own.front().at("noise").get<double>()) + " a logit\n";
  if (v.contains("note")) out += "  " + v.at("note").get<std::string>() + "\n";
  return out;
}

}  // namespace

std::string study_summary(const json& r) {
  std::ostringstream text;
  const std::size_t without = r.contains("without") ? r.at("without").size() : 0;
  text << r.at("rows") << " rows of " << r.at("owners").size() - without << " owners";
  if (without > 0)
    text << " (without "
         << printable(list_of_names(r.at("without").get<std::vector<std::string>>())) << ")";
  if (r.contains("own_rows")) text << ", " << r.at("own_rows") << " of them this owner's";
  text << "; " << r.at("steps") << " steps on ciphertexts";
  if (r.contains("opened_by"))
    text << "; opened by "
         << printable(list_of_names(r.at("opened_by").get<std::vector<std::string>>()));
  text << "\n";
  if (r.contains("validation")) text << rounds_text(r);
  if (r.contains("together")) {
    text << padded("on " + std::to_string(r.at("judged_rows").get<std::size_t>()) +
                       (r.at("held_out").get<bool>() ? " test rows of its own"
                        : r.value("left_out", false) ? " rows of its own"
                                                     : " rows trained on"),
                   kNames)
         << "  accuracy  balanced  macro F1\n";
    if (!r.at("alone").is_null())
      text << quality_row("its own rows alone, in the clear", r.at("alone"));
    text << quality_row("all owners' rows, on ciphertexts", r.at("together")) << classes_text(r);
    if (r.contains("macro_f1_of") && r.at("macro_f1_of").size() < r.at("own_classes").size())
      text << "macro F1, of both, is of the classes that are among these rows: "
           << printable(list_of_names(r.at("macro_f1_of").get<std::vector<std::string>>())) << "\n";
    if (r.at("alone").is_null())
      text << "NOTE: its own rows alone train nothing: "
           << printable(r.at("alone_reason").get<std::string>()) << "\n";
    if (!r.at("missing_classes").empty())
      text << "NOTE: this owner has no rows of "
           << printable(list_of_names(r.at("missing_classes").get<std::vector<std::string>>()))
           << ": alone it cannot know them\n";
    text << party::quality_notes(r.at("together")) << "largest |logit| "
         << formatted("%.2f", r.at("max_logit").get<double>()) << "; ";
  }
  text << "each share has noise of " << formatted("%.2g", r.at("noise").get<double>())
       << " a number";
  if (r.contains("bits"))
    text << ", and what left here tells at most " << formatted("%.2g", r.at("bits").get<double>())
         << " bits about this owner's key, if all owners' rows are of the sizes that they said";
  text << "\n";
  return text.str();
}

}  // namespace blindtuner::app
