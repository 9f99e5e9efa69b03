#include "ring/poly.h"

#include <cmath>

#include "base/parallel.h"
#include "ring/work.h"

namespace blindtuner::ring {
namespace {

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

}  // namespace

Poly::Poly(const Ring& ring, std::size_t q_count, std::size_t p_count, Domain domain, bool wiped)
    : ring_(&ring),
      q_count_(q_count),
      p_count_(p_count),
      domain_(domain),
      wiped_(wiped),
      memory_(ring.arithmetic().allocate((q_count + p_count) * ring.n(), wiped)) {
  require(q_count <= ring.q_size() && p_count <= ring.p_size(), "more limbs than the ring has");
}

Poly Poly::zero(const Ring& ring, std::size_t q_count, std::size_t p_count, Domain domain) {
  Poly x(ring, q_count, p_count, domain);
  ring.arithmetic().zero(x.view());
  return x;
}

Poly Poly::copy() const { return copy_limbs(q_count_, p_count_); }

Poly Poly::copy_limbs(std::size_t q_count, std::size_t p_count) const {
  require(q_count <= q_count_ && p_count <= p_count_, "copy of limbs that are not there");
  Poly x(*ring_, q_count, p_count, domain_, wiped_);
  const WorkScope work = count_pass(x);
  ring_->arithmetic().copy(x.view(), view());
  return x;
}

Poly Poly::copy_public() const {
  Poly x(*ring_, q_count_, p_count_, domain_);
  ring_->arithmetic().copy(x.view(), view());
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
  x.ring().arithmetic().forward_ntt(x.view());
  x.set_domain(Domain::kNtt);
}

void to_coefficients_inplace(Poly& x) {
  require(x.domain() == Domain::kNtt, "already in the coefficient domain");
  const WorkScope work = count_transforms(x);
  x.ring().arithmetic().inverse_ntt(x.view());
  x.set_domain(Domain::kCoefficient);
}

void add_inplace(Poly& a, const Poly& b) {
  require_compatible(a, b);
  const WorkScope work = count_pass(a);
  a.ring().arithmetic().add(a.view(), a.view(), b.view());
}

void sub_inplace(Poly& a, const Poly& b) {
  require_compatible(a, b);
  const WorkScope work = count_pass(a);
  a.ring().arithmetic().sub(a.view(), a.view(), b.view());
}

void neg_inplace(Poly& a) {
  const WorkScope work = count_pass(a);
  a.ring().arithmetic().neg(a.view(), a.view());
}

void mul_inplace(Poly& a, const Poly& b) {
  require_compatible(a, b);
  const WorkScope work = count_pass(a);
  require(a.domain() == Domain::kNtt, "products need the NTT domain");
  a.ring().arithmetic().mul(a.view(), a.view(), b.view());
}

void mul_add_inplace(Poly& out, const Poly& a, const Poly& b) {
  require_compatible(out, a);
  require_compatible(out, b);
  require(a.domain() == Domain::kNtt, "products need the NTT domain");
  out.ring().arithmetic().mul_add(out.view(), a.view(), b.view());
}

Poly mul(const Poly& a, const Poly& b) {
  require_compatible(a, b);
  require(a.domain() == Domain::kNtt, "products need the NTT domain");
  // A secret times a public polynomial gives the secret away.
  Poly out(a.ring(), a.q_count(), a.p_count(), Domain::kNtt, a.wiped() || b.wiped());
  out.ring().arithmetic().mul(out.view(), a.view(), b.view());
  return out;
}

void mul_scalars_inplace(Poly& a, std::span<const u64> w) {
  require(w.size() == a.limbs(), "a scalar for every limb");
  const WorkScope work = count_pass(a);
  a.ring().arithmetic().mul_scalars(a.view(), a.view(), w);
}

void mul_scalars_add_inplace(Poly& out, const Poly& a, std::span<const u64> w) {
  require(&a.ring() == &out.ring() && a.q_count() >= out.q_count() &&
              a.p_count() >= out.p_count() && a.domain() == out.domain(),
          "polynomials of different rings, levels or domains");
  require(w.size() == out.limbs(), "a scalar for every limb");
  const WorkScope work = count_pass(out);
  out.ring().arithmetic().mul_scalars_add(out.view(), a.view(), w);
}

void mul_integer_inplace(Poly& a, std::int64_t value) {
  mul_scalars_inplace(a, each_modulus(a, [&](auto& q) { return q.reduce_signed(value); }));
}

void mul_integer_add_inplace(Poly& out, const Poly& a, std::int64_t value) {
  mul_scalars_add_inplace(out, a,
                          each_modulus(out, [&](auto& q) { return q.reduce_signed(value); }));
}

void add_constants_inplace(Poly& a, std::span<const u64> w) {
  require(w.size() == a.limbs(), "a scalar for every limb");
  a.ring().arithmetic().add_constants(a.view(), w, a.domain());
}

void add_constant_inplace(Poly& a, std::int64_t value) {
  add_constants_inplace(a, each_modulus(a, [&](auto& q) { return q.reduce_signed(value); }));
}

Poly automorphism(const Poly& a, u64 g) {
  require(a.domain() == Domain::kNtt, "automorphisms here act in the NTT domain");
  require((g & 1) != 0, "an automorphism's exponent is odd");
  const WorkScope work = count_pass(a);
  Poly out(a.ring(), a.q_count(), a.p_count(), Domain::kNtt);
  a.ring().arithmetic().automorphism(out.view(), a.view(), g);
  return out;
}

Poly monomial(const Ring& ring, u64 k, std::size_t q_count, std::size_t p_count) {
  std::vector<std::int64_t> coefficients(ring.n());
  const std::size_t exponent = k & (2 * ring.n() - 1);
  coefficients[exponent & (ring.n() - 1)] = exponent < ring.n() ? 1 : -1;
  return from_signed(ring, coefficients, q_count, p_count);
}

void mul_monomial_inplace(Poly& a, std::size_t k) {
  require(a.domain() == Domain::kCoefficient, "this product works on coefficients");
  a.ring().arithmetic().mul_monomial(a.view(), k);
}

void mul_i_inplace(Poly& a) {
  require(a.domain() == Domain::kNtt, "products need the NTT domain");
  const WorkScope work = count_pass(a);
  a.ring().arithmetic().mul_i(a.view());
}

Poly mod_up(const Poly& x, std::size_t begin, std::size_t end, std::size_t q_count,
            std::size_t p_count) {
  require(x.domain() == Domain::kCoefficient, "mod_up works on coefficients");
  require(begin < end && end <= std::min(x.q_count(), q_count),
          "mod_up from limbs that are not there");
  Poly out(x.ring(), q_count, p_count, Domain::kCoefficient);
  const WorkScope work(Work::kPass, x.ring().log_n(), 0,
                       static_cast<double>(out.limbs() - (end - begin)));
  x.ring().arithmetic().mod_up(out.view(), x.view(), begin, end);
  return out;
}

Poly scale_down(Poly&& x, std::size_t q_keep) {
  require(x.domain() == Domain::kNtt, "scale_down works in the NTT domain");
  require(q_keep >= 1 && q_keep <= x.q_count() && q_keep < x.limbs(),
          "scale_down must drop something and keep something");
  const Ring& ring = x.ring();
  const WorkScope work(x.p_count() == 0 ? Work::kRescale : Work::kScaleDown, ring.log_n(), q_keep);
  Poly out(ring, q_keep, 0, Domain::kNtt);
  ring.arithmetic().scale_down(out.view(), x.view());
  return out;
}

Poly interleave(const Ring& larger, std::span<const Poly* const> small) {
  require(!small.empty() && small.size() * small[0]->n() <= larger.n(),
          "interleave takes 1 to `ratio` polynomials");
  std::vector<device::ConstView> views;
  for (const Poly* x : small) {
    require(&x->ring() == &small[0]->ring() && x->q_count() == small[0]->q_count() &&
                x->p_count() == 0 && x->domain() == Domain::kCoefficient,
            "interleave takes coefficients of one ring and level");
    views.push_back(x->view());
  }
  Poly out(larger, small[0]->q_count(), 0, Domain::kCoefficient);
  larger.arithmetic().interleave(out.view(), views);
  return out;
}

std::vector<Poly> split(const Poly& x, const Ring& smaller) {
  require(x.p_count() == 0 && x.domain() == Domain::kCoefficient && smaller.n() <= x.n(),
          "split takes coefficients of a larger ring");
  std::vector<Poly> out;
  std::vector<device::View> views;
  for (std::size_t r = 0; r < x.n() / smaller.n(); ++r)
    views.push_back(out.emplace_back(smaller, x.q_count(), 0, Domain::kCoefficient).view());
  x.ring().arithmetic().split(views, x.view());
  return out;
}

Poly from_signed(const Ring& ring, std::span<const std::int64_t> coefficients, std::size_t q_count,
                 std::size_t p_count, bool wiped) {
  require(coefficients.size() == ring.n(), "a polynomial has n coefficients");
  Poly x(ring, q_count, p_count, Domain::kNtt, wiped);
  ring.arithmetic().from_signed(x.view(), coefficients);
  return x;
}

std::vector<double> to_centred_doubles(const Poly& x, std::size_t limbs) {
  const std::size_t count = std::min(limbs, x.q_count());
  require(count >= 1 && count <= 8 && x.p_count() == 0, "to_centred_doubles takes 1 to 8 limbs");
  Poly c = x.copy_limbs(count, 0);
  if (c.domain() == Domain::kNtt) to_coefficients_inplace(c);
  const Residues residues(c);
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
        u64 d = residues[i][j];
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

}  // namespace blindtuner::ring
