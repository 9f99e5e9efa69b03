#include "kernels/tables.h"
namespace blindtuner::kernels {
const LimbKernels& avx2_kernels() { return scalar_kernels(); }
}
