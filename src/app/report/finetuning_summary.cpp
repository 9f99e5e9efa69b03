#include "app/report/finetuning_summary.h"

#include <algorithm>
#include <sstream>

#include "app/common/report.h"
#include "app/report/formatted.h"
#include "base/path.h"
#include "base/quantity.h"
#include "learn/training_config.h"
#include "party/owner/quality.h"

namespace blindtuner::app {
using namespace learn;
using namespace party;
namespace {

using nlohmann::json;

std::string percent(const json& share) { return formatted("%.2f %%", 100 * share.get<double>()); }

/// Of the model, of the plan, and what the server did, where they differ.
std::string steps_text(const json& r) {
  const int steps = r["steps"].get<int>(), done = r["steps_done"].get<int>();
  const int planned =
      training_config_from_json(r["config"]).total_steps(r["samples"].get<std::size_t>());
  std::string text = std::to_string(steps);
  if (steps == planned) return text + " steps";
  text += " of " + std::to_string(planned) + " planned steps";
  if (r.contains("validation"))
    text += " (the best round of validation; the server did " + std::to_string(done) + ")";
  return text;
}

std::string accuracy_row(const std::string& what, const json& accuracy, const json& balanced,
                         const json& macro) {
  std::string name = "  " + what;
  name.resize(34, ' ');
  return name + percent(accuracy) + "   " + percent(balanced) + "   " +
         formatted("%.4f", macro.get<double>()) + "\n";
}

}  // namespace

std::string finetuning_summary(const json& r, const std::string& out) {
  const std::filesystem::path folder(out);
  std::ostringstream text;
  text << "\n"
       << steps_text(r) << " on " << r["samples"] << " encrypted samples (" << r["features"]
       << " features, " << r["classes"] << " classes) in "
       << duration_text(r["seconds"]["training_on_ciphertexts"].get<double>())
       << "; from features to evaluation " << duration_text(r["seconds"]["total"].get<double>())
       << "\n";
  std::string head = "on " + std::to_string(r["test_samples"].get<std::size_t>()) + " test samples";
  head.resize(std::max<std::size_t>(34, head.size() + 1), ' ');
  text << head << "accuracy  balanced  macro F1\n"
       << accuracy_row("trained on ciphertexts", r["accuracy_encrypted"], r["balanced_accuracy"],
                       r["macro_f1"])
       << accuracy_row("in the clear, same " + head_of(r), r["accuracy_plain_approx"],
                       r["balanced_accuracy_plain_approx"], r["macro_f1_plain_approx"])
       << accuracy_row("in the clear, exact " + head_of(r), r["accuracy_plain"],
                       r["balanced_accuracy_plain"], r["macro_f1_plain"]);
  if (r.contains("published") && r["published"].contains("accuracy")) {
    const json& shared = r["published"];
    text << accuracy_row("as published, with noise", shared["accuracy"],
                         shared["balanced_accuracy"], shared["macro_f1"]);
  }
  text << quality_notes(r) << "largest |logit| of training and test samples "
       << formatted("%.2f", r["max_logit"].get<double>()) << "; model in "
       << quoted_path(folder / "model.npz") << ", report in " << quoted_path(folder / "report.html")
       << "\n";
  // Whoever lets the server score others has scores of the model that it knows.
  if (r.value("balance", 0.0) > 0)
    text << "classes are balanced by " << formatted("%g", r["balance"].get<double>())
         << " after the training: 'model.enc' is not, and 'decrypt --balanced "
         << formatted("%g", r["balance"].get<double>())
         << "' does the same to it and to scores that the server makes with it\n";
  if (r.contains("published"))
    text << "to be shared: " << quoted_path(folder / "published.npz") << ", with noise of "
         << formatted("%g", r["published"]["noise"].get<double>())
         << " on every weight of what was trained on; it tells at most "
         << formatted("%.2g", r["published"]["bits"].get<double>())
         << " bits about the secret key. 'model.npz' is for you alone\n";
  return text.str();
}

}  // namespace blindtuner::app
