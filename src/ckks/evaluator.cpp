#include "ckks/evaluator.h"

#include <cmath>

#include "ring/work.h"

namespace blindtuner::ckks {

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
  add_constants_inplace(a, each_modulus(a, [&](const Modulus& q) {
                          return q.mul(q.reduce_signed(mantissa),
                                       q.pow(2, static_cast<u64>(shift)));
                        }));
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
  const TensorSum sum{&acc, {&a}, {&b}};
  add_tensor_sums_inplace(std::span(&sum, 1));
}

void add_tensor_sums_inplace(std::span<const TensorSum> sums) {
  if (sums.empty()) return;
  const Poly& model = sums.front().sum->c0;
  std::vector<device::TensorSum> jobs;
  double terms = 0;
  for (const TensorSum& sum : sums) {
    require(sum.left.size() == sum.right.size(), "products of pairs");
    jobs.push_back({sum.sum->c0.view(), sum.sum->c1.view(), sum.sum->c2.view(), {}, {}});
    for (std::size_t t = 0; t < sum.left.size(); ++t) {
      for (const Ciphertext* operand : {sum.left[t], sum.right[t]})
        require(&operand->ring() == &model.ring() && operand->q_count() >= model.q_count(),
                "operands of different rings or levels");
      jobs.back().left.push_back(sum.left[t]->view());
      jobs.back().right.push_back(sum.right[t]->view());
    }
    terms += static_cast<double>(sum.left.size());
  }
  const WorkScope work(Work::kTensorTerm, model.ring().log_n(), model.q_count(), terms);
  model.ring().arithmetic().tensor_sums(jobs);
}

Tensor tensor(const Ciphertext& a, const Ciphertext& b) {
  require(&a.ring() == &b.ring(), "operands of different rings");
  const std::size_t q_count = std::min(a.q_count(), b.q_count());
  const Ring& ring = a.ring();
  Tensor t{Poly(ring, q_count, 0, Domain::kNtt), Poly(ring, q_count, 0, Domain::kNtt),
           Poly(ring, q_count, 0, Domain::kNtt), a.scale * b.scale};
  const WorkScope work(Work::kTensor, ring.log_n(), q_count);
  ring.arithmetic().tensor(t.c0.view(), t.c1.view(), t.c2.view(), a.view(), b.view());
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
  mul_i_inplace(a.c0);
  mul_i_inplace(a.c1);
}

}  // namespace blindtuner::ckks
