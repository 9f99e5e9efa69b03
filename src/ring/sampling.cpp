#include "ring/sampling.h"

#include <array>

#include "base/parallel.h"

namespace blindtuner::ring {

Poly sample_uniform(const Ring& ring, std::size_t q_count, std::size_t p_count, const Seed& seed,
                    u64 stream) {
  Poly x(ring, q_count, p_count, Domain::kNtt);
  set_residues(x, [&](WritableResidues residues) {
    parallel_for(x.limbs(), [&](std::size_t i) {
      const u64 place = i < q_count ? i : 0x8000 + (i - q_count);
      Prng prng(seed, (stream << 32) | place);
      const Modulus& q = x.modulus(i);
      const u64 mask = (u64{1} << q.bits) - 1;
      constexpr std::size_t kBatch = 512;
      std::array<u64, kBatch> words;
      const std::span<u64> out = residues[i];
      std::size_t done = 0;
      while (done < out.size()) {
        prng.fill(std::span<u64>(words));
        for (std::size_t j = 0; j < kBatch && done < out.size(); ++j) {
          out[done] = words[j] & mask;
          done += out[done] < q.q ? 1 : 0;
        }
      }
    });
  });
  return x;
}

}  // namespace blindtuner::ring
