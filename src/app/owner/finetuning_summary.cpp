#include <cstdio>

#include "app/common/progress.h"
#include "app/owner/finetuning.h"

namespace blindtuner {
namespace {

using nlohmann::json;

std::string percent(const json& share) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f %%", 100 * share.get<double>());
  return text;
}

}  // namespace

std::string finetuning_summary(const json& r, const std::string& out) {
  char text[640];
  std::snprintf(text, sizeof text,
                "\n%d steps on %zu encrypted samples (%zu features, %d classes) in %s\n"
                "on %zu test samples               accuracy  balanced  macro F1\n"
                "  trained on ciphertexts          %s   %s   %.4f\n"
                "  in the clear, same softmax      %s   %s   %.4f\n"
                "  in the clear, exact softmax     %s   %s   %.4f\n"
                "largest |logit| %.2f; model in '%s', report in '%s'\n",
                r["steps"].get<int>(), r["samples"].get<std::size_t>(),
                r["features"].get<std::size_t>(), r["classes"].get<int>(),
                duration_text(r["seconds"]["total"].get<double>()).c_str(),
                r["test_samples"].get<std::size_t>(), percent(r["accuracy_encrypted"]).c_str(),
                percent(r["balanced_accuracy"]).c_str(), r["macro_f1"].get<double>(),
                percent(r["accuracy_plain_approx"]).c_str(),
                percent(r["balanced_accuracy_plain_approx"]).c_str(),
                r["macro_f1_plain_approx"].get<double>(), percent(r["accuracy_plain"]).c_str(),
                percent(r["balanced_accuracy_plain"]).c_str(), r["macro_f1_plain"].get<double>(),
                r["max_logit"].get<double>(), (std::filesystem::path(out) / "model.npz").c_str(),
                (std::filesystem::path(out) / "report.html").c_str());
  std::string out_text = text;
  if (r.contains("published")) {
    std::snprintf(text, sizeof text,
                  "to be shared: '%s', with noise of %g; it tells at most %.2g bits about the "
                  "secret key. 'model.npz' is for you alone\n",
                  (std::filesystem::path(out) / "published.npz").c_str(),
                  r["published"]["noise"].get<double>(), r["published"]["bits"].get<double>());
    out_text += text;
  }
  return out_text;
}

}  // namespace blindtuner
