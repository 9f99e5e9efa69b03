// The tables behind the dispatch; use find_kernels or active_kernels.
#pragma once

#include "kernels/api.h"

namespace blindtuner::kernels {

const LimbKernels& scalar_kernels();
const LimbKernels& avx2_kernels();    ///< call only where cpu_features().avx2
const LimbKernels& avx512_kernels();  ///< call only where cpu_features().avx512_ifma

}  // namespace blindtuner::kernels
