#include "rlwe/key_switch.h"

#include <cstring>

#include "base/parallel.h"
#include "ring/work.h"

namespace blindtuner {
namespace {

const kernels::LimbKernels& k() { return kernels::active_kernels(); }

// Words that are computed at a time while what they are made of streams by.
constexpr std::size_t kChunk = 4096;

// A key, and the automorphism (a permutation of the transform) that follows it, if any.
struct Switch {
  const KeySwitchKey* key;
  const std::uint32_t* permutation = nullptr;
};

// For every key: (c's inner product with it + P (add0, add1)) / P, and by the q limbs from q_keep
// on, permuted. One limb after the other, in the cache from the product to the result; the limbs
// that are divided out go first.
std::vector<std::pair<Poly, Poly>> switch_keys(const Poly& c, std::span<const Switch> switches,
                                               std::size_t q_keep, const Poly* add0,
                                               const Poly* add1) {
  const Ring& ring = c.ring();
  const KeyShape& shape = switches.front().key->shape;
  const std::size_t n = ring.n(), q_count = c.q_count(), p_count = shape.p_count;
  const WorkScope work(Work::kKeySwitch, ring.log_n(), q_count,
                       static_cast<double>(switches.size()));
  Decomposition digits(c, shape);
  for (const Switch& s : switches) digits.require_fits(*s.key);
  require(q_keep >= 1 && q_keep <= q_count, "no level left to rescale");
  require((add0 == nullptr || add0->q_count() >= q_count) &&
              (add1 == nullptr || add1->q_count() >= q_count),
          "operand with too few limbs");

  const auto product = [&](u64* c0, u64* c1, const Decomposition::Limb& limb, const Switch& s,
                           std::size_t i, std::size_t begin, std::size_t count) {
    limb.inner_product(c0, c1, *s.key, begin, count);
    if (i >= q_count) return;  // P is zero modulo its own primes
    const u64 special = ring.special_product(i, p_count);
    if (add0 != nullptr) k().mul_scalar_add(c0, add0->limb(i) + begin, special, count, ring.q(i));
    if (add1 != nullptr) k().mul_scalar_add(c1, add1->limb(i) + begin, special, count, ring.q(i));
  };

  const std::size_t dropped = digits.limbs() - q_keep;
  Buffer tails(2 * switches.size() * dropped * n);
  const auto tail = [&](std::size_t half, std::size_t j) {
    return tails.data() + (half * dropped + j) * n;
  };
  parallel_for(dropped, [&](std::size_t j) {
    const std::size_t i = q_keep + j;
    const kernels::NttTable& table = i < q_count ? ring.q_table(i) : ring.p_table(i - q_count);
    const Decomposition::Limb limb(digits, i);
    for (std::size_t s = 0; s < switches.size(); ++s) {
      product(tail(2 * s, j), tail(2 * s + 1, j), limb, switches[s], i, 0, n);
      k().ntt_inverse(tail(2 * s, j), table);
      k().ntt_inverse(tail(2 * s + 1, j), table);
    }
  });

  // What the dropped limbs are modulo the others: to be taken off before the division.
  const kernels::BaseConversion& conversion = ring.scale_down_conversion(q_keep, q_count, p_count);
  std::vector<std::pair<Poly, Poly>> out;
  for (std::size_t s = 0; s < switches.size(); ++s) {
    out.emplace_back(Poly(ring, q_keep, 0, Domain::kNtt), Poly(ring, q_keep, 0, Domain::kNtt));
    for (std::size_t half = 0; half < 2; ++half) {
      Poly& poly = half == 0 ? out[s].first : out[s].second;
      std::vector<const u64*> from(dropped);
      std::vector<u64*> to(q_keep);
      for (std::size_t j = 0; j < dropped; ++j) from[j] = tail(2 * s + half, j);
      for (std::size_t i = 0; i < q_keep; ++i) to[i] = poly.limb(i);
      base_convert(to, from, n, conversion);
    }
  }

  parallel_for(q_keep, [&](std::size_t i) {
    const Modulus& q = ring.q(i);
    // -(product of the dropped primes) mod q is minus_q of the conversion.
    const u64 inverse = q.inv(q.neg(conversion.minus_q[i]));
    const std::size_t chunk = std::min(n, kChunk);
    const Decomposition::Limb limb(digits, i);
    Buffer sums(2 * chunk), unpermuted;
    for (std::size_t s = 0; s < switches.size(); ++s) {
      u64* const limbs[2] = {out[s].first.limb(i), out[s].second.limb(i)};
      u64* to[2] = {limbs[0], limbs[1]};
      if (switches[s].permutation != nullptr) {
        if (unpermuted.size() == 0) unpermuted = Buffer(2 * n);
        to[0] = unpermuted.data();
        to[1] = unpermuted.data() + n;
      }
      for (u64* result : limbs) k().ntt_forward(result, ring.q_table(i));
      for (std::size_t begin = 0; begin < n; begin += chunk) {
        product(sums.data(), sums.data() + chunk, limb, switches[s], i, begin, chunk);
        for (std::size_t half = 0; half < 2; ++half)
          k().sub_mul_scalar(to[half] + begin, sums.data() + half * chunk, limbs[half] + begin,
                             inverse, chunk, q);
      }
      if (switches[s].permutation != nullptr)
        for (std::size_t half = 0; half < 2; ++half)
          k().gather(limbs[half], to[half], switches[s].permutation, n);
    }
  });
  return out;
}

std::pair<Poly, Poly> switch_key(const Poly& c, const Switch& s, std::size_t q_keep,
                                 const Poly* add0, const Poly* add1) {
  return std::move(switch_keys(c, std::span(&s, 1), q_keep, add0, add1).front());
}

}  // namespace

Decomposition::Decomposition(const Poly& c, const KeyShape& shape)
    : c_(&c), p_count_(shape.p_count) {
  require(c.domain() == Domain::kNtt && c.p_count() == 0 && c.q_count() <= shape.q_count,
          "decompose takes q limbs, no more than the key has");
  const Ring& ring = c.ring();
  const std::size_t q_count = c.q_count();
  require(!shape.digit_ends.empty() && shape.digit_ends.back() >= q_count,
          "a key's digits must cover its limbs");
  const WorkScope work(Work::kDecompose, ring.log_n(), q_count);
  Poly coefficients(ring, q_count, 0, Domain::kCoefficient);
  parallel_for(q_count, [&](std::size_t i) {
    std::memcpy(coefficients.limb(i), c.limb(i), c.n() * sizeof(u64));
    k().ntt_inverse(coefficients.limb(i), ring.q_table(i));
  });
  for (std::size_t begin = 0, d = 0; begin < q_count; begin = shape.digit_ends[d++]) {
    begins_.push_back(begin);
    ends_.push_back(std::min(shape.digit_ends[d], q_count));
    digits_.emplace_back(ring, q_count, p_count_, Domain::kNtt);
    std::vector<const u64*> from;
    std::vector<u64*> to;
    for (std::size_t i = 0; i < limbs(); ++i) {
      if (owns(d, i))
        from.push_back(coefficients.limb(i));
      else
        to.push_back(digits_[d].limb(i));
    }
    base_convert(to, from, c.n(), ring.mod_up_conversion(begin, ends_[d], q_count, p_count_));
  }
}

void Decomposition::require_fits(const KeySwitchKey& key) const {
  const std::size_t digits = digits_.size();
  require(digits >= 1 && digits <= kMaxDigits && digits <= key.b.size(),
          "key without these digits");
  require(key.a.size() == key.b.size(), "the key's uniform halves have not been expanded");
  require(
      &c_->ring() == &key.ring() && q_count() <= key.shape.q_count && p_count_ == key.shape.p_count,
      "decomposition and key do not fit");
  for (std::size_t d = 0; d < digits; ++d)
    require(std::min(key.shape.digit_ends[d], q_count()) == ends_[d],
            "decomposition and key have different digits");
}

Decomposition::Limb::Limb(const Decomposition& digits, std::size_t i)
    : i_(i),
      q_count_(digits.q_count()),
      modulus_(&digits.digits_.front().modulus(i)),
      transforms_(digits.digits_.size() * digits.c_->n()) {
  const std::size_t n = digits.c_->n();
  for (std::size_t d = 0; d < digits.digits_.size(); ++d) {
    if (digits.owns(d, i)) {
      digits_.push_back(digits.c_->limb(i));
      continue;
    }
    u64* transform = transforms_.data() + d * n;
    std::memcpy(transform, digits.digits_[d].limb(i), n * sizeof(u64));
    k().ntt_forward(transform, digits.digits_[d].table(i));
    digits_.push_back(transform);
  }
}

void Decomposition::Limb::inner_product(u64* c0, u64* c1, const KeySwitchKey& key,
                                        std::size_t begin, std::size_t count) const {
  const u64 *d[kMaxDigits], *b[kMaxDigits], *a[kMaxDigits];
  for (std::size_t j = 0; j < digits_.size(); ++j) {
    d[j] = digits_[j] + begin;
    b[j] = (i_ < q_count_ ? key.b[j].limb(i_) : key.b[j].p_limb(i_ - q_count_)) + begin;
    a[j] = (i_ < q_count_ ? key.a[j].limb(i_) : key.a[j].p_limb(i_ - q_count_)) + begin;
  }
  k().inner_product2(c0, c1, d, b, a, digits_.size(), count, *modulus_);
}

std::pair<Poly, Poly> key_switch(const Poly& c, const KeySwitchKey& key) {
  return switch_key(c, {&key}, c.q_count(), nullptr, nullptr);
}

Ciphertext key_switch(const Ciphertext& c, const KeySwitchKey& key) {
  auto [c0, c1] = switch_key(c.c1, {&key}, c.c1.q_count(), &c.c0, nullptr);
  return {std::move(c0), std::move(c1), c.scale};
}

Ciphertext relinearise(const Tensor& t, const KeySwitchKey& key) {
  auto [c0, c1] = switch_key(t.c2, {&key}, t.c2.q_count(), &t.c0, &t.c1);
  return {std::move(c0), std::move(c1), t.scale};
}

Ciphertext relinearise_rescale(const Tensor& t, const KeySwitchKey& key, std::size_t count) {
  const std::size_t q_count = t.c2.q_count();
  require(count < q_count, "no level left to rescale");
  auto [c0, c1] = switch_key(t.c2, {&key}, q_count - count, &t.c0, &t.c1);
  double scale = t.scale;
  for (std::size_t i = q_count - count; i < q_count; ++i)
    scale /= static_cast<double>(t.c2.ring().q(i).q);
  return {std::move(c0), std::move(c1), scale};
}

const KeySwitchKey& find_galois_key(const GaloisKeys& keys, u64 g) {
  const auto it = keys.find(g);
  require(it != keys.end(), "no key for the automorphism X -> X^" + std::to_string(g));
  return it->second;
}

Ciphertext apply_automorphism(const Ciphertext& c, u64 g, const GaloisKeys& keys) {
  return std::move(apply_automorphisms(c, std::span(&g, 1), keys).front());
}

std::vector<Ciphertext> apply_automorphisms(const Ciphertext& c, std::span<const u64> g,
                                            const GaloisKeys& keys) {
  std::vector<Switch> switches;
  for (const u64 element : g)
    switches.push_back({&find_galois_key(keys, element), c.ring().automorphism_index(element)});
  std::vector<Ciphertext> out;
  if (switches.empty()) return out;
  for (auto& [c0, c1] : switch_keys(c.c1, switches, c.q_count(), &c.c0, nullptr))
    out.push_back({std::move(c0), std::move(c1), c.scale});
  return out;
}

}  // namespace blindtuner
