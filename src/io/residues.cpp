#include "io/residues.h"

#include "base/buffer.h"
#include "base/parallel.h"
#include "io/bit_packing.h"

namespace blindtuner::io {
namespace {

// Limbs packed or unpacked together: enough for all threads, a few megabytes.
constexpr std::size_t kLimbGroup = 8;

std::span<std::uint8_t> as_bytes(Buffer& buffer, std::size_t bytes) {
  return {reinterpret_cast<std::uint8_t*>(buffer.data()), bytes};
}

std::size_t limb_bytes(const Poly& x, std::size_t i) {
  return packed_bytes(x.n(), x.modulus(i).bits);
}

// Calls f(limb) for `count` limbs of dimension n, on all threads when that is worth waking them.
template <typename F>
void for_limbs(std::size_t count, std::size_t n, F&& f) {
  if (count * n >= (std::size_t{1} << 16))
    parallel_for(count, f);
  else
    for (std::size_t i = 0; i < count; ++i) f(i);
}

// Calls f(first limb, one past the last, where each limb's bytes start) for groups of limbs.
template <typename F>
void for_limb_groups(const Poly& x, F&& f) {
  for (std::size_t begin = 0; begin < x.limbs(); begin += kLimbGroup) {
    const std::size_t end = std::min(begin + kLimbGroup, x.limbs());
    std::vector<std::size_t> offsets = {0};
    for (std::size_t i = begin; i < end; ++i) offsets.push_back(offsets.back() + limb_bytes(x, i));
    f(begin, end, offsets);
  }
}

}  // namespace

void write_residues(ContainerWriter& out, const Poly& x) {
  require(x.domain() == Domain::kNtt, "files hold polynomials in the NTT domain");
  const Residues residues(x);
  for_limb_groups(x,
                  [&](std::size_t begin, std::size_t end, const std::vector<std::size_t>& offsets) {
                    Buffer buffer(offsets.back() / 8 + 1);
                    const auto bytes = as_bytes(buffer, offsets.back());
                    for_limbs(end - begin, x.n(), [&](std::size_t i) {
                      pack_bits(residues[begin + i], x.modulus(begin + i).bits,
                                bytes.subspan(offsets[i], offsets[i + 1] - offsets[i]));
                    });
                    out.bytes(bytes);
                  });
}

Poly read_residues(ContainerReader& in, const Ring& ring, std::size_t q_count,
                   std::size_t p_count) {
  std::size_t total = 0;
  for (std::size_t i = 0; i < q_count; ++i) total += packed_bytes(ring.n(), ring.q(i).bits);
  for (std::size_t i = 0; i < p_count; ++i) total += packed_bytes(ring.n(), ring.p(i).bits);
  in.require_available(total, 1, "a polynomial");
  Poly x(ring, q_count, p_count, Domain::kNtt);
  set_residues(x, [&](WritableResidues residues) {
    for_limb_groups(
        x, [&](std::size_t begin, std::size_t end, const std::vector<std::size_t>& offsets) {
          Buffer buffer(offsets.back() / 8 + 1);
          const auto bytes = as_bytes(buffer, offsets.back());
          in.bytes(bytes);
          std::vector<char> good(end - begin);
          for_limbs(end - begin, x.n(), [&](std::size_t i) {
            const Modulus& q = x.modulus(begin + i);
            good[i] = unpack_bits(bytes.subspan(offsets[i], offsets[i + 1] - offsets[i]), q.bits,
                                  q.q, residues[begin + i]);
          });
          for (std::size_t i = 0; i < good.size(); ++i)
            if (!good[i])
              in.fail("a residue is not below its prime " + std::to_string(x.modulus(begin + i).q));
        });
  });
  return x;
}

}  // namespace blindtuner::io
