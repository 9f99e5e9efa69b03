#include "app/common/report.h"

#include <sys/resource.h>

#include <cmath>
#include <cstdio>
#include <sstream>

#include "base/utf8.h"
#include "rlwe/security.h"

namespace blindtuner::app {
namespace {

std::uint64_t peak_of(int who) {
  struct rusage usage {};
  if (getrusage(who, &usage) != 0) return 0;
  return static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
}

nlohmann::json key_report(const char* keys, const SecretHardness& hardness, double log2_qp) {
  const double bound = max_log2_modulus(hardness);
  return {
      {"keys", keys},
      {"log_n", hardness.log_n},
      {"secret", hardness.sparse_weight == 0 ? std::string("ternary")
                                             : "weight " + std::to_string(hardness.sparse_weight)},
      {"log2_qp", std::round(log2_qp * 10) / 10},
      {"log2_qp_at_128_bits", bound},
      // What is known is that the bound is kept, or not; docs/SECURITY.md has estimates.
      {"security_bits", log2_qp <= bound ? 128 : 0},
  };
}

}  // namespace

std::uint64_t peak_memory() { return peak_of(RUSAGE_SELF); }
std::uint64_t children_peak_memory() { return peak_of(RUSAGE_CHILDREN); }

nlohmann::json parameters_report(const Parameters& p) {
  const Ring& big = p.ring();
  return {
      {"name", p.literal().name},
      {"digest", p.digest()},
      {"log_n", p.literal().log_n},
      {"log_small_n", p.literal().log_small_n},
      {"insecure", p.insecure()},
      {"keys",
       {key_report("data, models, matrix products, return from bootstrapping", p.small_hardness(),
                   p.small_ring().log2_modulus(2, p.small_special())),
        key_report("bootstrapping", p.hardness(), big.log2_modulus(p.top(), big.p_size())),
        key_report("bootstrapping, sparse secret", p.sparse_hardness(),
                   big.log2_modulus(1, p.sparse_special()))}},
  };
}

std::string parameters_text(const Parameters& p) {
  std::ostringstream text;
  const nlohmann::json report = parameters_report(p);
  text << "parameters  " << p.literal().name << "\n";
  for (const auto& key : report["keys"]) {
    char line[200];
    const int bits = key["security_bits"];
    std::snprintf(line, sizeof line, "  %-42s n = 2^%d, %s secret, log2(QP) = %.1f, %s\n",
                  key["keys"].get<std::string>().c_str(), key["log_n"].get<int>(),
                  key["secret"].get<std::string>().c_str(), key["log2_qp"].get<double>(),
                  bits >= 128 ? "128 bits" : "INSECURE");
    text << line;
  }
  return text.str();
}

std::string head_of(const nlohmann::json& report) {
  const auto config = report.find("config");
  return config == report.end() ? "softmax" : config->value("head", "softmax");
}

void print_notes(const CommonOptions& options, const std::vector<std::string>& notes) {
  if (options.quiet) return;
  for (const std::string& note : notes) std::fprintf(stderr, "note: %s\n", printable(note).c_str());
}

void print_warning(const std::string& warning) {
  std::fprintf(stderr, "warning: %s\n", printable(warning).c_str());
}

}  // namespace blindtuner::app
