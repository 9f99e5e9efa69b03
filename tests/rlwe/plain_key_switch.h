// Key switching as its definition says, one polynomial operation after the other: what the fused
// one must equal, bit for bit.
#pragma once

#include <algorithm>
#include <utility>

#include "ring/sampling.h"
#include "rlwe/key_switch.h"

namespace blindtuner::testing_support {
using namespace rlwe;

struct PlainPair {
  Poly c0, c1;
};

/// A key of uniform polynomials: no secret is needed to compare residues.
inline KeySwitchKey random_key(const Ring& ring, const KeyShape& shape, std::uint8_t seed) {
  KeySwitchKey key;
  key.shape = shape;
  key.seed[0] = seed;
  for (std::size_t d = 0; d < shape.digits(); ++d)
    key.b.push_back(
        sample_uniform(ring, shape.q_count, shape.p_count, key.seed, std::uint64_t{100} + d));
  key.expand();
  return key;
}

/// sum_d digit_d * (b_d, a_d) modulo Q P.
inline PlainPair plain_inner_product(const Poly& c, const KeySwitchKey& key) {
  const Ring& ring = c.ring();
  const std::size_t q = c.q_count(), p = key.shape.p_count;
  PlainPair out{Poly::zero(ring, q, p, Domain::kNtt), Poly::zero(ring, q, p, Domain::kNtt)};
  Poly coefficients = c.copy();
  to_coefficients_inplace(coefficients);
  for (std::size_t begin = 0, d = 0; begin < q; begin = key.shape.digit_ends[d++]) {
    const std::size_t end = std::min(key.shape.digit_ends[d], q);
    Poly digit = mod_up(coefficients, begin, end, q, p);
    to_ntt_inplace(digit);
    mul_add_inplace(out.c0, digit, key.b[d].copy_limbs(q, p));
    mul_add_inplace(out.c1, digit, key.a[d].copy_limbs(q, p));
  }
  return out;
}

/// P * x, with p special limbs, which are zero.
inline Poly plain_times_special(const Poly& x, std::size_t p) {
  const Ring& ring = x.ring();
  const Residues from(x);
  Poly out(ring, x.q_count(), p, Domain::kNtt);
  set_residues(out, [&](WritableResidues to) {
    for (std::size_t i = 0; i < out.limbs(); ++i)
      for (std::size_t j = 0; j < x.n(); ++j)
        to[i][j] = i < x.q_count() ? ring.q(i).mul(from[i][j], ring.special_product(i, p)) : 0;
  });
  return out;
}

inline bool equal_residues(const Poly& a, const Poly& b) {
  if (a.limbs() != b.limbs() || a.q_count() != b.q_count() || a.domain() != b.domain())
    return false;
  for (std::size_t i = 0; i < a.limbs(); ++i)
    if (!std::ranges::equal(Residues(a)[i], Residues(b)[i])) return false;
  return true;
}

}  // namespace blindtuner::testing_support
