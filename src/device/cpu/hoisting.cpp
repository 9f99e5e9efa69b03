#include <algorithm>
#include <optional>

#include "base/parallel.h"
#include "device/cpu/digits.h"

namespace blindtuner::device {
namespace {

// An automorphism by chunks. In the transform's order the top bits of a place tell the low bits of
// its root's exponent, so that a chunk of the image comes from one chunk.
class ChunkedAutomorphism {
 public:
  ChunkedAutomorphism(const CpuArithmetic& cpu, u64 g, std::size_t chunk)
      : kernels_(cpu.kernels()), index_(cpu.tables().automorphism_index(g)), chunk_(chunk) {}
  /// Where the chunk lies that the one at `begin` comes from.
  std::size_t source(std::size_t begin) const { return index_[begin] / chunk_ * chunk_; }
  /// out: the image's chunk at `begin`; in: the chunk at source(begin).
  void apply(u64* out, const u64* in, std::size_t begin) const {
    std::uint32_t within[kChunk];
    const std::uint32_t mask = static_cast<std::uint32_t>(chunk_ - 1);
    for (std::size_t j = 0; j < chunk_; ++j) within[j] = index_[begin + j] & mask;
    kernels_.gather(out, in, within, chunk_);
  }

 private:
  const kernels::LimbKernels& kernels_;
  const std::uint32_t* index_;
  std::size_t chunk_;
};

// Words [begin, begin + count) of limb i, in `space` when it has to be expanded from fewer values.
const u64* expanded(const ConstView& x, std::size_t i, std::size_t q_count, std::size_t n,
                    std::size_t begin, std::size_t count, u64* space) {
  const std::size_t width = n / x.n;
  const u64* values = limb(x, i, q_count);
  if (width == 1) return values + begin;
  for (std::size_t j = 0; j < count;) {
    const std::size_t at = begin + j, run = std::min(width - at % width, count - j);
    std::fill_n(space + j, run, values[at / width]);
    j += run;
  }
  return space;
}

}  // namespace

// A chunk of every rotation stays in the cache while all sums use it.
void CpuArithmetic::hoisted_sums(const HoistedSums& x) const {
  if (x.sums.empty()) return;
  const std::size_t n = x.c.c0.n, chunk = std::min(n, kChunk);
  const std::size_t q_count = x.c.c0.q_count, p_count = x.sums.front().out.c0.p_count;
  std::optional<Decomposition> digits;
  std::vector<std::optional<ChunkedAutomorphism>> automorphisms(x.rotations.size());
  for (std::size_t r = 0; r < x.rotations.size(); ++r) {
    const Key* key = x.rotations[r].key;
    if (key == nullptr) continue;
    if (!digits) digits.emplace(*this, x.c.c1, *key);
    automorphisms[r].emplace(*this, x.rotations[r].g, chunk);
  }
  std::size_t most_terms = 0;
  for (const HoistedSums::Sum& sum : x.sums) most_terms = std::max(most_terms, sum.terms.size());

  parallel_for(q_count + p_count, [&](std::size_t i) {
    const Modulus& q = tables_.modulus(i, q_count);
    const u64 special = i < q_count ? tables_.special_product(i, p_count) : 0;
    Buffer space((2 * x.rotations.size() + most_terms + 2) * chunk);
    u64* const plains = space.data() + 2 * x.rotations.size() * chunk;
    u64* const unrotated = plains + most_terms * chunk;
    const auto rotated = [&](std::size_t r, std::size_t half) {
      return space.data() + (2 * r + half) * chunk;
    };
    std::vector<const u64*> plain(most_terms), c0(most_terms), c1(most_terms);
    std::optional<Decomposition::Limb> digit;
    if (digits) digit.emplace(*digits, i);
    for (std::size_t begin = 0; begin < n; begin += chunk) {
      for (std::size_t r = 0; r < x.rotations.size(); ++r) {
        u64 *const to0 = rotated(r, 0), *const to1 = rotated(r, 1);
        if (automorphisms[r]) {
          const std::size_t from = automorphisms[r]->source(begin);
          digit->inner_product(unrotated, unrotated + chunk, *x.rotations[r].key, from, chunk);
          if (i < q_count)
            k_.mul_scalar_add(unrotated, limb(x.c.c0, i, q_count) + from, special, chunk, q);
          automorphisms[r]->apply(to0, unrotated, begin);
          automorphisms[r]->apply(to1, unrotated + chunk, begin);
        } else if (i < q_count) {
          k_.mul_scalar(to0, limb(x.c.c0, i, q_count) + begin, special, chunk, q);
          k_.mul_scalar(to1, limb(x.c.c1, i, q_count) + begin, special, chunk, q);
        } else {  // P is zero modulo its own primes
          std::fill_n(to0, 2 * chunk, u64{0});
        }
      }
      for (const HoistedSums::Sum& sum : x.sums) {
        for (std::size_t t = 0; t < sum.terms.size(); ++t) {
          const HoistedSums::Term& term = sum.terms[t];
          plain[t] = expanded(term.plain, i, q_count, n, begin, chunk, plains + t * chunk);
          c0[t] = rotated(term.rotation, 0);
          c1[t] = rotated(term.rotation, 1);
        }
        k_.inner_product2(limb(sum.out.c0, i) + begin, limb(sum.out.c1, i) + begin, plain.data(),
                          c0.data(), c1.data(), sum.terms.size(), chunk, q);
      }
    }
  });
}

void CpuArithmetic::rotate_mod_qp(const RotationModQP& x) const {
  const std::size_t n = x.c1.n, chunk = std::min(n, kChunk), q_count = x.c1.q_count;
  const ChunkedAutomorphism automorphism(*this, x.g, chunk);
  const Decomposition digits(*this, x.c1, *x.key);
  parallel_for(digits.limbs(), [&](std::size_t i) {
    const Modulus& q = tables_.modulus(i, q_count);
    Buffer scratch(3 * chunk);
    u64 *const u0 = scratch.data(), *const u1 = u0 + chunk, *const rotated = u1 + chunk;
    const Decomposition::Limb digit(digits, i);
    for (std::size_t begin = 0; begin < n; begin += chunk) {
      const std::size_t source = automorphism.source(begin);
      digit.inner_product(u0, u1, *x.key, source, chunk);
      k_.add(u0, u0, limb(x.c0, i, q_count) + source, chunk, q);
      for (const auto& [half, from] : {std::pair{&x.out.c0, u0}, std::pair{&x.out.c1, u1}}) {
        u64* to = limb(*half, i) + begin;
        automorphism.apply(x.add ? rotated : to, from, begin);
        if (x.add) k_.add(to, to, rotated, chunk, q);
      }
    }
  });
}

}  // namespace blindtuner::device
