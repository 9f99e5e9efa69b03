// What this processor can do.
#pragma once

#include <string>

namespace blindtuner {

struct CpuFeatures {
  bool avx2 = false;         ///< AVX2 and FMA, and the system saves their registers
  bool avx512_ifma = false;  ///< AVX-512 F, DQ, VL, BW and IFMA (52-bit multiply-add)
};

/// Detected once.
const CpuFeatures& cpu_features();

/// The processor's name, for reports.
std::string cpu_name();

}  // namespace blindtuner
