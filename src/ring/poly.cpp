#include "ring/poly.h"

#include <bit>
#include <cmath>

#include "base/parallel.h"
#include "ring/work.h"

namespace blindtuner {
namespace {

const kernels::LimbKernels& k() { return kernels::active_kernels(); }

WorkScope count_pass(const Poly& x) {
  return {Work::kPass, x.ring().log_n(), 0, static_cast<double>(x.limbs())};
}
WorkScope count_transforms(const Poly& x) {
  return {Work::kTransform, x.ring().log_n(), 0, static_cast<double>(x.limbs())};
}

void require_compatible(const Poly& a, const Poly& b) {
  require(&a.ring() == &b.ring() && b.q_count() >= a.q_count() && a.p_count() == b.p_count(),
          "polynomials of different rings or levels");
  require(a.domain() == b.domain(), "polynomials in different domains");
}

// The limb of b that belongs to the same prime as limb i of a.
const u64* matching_limb(const Poly& a, const Poly& b, std::size_t i) {
  return i < a.q_count() ? b.limb(i) : b.p_limb(i - a.q_count());
}

}  // namespace

Poly::Poly(const Ring& ring, std::size_t q_count, std::size_t p_count, Domain domain, bool wiped)
    : ring_(&ring),
      q_count_(q_count),
      p_count_(p_count),
      domain_(domain),
      data_((q_count + p_count) * ring.n(), wiped) {
  require(q_count <= ring.q_size() && p_count <= ring.p_size(), "more limbs than the ring has");
}

Poly Poly::zero(const Ring& ring, std::size_t q_count, std::size_t p_count, Domain domain) {
  Poly x(ring, q_count, p_count, domain);
  x.data_.zero();
  return x;
}

Poly Poly::copy() const { return copy_limbs(q_count_, p_count_); }

Poly Poly::copy_limbs(std::size_t q_count, std::size_t p_count) const {
  require(q_count <= q_count_ && p_count <= p_count_, "copy of limbs that are not there");
  Poly x(*ring_, q_count, p_count, domain_, data_.wiped());
  const WorkScope work = count_pass(x);
  for (std::size_t i = 0; i < x.limbs(); ++i)
    std::memcpy(x.limb(i), matching_limb(x, *this, i), n() * sizeof(u64));
  return x;
}

Poly Poly::copy_public() const {
  Poly x(*ring_, q_count_, p_count_, domain_);
  std::memcpy(x.limb(0), limb(0), limbs() * n() * sizeof(u64));
  return x;
}

void Poly::drop_to(std::size_t q_count) {
  require(p_count_ == 0 && q_count >= 1 && q_count <= q_count_,
          "drop to a level that is not below");
  q_count_ = q_count;
}

void to_ntt_inplace(Poly& x) {
  require(x.domain() == Domain::kCoefficient, "already in the NTT domain");
  const WorkScope work = count_transforms(x);
  parallel_for(x.limbs(), [&](std::size_t i) { k().ntt_forward(x.limb(i), x.table(i)); });
  x.set_domain(Domain::kNtt);
}

void to_coefficients_inplace(Poly& x) {
  require(x.domain() == Domain::kNtt, "already in the coefficient domain");
  const WorkScope work = count_transforms(x);
  parallel_for(x.limbs(), [&](std::size_t i) { k().ntt_inverse(x.limb(i), x.table(i)); });
  x.set_domain(Domain::kCoefficient);
}

void add_inplace(Poly& a, const Poly& b) {
  require_compatible(a, b);
  const WorkScope work = count_pass(a);
  parallel_for(a.limbs(), [&](std::size_t i) {
    k().add(a.limb(i), a.limb(i), matching_limb(a, b, i), a.n(), a.modulus(i));
  });
}

void sub_inplace(Poly& a, const Poly& b) {
  require_compatible(a, b);
  const WorkScope work = count_pass(a);
  parallel_for(a.limbs(), [&](std::size_t i) {
    k().sub(a.limb(i), a.limb(i), matching_limb(a, b, i), a.n(), a.modulus(i));
  });
}

void neg_inplace(Poly& a) {
  const WorkScope work = count_pass(a);
  parallel_for(a.limbs(),
               [&](std::size_t i) { k().neg(a.limb(i), a.limb(i), a.n(), a.modulus(i)); });
}

void mul_inplace(Poly& a, const Poly& b) {
  require_compatible(a, b);
  const WorkScope work = count_pass(a);
  require(a.domain() == Domain::kNtt, "products need the NTT domain");
  parallel_for(a.limbs(), [&](std::size_t i) {
    k().mul(a.limb(i), a.limb(i), matching_limb(a, b, i), a.n(), a.modulus(i));
  });
}

void mul_add_inplace(Poly& out, const Poly& a, const Poly& b) {
  require_compatible(out, a);
  require_compatible(out, b);
  require(a.domain() == Domain::kNtt, "products need the NTT domain");
  parallel_for(out.limbs(), [&](std::size_t i) {
    k().mul_add(out.limb(i), matching_limb(out, a, i), matching_limb(out, b, i), out.n(),
                out.modulus(i));
  });
}

Poly mul(const Poly& a, const Poly& b) {
  require_compatible(a, b);
  require(a.domain() == Domain::kNtt, "products need the NTT domain");
  // A secret times a public polynomial gives the secret away.
  Poly out(a.ring(), a.q_count(), a.p_count(), Domain::kNtt, a.wiped() || b.wiped());
  parallel_for(out.limbs(), [&](std::size_t i) {
    k().mul(out.limb(i), a.limb(i), matching_limb(a, b, i), out.n(), out.modulus(i));
  });
  return out;
}

void mul_integer_inplace(Poly& a, std::int64_t value) {
  const WorkScope work = count_pass(a);
  parallel_for(a.limbs(), [&](std::size_t i) {
    k().mul_scalar(a.limb(i), a.limb(i), a.modulus(i).reduce_signed(value), a.n(), a.modulus(i));
  });
}

void mul_integer_add_inplace(Poly& out, const Poly& a, std::int64_t value) {
  require_compatible(out, a);
  const WorkScope work = count_pass(out);
  parallel_for(out.limbs(), [&](std::size_t i) {
    k().mul_scalar_add(out.limb(i), matching_limb(out, a, i), out.modulus(i).reduce_signed(value),
                       out.n(), out.modulus(i));
  });
}

void add_constant_inplace(Poly& a, std::int64_t value) {
  parallel_for(a.limbs(), [&](std::size_t i) {
    const Modulus& q = a.modulus(i);
    const u64 residue = q.reduce_signed(value);
    u64* x = a.limb(i);
    const std::size_t count = a.domain() == Domain::kNtt ? a.n() : 1;
    for (std::size_t j = 0; j < count; ++j) x[j] = q.add(x[j], residue);
  });
}

Poly automorphism(const Poly& a, u64 g) {
  require(a.domain() == Domain::kNtt, "automorphisms here act in the NTT domain");
  const std::uint32_t* index = a.ring().automorphism_index(g);
  const WorkScope work = count_pass(a);
  Poly out(a.ring(), a.q_count(), a.p_count(), Domain::kNtt);
  parallel_for(a.limbs(), [&](std::size_t i) { k().gather(out.limb(i), a.limb(i), index, a.n()); });
  return out;
}

Poly monomial(const Ring& ring, u64 k_, std::size_t q_count, std::size_t p_count) {
  Poly x = Poly::zero(ring, q_count, p_count, Domain::kCoefficient);
  const std::size_t exponent = k_ & (2 * ring.n() - 1);
  for (std::size_t i = 0; i < x.limbs(); ++i)
    x.limb(i)[exponent & (ring.n() - 1)] = exponent < ring.n() ? 1 : x.modulus(i).q - 1;
  to_ntt_inplace(x);
  return x;
}

void base_convert(std::span<u64* const> out, std::span<const u64* const> x, std::size_t n,
                  const kernels::BaseConversion& conversion) {
  require(x.size() == conversion.from.size() && out.size() == conversion.to.size(),
          "a base conversion with other numbers of limbs");
  const WorkScope work(Work::kPass, std::countr_zero(n), 0, static_cast<double>(out.size()));
  const std::size_t chunk = std::min<std::size_t>(n, 4096);
  // More than a core's caches hold: what is written is read only after all of it has been.
  const bool streaming = out.size() * n * sizeof(u64) > (std::size_t{4} << 20);
  parallel_for(n / chunk, [&](std::size_t c) {
    std::vector<const u64*> from(x.begin(), x.end());
    std::vector<u64*> to(out.begin(), out.end());
    for (const u64*& limb : from) limb += c * chunk;
    for (u64*& limb : to) limb += c * chunk;
    k().base_convert(to.data(), from.data(), chunk, conversion, streaming);
  });
}

Poly scale_down(Poly&& x, std::size_t q_keep) {
  require(x.domain() == Domain::kNtt, "scale_down works in the NTT domain");
  const std::size_t dropped_q = x.q_count() - q_keep;
  require(q_keep >= 1 && q_keep <= x.q_count() && dropped_q + x.p_count() >= 1,
          "scale_down must drop something and keep something");
  const Ring& ring = x.ring();
  const std::size_t n = ring.n(), dropped = dropped_q + x.p_count();
  const WorkScope work(x.p_count() == 0 ? Work::kRescale : Work::kScaleDown, ring.log_n(), q_keep);
  const kernels::BaseConversion& conversion =
      ring.scale_down_conversion(q_keep, x.q_count(), x.p_count());
  parallel_for(dropped,
               [&](std::size_t i) { k().ntt_inverse(x.limb(q_keep + i), x.table(q_keep + i)); });
  Poly out(ring, q_keep, 0, Domain::kNtt);
  std::vector<const u64*> from(dropped);
  std::vector<u64*> to(q_keep);
  for (std::size_t i = 0; i < dropped; ++i) from[i] = x.limb(q_keep + i);
  for (std::size_t i = 0; i < q_keep; ++i) to[i] = out.limb(i);
  base_convert(to, from, n, conversion);
  parallel_for(q_keep, [&](std::size_t i) {
    const Modulus& q = ring.q(i);
    // -(product of the dropped primes) mod q is minus_q of the conversion.
    const u64 inverse = q.inv(q.neg(conversion.minus_q[i]));
    k().ntt_forward(out.limb(i), ring.q_table(i));
    k().sub_mul_scalar(out.limb(i), x.limb(i), out.limb(i), inverse, n, q);
  });
  return out;
}

Poly from_signed(const Ring& ring, std::span<const std::int64_t> coefficients, std::size_t q_count,
                 std::size_t p_count, bool wiped) {
  require(coefficients.size() == ring.n(), "a polynomial has n coefficients");
  Poly x(ring, q_count, p_count, Domain::kCoefficient, wiped);
  parallel_for(x.limbs(), [&](std::size_t i) {
    const Modulus& q = x.modulus(i);
    u64* limb = x.limb(i);
    // Without a branch on the value: secrets come through here.
    for (std::size_t j = 0; j < ring.n(); ++j) limb[j] = q.reduce_signed(coefficients[j]);
    k().ntt_forward(limb, x.table(i));
  });
  x.set_domain(Domain::kNtt);
  return x;
}

std::vector<double> to_centred_doubles(const Poly& x, std::size_t limbs) {
  const std::size_t count = std::min(limbs, x.q_count());
  require(count >= 1 && count <= 8 && x.p_count() == 0, "to_centred_doubles takes 1 to 8 limbs");
  Poly c = x.copy_limbs(count, 0);
  if (c.domain() == Domain::kNtt) to_coefficients_inplace(c);
  const std::size_t n = x.n();
  // Mixed radix (Garner): digits d_i, value = d_0 + q_0 (d_1 + q_1 (d_2 + ..)).
  std::vector<std::vector<u64>> inverse(count, std::vector<u64>(count));
  for (std::size_t i = 0; i < count; ++i)
    for (std::size_t j = 0; j < i; ++j)
      inverse[i][j] = x.ring().q(i).inv(x.ring().q(j).q % x.ring().q(i).q);
  std::vector<double> out(n);
  constexpr std::size_t kChunk = 1024;
  const std::size_t chunk = std::min(kChunk, n);
  parallel_for(n / chunk, [&](std::size_t block) {
    for (std::size_t j = block * chunk; j < (block + 1) * chunk; ++j) {
      u64 digit[8];
      for (std::size_t i = 0; i < count; ++i) {
        const Modulus& q = x.ring().q(i);
        u64 d = c.limb(i)[j];
        for (std::size_t m = 0; m < i; ++m) d = q.mul(q.sub(d, digit[m] % q.q), inverse[i][m]);
        digit[i] = d;
      }
      // (Q - 1) / 2 has the digits (q_i - 1) / 2; above it, replace x by Q - 1 - x, digit-wise.
      bool negative = false;
      for (std::size_t i = count; i-- > 0;) {
        const u64 half = x.ring().q(i).q / 2;
        if (digit[i] == half) continue;
        negative = digit[i] > half;
        break;
      }
      double value = 0;
      for (std::size_t i = count; i-- > 0;) {
        const u64 q = x.ring().q(i).q;
        const u64 d = negative ? q - 1 - digit[i] : digit[i];
        value = value * static_cast<double>(q) + static_cast<double>(d);
      }
      out[j] = negative ? -value - 1 : value;
    }
  });
  return out;
}

}  // namespace blindtuner
