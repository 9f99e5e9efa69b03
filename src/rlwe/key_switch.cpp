#include "rlwe/key_switch.h"

#include "base/parallel.h"
#include "ring/work.h"

namespace blindtuner {
namespace {

const kernels::LimbKernels& k() { return kernels::active_kernels(); }

// The digits of c: coefficients of the limbs outside each digit; a digit's own limbs are left
// unset, their transforms are c's.
struct DigitParts {
  Decomposition parts;
  std::vector<std::size_t> begins;
  bool owns(std::size_t d, std::size_t limb) const {
    return limb >= begins[d] && limb < parts.digit_ends[d];
  }
};

DigitParts split_digits(const Poly& c, const KeyShape& shape) {
  require(c.domain() == Domain::kNtt && c.p_count() == 0 && c.q_count() <= shape.q_count,
          "decompose takes q limbs, no more than the key has");
  const Ring& ring = c.ring();
  const std::size_t q_count = c.q_count(), p_count = shape.p_count;
  require(!shape.digit_ends.empty() && shape.digit_ends.back() >= q_count,
          "a key's digits must cover its limbs");
  Poly coefficients = c.copy();
  to_coefficients_inplace(coefficients);

  DigitParts out;
  out.parts.q_count = q_count;
  out.parts.p_count = p_count;
  std::vector<const kernels::BaseConversion*> conversions;
  for (std::size_t begin = 0, d = 0; begin < q_count; begin = shape.digit_ends[d++]) {
    const std::size_t end = std::min(shape.digit_ends[d], q_count);
    out.begins.push_back(begin);
    out.parts.digit_ends.push_back(end);
    out.parts.digits.emplace_back(ring, q_count, p_count, Domain::kNtt);
    conversions.push_back(&ring.mod_up_conversion(begin, end, q_count, p_count));
  }
  for (std::size_t d = 0; d < conversions.size(); ++d) {
    std::vector<const u64*> from;
    std::vector<u64*> to;
    for (std::size_t i = 0; i < q_count + p_count; ++i) {
      if (out.owns(d, i))
        from.push_back(coefficients.limb(i));
      else
        to.push_back(out.parts.digits[d].limb(i));
    }
    base_convert(to, from, c.n(), *conversions[d]);
  }
  return out;
}

void require_fits(const Decomposition& x, const KeySwitchKey& key) {
  const std::size_t digits = x.digits.size();
  require(digits >= 1 && digits <= kMaxDigits && digits <= key.b.size(),
          "key without these digits");
  require(key.a.size() == key.b.size(), "the key's uniform halves have not been expanded");
  require(&x.digits.front().ring() == &key.ring() && x.q_count <= key.shape.q_count &&
              x.p_count == key.shape.p_count,
          "decomposition and key do not fit");
  for (std::size_t d = 0; d < digits; ++d)
    require(std::min(key.shape.digit_ends[d], x.q_count) == x.digit_ends[d],
            "decomposition and key have different digits");
}

// One limb of an inner product; digit(d) gives the limb of digit d.
template <typename F>
void limb_inner_product(ExtendedPair& out, std::size_t i, std::size_t digits,
                        const KeySwitchKey& key, F&& digit) {
  const std::size_t q_count = out.c0.q_count();
  const u64 *d[kMaxDigits], *b[kMaxDigits], *a[kMaxDigits];
  for (std::size_t j = 0; j < digits; ++j) {
    d[j] = digit(j);
    b[j] = i < q_count ? key.b[j].limb(i) : key.b[j].p_limb(i - q_count);
    a[j] = i < q_count ? key.a[j].limb(i) : key.a[j].p_limb(i - q_count);
  }
  k().inner_product2(out.c0.limb(i), out.c1.limb(i), d, b, a, digits, out.c0.n(),
                     out.c0.modulus(i));
}

ExtendedPair empty_pair(const Decomposition& x) {
  const Ring& ring = x.digits.front().ring();
  return {Poly(ring, x.q_count, x.p_count, Domain::kNtt),
          Poly(ring, x.q_count, x.p_count, Domain::kNtt)};
}

}  // namespace

Decomposition decompose(const Poly& c, const KeyShape& shape) {
  const WorkScope work(Work::kDecompose, c.ring().log_n(), c.q_count());
  DigitParts split = split_digits(c, shape);
  Decomposition& out = split.parts;
  const std::size_t limbs = out.q_count + out.p_count;
  parallel_for(out.digits.size() * limbs, [&](std::size_t task) {
    const std::size_t d = task / limbs, i = task % limbs;
    Poly& digit = out.digits[d];
    if (split.owns(d, i))
      std::memcpy(digit.limb(i), c.limb(i), c.n() * sizeof(u64));
    else
      k().ntt_forward(digit.limb(i), digit.table(i));
  });
  return std::move(out);
}

ExtendedPair inner_product(const Decomposition& x, const KeySwitchKey& key) {
  require_fits(x, key);
  const WorkScope work(Work::kKeyProduct, key.ring().log_n(), x.q_count);
  ExtendedPair out = empty_pair(x);
  parallel_for(x.q_count + x.p_count, [&](std::size_t i) {
    limb_inner_product(out, i, x.digits.size(), key,
                       [&](std::size_t d) { return x.digits[d].limb(i); });
  });
  return out;
}

ExtendedPair decompose_inner_product(const Poly& c, const KeySwitchKey& key) {
  const WorkScope work(Work::kKeySwitch, c.ring().log_n(), c.q_count());
  DigitParts split = split_digits(c, key.shape);
  Decomposition& x = split.parts;
  require_fits(x, key);
  ExtendedPair out = empty_pair(x);
  // A limb's digits are transformed and used while they are in the cache.
  parallel_for(x.q_count + x.p_count, [&](std::size_t i) {
    limb_inner_product(out, i, x.digits.size(), key, [&](std::size_t d) -> const u64* {
      if (split.owns(d, i)) return c.limb(i);
      k().ntt_forward(x.digits[d].limb(i), x.digits[d].table(i));
      return x.digits[d].limb(i);
    });
  });
  return out;
}

std::pair<Poly, Poly> key_switch(const Poly& c, const KeySwitchKey& key) {
  ExtendedPair sum = decompose_inner_product(c, key);
  return {scale_down(std::move(sum.c0), c.q_count()), scale_down(std::move(sum.c1), c.q_count())};
}

Ciphertext key_switch(const Ciphertext& c, const KeySwitchKey& key) {
  auto [c0, c1] = key_switch(c.c1, key);
  add_inplace(c0, c.c0);
  return {std::move(c0), std::move(c1), c.scale};
}

Ciphertext relinearise(Tensor&& t, const KeySwitchKey& key) {
  auto [c0, c1] = key_switch(t.c2, key);
  add_inplace(t.c0, c0);
  add_inplace(t.c1, c1);
  return {std::move(t.c0), std::move(t.c1), t.scale};
}

Ciphertext relinearise_rescale(Tensor&& t, const KeySwitchKey& key, std::size_t count) {
  const std::size_t q_count = t.c2.q_count();
  require(count < q_count, "no level left to rescale");
  ExtendedPair sum = decompose_inner_product(t.c2, key);
  add_times_special(sum.c0, t.c0);
  add_times_special(sum.c1, t.c1);
  double scale = t.scale;
  for (std::size_t i = q_count - count; i < q_count; ++i)
    scale /= static_cast<double>(t.c2.ring().q(i).q);
  return {scale_down(std::move(sum.c0), q_count - count),
          scale_down(std::move(sum.c1), q_count - count), scale};
}

const KeySwitchKey& find_galois_key(const GaloisKeys& keys, u64 g) {
  const auto it = keys.find(g);
  require(it != keys.end(), "no key for the automorphism X -> X^" + std::to_string(g));
  return it->second;
}

Ciphertext apply_automorphism(const Ciphertext& c, u64 g, const GaloisKeys& keys) {
  auto [c0, c1] = key_switch(c.c1, find_galois_key(keys, g));
  add_inplace(c0, c.c0);
  return {automorphism(c0, g), automorphism(c1, g), c.scale};
}

void add_times_special(Poly& out, const Poly& x) {
  require(out.q_count() <= x.q_count(), "operand with too few limbs");
  const WorkScope work(Work::kPass, out.ring().log_n(), 0, static_cast<double>(out.q_count()));
  parallel_for(out.q_count(), [&](std::size_t i) {
    k().mul_scalar_add(out.limb(i), x.limb(i), out.ring().special_product(i, out.p_count()),
                       out.n(), out.modulus(i));
  });
}

Poly extend_by_special(const Poly& x, std::size_t p_count) {
  Poly out = Poly::zero(x.ring(), x.q_count(), p_count, Domain::kNtt);
  add_times_special(out, x);
  return out;
}

}  // namespace blindtuner
