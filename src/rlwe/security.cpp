#include "rlwe/security.h"

#include <cmath>
#include <sstream>

#include "base/error.h"

namespace blindtuner {

double max_log2_modulus(const SecretHardness& hardness) {
  struct Entry {
    int log_n;
    std::size_t sparse_weight;
    double log2_modulus;
  };
  constexpr Entry kTable[] = {
      {10, 0, 26},  {11, 0, 53},  {12, 0, 106},  {13, 0, 214},
      {14, 0, 430}, {15, 0, 868}, {16, 0, 1747}, {17, 0, 3523},
      {16, 32, 104},
  };
  for (const Entry& entry : kTable)
    if (entry.log_n == hardness.log_n && entry.sparse_weight == hardness.sparse_weight)
      return entry.log2_modulus;
  return 0;
}

void require_secure(const SecretHardness& hardness, double log2_modulus, const std::string& what) {
  const double bound = max_log2_modulus(hardness);
  if (log2_modulus <= bound) return;
  std::ostringstream message;
  message << what << ": log2(QP) = " << std::ceil(log2_modulus * 10) / 10
          << " is below 128 bits of security for a secret of dimension 2^" << hardness.log_n;
  if (hardness.sparse_weight != 0) message << " and weight " << hardness.sparse_weight;
  message << " (at most " << bound << ")";
  throw SecurityError(message.str());
}

}  // namespace blindtuner
