#include "ckks/evaluator.h"

#include <cmath>

#include "base/parallel.h"
#include "ring/work.h"

namespace blindtuner {
namespace {

const kernels::LimbKernels& k() { return kernels::active_kernels(); }

}  // namespace

u64 rotation_galois(std::int64_t steps, std::size_t n) {
  const std::int64_t slots = static_cast<std::int64_t>(n / 2);
  std::int64_t r = ((steps % slots) + slots) % slots;
  u64 g = 1, power = 5;
  for (; r != 0; r >>= 1) {
    if (r & 1) g = g * power & (2 * n - 1);
    power = power * power & (2 * n - 1);
  }
  return g;
}

void add_real_constant_inplace(Poly& a, double scaled_value) {
  require(a.domain() == Domain::kNtt, "constants are added in the NTT domain");
  require(std::isfinite(scaled_value), "a constant that is not finite");
  int exponent = 0;
  const double fraction = std::frexp(scaled_value, &exponent);
  // scaled_value = mantissa * 2^shift with an integer mantissa below 2^53.
  std::int64_t mantissa = std::llrint(std::ldexp(fraction, 53));
  int shift = exponent - 53;
  if (shift < 0) {
    mantissa = std::llrint(scaled_value);
    shift = 0;
  }
  parallel_for(a.limbs(), [&](std::size_t i) {
    const Modulus& q = a.modulus(i);
    const u64 residue = q.mul(q.reduce_signed(mantissa), q.pow(2, static_cast<u64>(shift)));
    u64* x = a.limb(i);
    for (std::size_t j = 0; j < a.n(); ++j) x[j] = q.add(x[j], residue);
  });
}

void add_constant_inplace(Ciphertext& a, double value) {
  add_real_constant_inplace(a.c0, value * a.scale);
}

void add_plain_inplace(Ciphertext& a, const Poly& message) { add_inplace(a.c0, message); }

void mul_plain_inplace(Ciphertext& a, const Poly& message, double message_scale) {
  mul_inplace(a.c0, message);
  mul_inplace(a.c1, message);
  a.scale *= message_scale;
}

void tensor_add_inplace(Tensor& acc, const Ciphertext& a, const Ciphertext& b) {
  require(&a.ring() == &acc.c0.ring() && &b.ring() == &acc.c0.ring(),
          "operands of different rings");
  require(acc.c0.q_count() <= a.q_count() && acc.c0.q_count() <= b.q_count(),
          "the accumulator's level exceeds an operand's");
  require(same_scale(acc.scale, a.scale * b.scale), "a product at another scale than its sum");
  const WorkScope work(Work::kTensor, a.ring().log_n(), acc.c0.q_count());
  parallel_for(acc.c0.q_count(), [&](std::size_t i) {
    const u64 *a0 = a.c0.limb(i), *a1 = a.c1.limb(i), *b0 = b.c0.limb(i), *b1 = b.c1.limb(i);
    k().tensor_sum(acc.c0.limb(i), acc.c1.limb(i), acc.c2.limb(i), &a0, &a1, &b0, &b1, 1,
                   acc.c0.n(), acc.c0.modulus(i));
  });
}

Tensor tensor(const Ciphertext& a, const Ciphertext& b) {
  require(&a.ring() == &b.ring(), "operands of different rings");
  const std::size_t q_count = std::min(a.q_count(), b.q_count());
  const Ring& ring = a.ring();
  Tensor t{Poly(ring, q_count, 0, Domain::kNtt), Poly(ring, q_count, 0, Domain::kNtt),
           Poly(ring, q_count, 0, Domain::kNtt), a.scale * b.scale};
  const WorkScope work(Work::kTensor, ring.log_n(), q_count);
  parallel_for(q_count, [&](std::size_t i) {
    const Modulus& q = ring.q(i);
    const u64* x[2] = {a.c0.limb(i), a.c1.limb(i)};
    const u64* y[2] = {b.c1.limb(i), b.c0.limb(i)};
    k().mul(t.c0.limb(i), a.c0.limb(i), b.c0.limb(i), ring.n(), q);
    k().inner_product(t.c1.limb(i), x, y, 2, ring.n(), q);
    k().mul(t.c2.limb(i), a.c1.limb(i), b.c1.limb(i), ring.n(), q);
  });
  return t;
}

Tensor tensor_square(const Ciphertext& a) { return tensor(a, a); }

Ciphertext multiply(const Ciphertext& a, const Ciphertext& b, const KeySwitchKey& relinearisation) {
  return relinearise_rescale(tensor(a, b), relinearisation);
}

Ciphertext square(const Ciphertext& a, const KeySwitchKey& relinearisation) {
  return relinearise_rescale(tensor_square(a), relinearisation);
}

Ciphertext rotate(const Ciphertext& a, std::int64_t steps, const GaloisKeys& keys) {
  const u64 g = rotation_galois(steps, a.ring().n());
  return g == 1 ? a.copy() : apply_automorphism(a, g, keys);
}

Ciphertext conjugate(const Ciphertext& a, const GaloisKeys& keys) {
  return apply_automorphism(a, conjugation_galois(a.ring().n()), keys);
}

std::vector<Ciphertext> rotate_hoisted(const Ciphertext& a, std::span<const std::int64_t> steps,
                                       const GaloisKeys& keys) {
  std::vector<Ciphertext> out(steps.size());
  for (std::size_t i = 0; i < steps.size();) {
    // As many as share a decomposition.
    std::vector<u64> elements;
    std::vector<std::size_t> places;
    const KeyShape* shape = nullptr;
    for (; i < steps.size(); ++i) {
      const u64 g = rotation_galois(steps[i], a.ring().n());
      if (g == 1) {
        out[i] = a.copy();
        continue;
      }
      const KeyShape& of_key = find_galois_key(keys, g).shape;
      if (shape != nullptr && !(*shape == of_key)) break;
      shape = &of_key;
      elements.push_back(g);
      places.push_back(i);
    }
    std::vector<Ciphertext> rotated = apply_automorphisms(a, elements, keys);
    for (std::size_t j = 0; j < places.size(); ++j) out[places[j]] = std::move(rotated[j]);
  }
  return out;
}

void mul_i_inplace(Ciphertext& a) {
  // X^(N/2) is psi^((N/2) (2 brv(j) + 1)) in the transform: i at even places, -i at odd ones.
  const std::size_t n = a.ring().n();
  const WorkScope work(Work::kPass, a.ring().log_n(), 0, 2.0 * static_cast<double>(a.q_count()));
  parallel_for(a.q_count(), [&](std::size_t l) {
    const Modulus& q = a.ring().q(l);
    const u64 i = a.ring().q_table(l).roots.data()[1];
    const u64 i_shoup = q.shoup52(i);
    for (Poly* c : {&a.c0, &a.c1}) {
      u64* x = c->limb(l);
      for (std::size_t j = 0; j < n / 2; ++j) x[j] = q.mul_shoup(x[j], i, i_shoup);
      for (std::size_t j = n / 2; j < n; ++j) x[j] = q.neg(q.mul_shoup(x[j], i, i_shoup));
    }
  });
}

}  // namespace blindtuner
