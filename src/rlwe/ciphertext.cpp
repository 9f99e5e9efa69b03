#include "rlwe/ciphertext.h"

#include <cmath>

#include "ring/sampling.h"
#include "ring/work.h"

namespace blindtuner::rlwe {

bool same_scale(double a, double b) { return std::abs(a - b) <= std::ldexp(a, -30); }

Ciphertext Ciphertext::zero(const Ring& ring, std::size_t q_count, double scale) {
  return {Poly::zero(ring, q_count, 0, Domain::kNtt), Poly::zero(ring, q_count, 0, Domain::kNtt),
          scale};
}

Ciphertext SeededCiphertext::expand() const {
  if (!c1.empty()) return {c0.copy(), c1.copy(), scale};
  const WorkScope work(Work::kExpand, c0.ring().log_n(), c0.q_count());
  return {c0.copy(), sample_uniform(c0.ring(), c0.q_count(), 0, seed, stream), scale};
}

namespace {

void require_addable(Ciphertext& a, const Ciphertext& b) {
  require(same_scale(a.scale, b.scale), "ciphertexts of different scales cannot be added");
  if (b.q_count() < a.q_count()) a.drop_to(b.q_count());
}

}  // namespace

void add_inplace(Ciphertext& a, const Ciphertext& b) {
  require_addable(a, b);
  add_inplace(a.c0, b.c0);
  add_inplace(a.c1, b.c1);
}

void sub_inplace(Ciphertext& a, const Ciphertext& b) {
  require_addable(a, b);
  sub_inplace(a.c0, b.c0);
  sub_inplace(a.c1, b.c1);
}

void neg_inplace(Ciphertext& a) {
  neg_inplace(a.c0);
  neg_inplace(a.c1);
}

void mul_integer_inplace(Ciphertext& a, std::int64_t value) {
  mul_integer_inplace(a.c0, value);
  mul_integer_inplace(a.c1, value);
}

void mul_integer_add_inplace(Ciphertext& out, const Ciphertext& a, std::int64_t value) {
  mul_integer_add_inplace(out.c0, a.c0, value);
  mul_integer_add_inplace(out.c1, a.c1, value);
}

void mul_monomial_inplace(Ciphertext& a, const Poly& monomial) {
  mul_inplace(a.c0, monomial);
  mul_inplace(a.c1, monomial);
}

void rescale_inplace(Ciphertext& a, std::size_t count) {
  require(count >= 1 && count < a.q_count(), "no level left to rescale");
  const std::size_t keep = a.q_count() - count;
  for (std::size_t i = keep; i < a.q_count(); ++i) a.scale /= static_cast<double>(a.ring().q(i).q);
  a.c0 = scale_down(std::move(a.c0), keep);
  a.c1 = scale_down(std::move(a.c1), keep);
}

}  // namespace blindtuner::rlwe
