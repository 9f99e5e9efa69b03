#include <cstdlib>
#include <string>

#include "base/cpu.h"
#include "kernels/api.h"
#include "kernels/tables.h"

namespace blindtuner::kernels {

const LimbKernels* find_kernels(std::string_view name) {
  if (name == "scalar") return &scalar_kernels();
  if (name == "avx2") return cpu_features().avx2 ? &avx2_kernels() : nullptr;
  if (name == "avx512ifma") return cpu_features().avx512_ifma ? &avx512_kernels() : nullptr;
  return nullptr;
}

std::vector<const LimbKernels*> available_kernels() {
  std::vector<const LimbKernels*> tables;
  for (std::string_view name : {"scalar", "avx2", "avx512ifma"})
    if (const LimbKernels* table = find_kernels(name)) tables.push_back(table);
  return tables;
}

const LimbKernels& active_kernels() {
  static const LimbKernels* const chosen = [] {
    if (const char* name = std::getenv("BLINDTUNER_KERNELS"); name != nullptr && *name != '\0') {
      const LimbKernels* table = find_kernels(name);
      if (table == nullptr)
        throw DataError(std::string("BLINDTUNER_KERNELS: '") + name +
                        "' is not available here; expected scalar, avx2 or avx512ifma");
      return table;
    }
    return available_kernels().back();
  }();
  return *chosen;
}

}  // namespace blindtuner::kernels
