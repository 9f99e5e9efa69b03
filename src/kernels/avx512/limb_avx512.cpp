#include "kernels/tables.h"
namespace blindtuner::kernels {
const LimbKernels& avx512_kernels() { return scalar_kernels(); }
}
