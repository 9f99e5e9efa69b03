#include "device/reference.h"

#include "math/bits.h"

namespace blindtuner::testing_support {
namespace {

// Value k is sum_i x_i w^(ik).
Limb fourier(const Limb& x, u64 w, u64 q) {
  if (x.size() == 1) return x;
  Limb even, odd;
  for (std::size_t i = 0; i < x.size(); i += 2) {
    even.push_back(x[i]);
    odd.push_back(x[i + 1]);
  }
  even = fourier(even, times(w, w, q), q);
  odd = fourier(odd, times(w, w, q), q);
  Limb out(x.size());
  u64 factor = 1;
  for (std::size_t k = 0; k < even.size(); ++k, factor = times(factor, w, q)) {
    const u64 t = times(factor, odd[k], q);
    out[k] = plus(even[k], t, q);
    out[k + even.size()] = minus(even[k], t, q);
  }
  return out;
}

// x_i w^i
void twist(Limb& x, u64 w, u64 q) {
  u64 factor = 1;
  for (u64& value : x) {
    value = times(value, factor, q);
    factor = times(factor, w, q);
  }
}

u64 psi_of(const Limb& x, u64 q) { return primitive_root_of_unity(Modulus(q), 2 * x.size()); }

Limb bit_reversed(const Limb& x) {
  int bits = 0;
  while (std::size_t{1} << bits < x.size()) ++bits;
  Limb out;
  for (std::size_t j = 0; j < x.size(); ++j) out.push_back(x[reverse_bits(j, bits)]);
  return out;
}

// From limbs modulo `from` to one modulo t, of the centred integer.
Limb converted(const std::vector<Limb>& limbs, const std::vector<u64>& from, u64 t) {
  Limb out(limbs.front().size());
  std::vector<u64> inverses, factors;
  u64 d_mod_t = 1;
  for (std::size_t i = 0; i < from.size(); ++i) {
    u64 rest = 1, factor = 1;
    for (std::size_t j = 0; j < from.size(); ++j)
      if (j != i) {
        rest = times(rest, from[j] % from[i], from[i]);
        factor = times(factor, from[j] % t, t);
      }
    inverses.push_back(inverse(rest, from[i]));
    factors.push_back(factor);
    d_mod_t = times(d_mod_t, from[i] % t, t);
  }
  for (std::size_t c = 0; c < out.size(); ++c) {
    double v = 0.5;
    for (std::size_t i = 0; i < from.size(); ++i) {
      const u64 y = times(limbs[i][c], inverses[i], from[i]);
      v += static_cast<double>(y) * (1.0 / static_cast<double>(from[i]));
      out[c] = plus(out[c], times(y % t, factors[i], t), t);
    }
    out[c] = minus(out[c], times(static_cast<u64>(v), d_mod_t, t), t);
  }
  return out;
}

}  // namespace

PlainPoly PlainRing::transformed(const PlainPoly& x) const {
  return each(x, [](Limb limb, u64 prime) {
    const u64 psi = psi_of(limb, prime);
    twist(limb, psi, prime);
    return bit_reversed(fourier(limb, times(psi, psi, prime), prime));
  });
}

PlainPoly PlainRing::coefficients(const PlainPoly& x) const {
  return each(x, [](const Limb& limb, u64 prime) {
    const u64 back = inverse(psi_of(limb, prime), prime);
    Limb out = fourier(bit_reversed(limb), times(back, back, prime), prime);
    twist(out, back, prime);
    const u64 n_inverse = inverse(out.size() % prime, prime);
    for (u64& value : out) value = times(value, n_inverse, prime);
    return out;
  });
}

PlainPoly PlainRing::mod_up(const PlainPoly& x, std::size_t begin, std::size_t end,
                            std::size_t q_count, std::size_t p_count) const {
  const std::vector<Limb> limbs(x.q.begin() + static_cast<std::ptrdiff_t>(begin),
                                x.q.begin() + static_cast<std::ptrdiff_t>(end));
  const std::vector<u64> from(q.begin() + static_cast<std::ptrdiff_t>(begin),
                              q.begin() + static_cast<std::ptrdiff_t>(end));
  PlainPoly out = zero(q_count, p_count);
  for (std::size_t i = 0; i < q_count; ++i)
    out.q[i] = i >= begin && i < end ? x.q[i] : converted(limbs, from, q[i]);
  for (std::size_t i = 0; i < p_count; ++i) out.p[i] = converted(limbs, from, p[i]);
  return out;
}

PlainPoly PlainRing::scale_down_coefficients(const PlainPoly& x, std::size_t keep) const {
  std::vector<Limb> limbs(x.q.begin() + static_cast<std::ptrdiff_t>(keep), x.q.end());
  limbs.insert(limbs.end(), x.p.begin(), x.p.end());
  std::vector<u64> from(q.begin() + static_cast<std::ptrdiff_t>(keep),
                        q.begin() + static_cast<std::ptrdiff_t>(x.q.size()));
  from.insert(from.end(), p.begin(), p.begin() + static_cast<std::ptrdiff_t>(x.p.size()));
  PlainPoly out = first(x, keep, 0);
  for (std::size_t i = 0; i < keep; ++i) {
    u64 d = 1;
    for (const u64 prime : from) d = times(d, prime % q[i], q[i]);
    const Limb rest = converted(limbs, from, q[i]);
    for (std::size_t j = 0; j < out.n(); ++j)
      out.q[i][j] = times(minus(x.q[i][j], rest[j], q[i]), inverse(d, q[i]), q[i]);
  }
  return out;
}

PlainRing::Pair PlainRing::inner_product(const PlainPoly& c, const Key& key) const {
  const std::size_t q_count = c.q.size();
  const PlainPoly x = coefficients(c);
  Pair out{zero(q_count, key.p_count), zero(q_count, key.p_count)};
  for (std::size_t begin = 0, d = 0; begin < q_count; begin = key.digit_ends[d++]) {
    const std::size_t end = std::min(key.digit_ends[d], q_count);
    const PlainPoly digit = transformed(mod_up(x, begin, end, q_count, key.p_count));
    out.c0 = sum(out.c0, product(digit, key.b[d]));
    out.c1 = sum(out.c1, product(digit, key.a[d]));
  }
  return out;
}

PlainPoly PlainRing::times_special(const PlainPoly& x, std::size_t p_count) const {
  PlainPoly out = zero(x.q.size(), p_count);
  for (std::size_t i = 0; i < x.q.size(); ++i) {
    u64 special = 1;
    for (std::size_t j = 0; j < p_count; ++j) special = times(special, p[j] % q[i], q[i]);
    for (std::size_t j = 0; j < x.n(); ++j) out.q[i][j] = times(x.q[i][j], special, q[i]);
  }
  return out;
}

PlainPoly Source::poly(std::size_t q_count, std::size_t p_count, Fill fill) {
  const u64 phase = random_();
  return ring_.each(ring_.zero(q_count, p_count), [&](Limb limb, u64 prime) {
    for (std::size_t i = 0; i < limb.size(); ++i) switch (fill) {
        case Fill::kRandom:
          limb[i] = random_() % prime;
          break;
        case Fill::kZero:
          limb[i] = 0;
          break;
        case Fill::kLargest:
          limb[i] = prime - 1;
          break;
        case Fill::kAlternating:
          limb[i] = (i + phase) % 2 == 0 ? 0 : prime - 1;
          break;
      }
    return limb;
  });
}

PlainRing::Key Source::key(std::size_t q_count, std::size_t p_count,
                           std::vector<std::size_t> digit_ends) {
  PlainRing::Key key{{}, {}, std::move(digit_ends), p_count};
  for (std::size_t d = 0; d < key.digit_ends.size(); ++d) {
    key.b.push_back(poly(q_count, p_count));
    key.a.push_back(poly(q_count, p_count));
  }
  return key;
}

}  // namespace blindtuner::testing_support
