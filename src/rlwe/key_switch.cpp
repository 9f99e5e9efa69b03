#include "rlwe/key_switch.h"

#include "ring/work.h"

namespace blindtuner::rlwe {
namespace {

// A key, and the automorphism that follows it, if any.
struct Switch {
  const KeySwitchKey* key;
  u64 g = 1;
};

// For every key: (c's inner product with it + P (add0, add1)) / P, and by the q limbs from q_keep
// on, under the automorphism. The keys have one shape.
std::vector<std::pair<Poly, Poly>> switch_keys(const Poly& c, std::span<const Switch> switches,
                                               std::size_t q_keep, const Poly* add0,
                                               const Poly* add1) {
  const Ring& ring = c.ring();
  const std::size_t q_count = c.q_count();
  const WorkScope work(Work::kKeySwitch, ring.log_n(), q_count,
                       static_cast<double>(switches.size()));
  const KeyShape& shape = switches.front().key->shape;
  for (const Switch& s : switches) {
    require_fits(c, *s.key);
    require(s.key->shape.p_count == shape.p_count && s.key->shape.same_digits(shape, q_count),
            "keys of different shapes");
  }
  require(q_keep >= 1 && q_keep <= q_count, "no level left to rescale");
  require((add0 == nullptr || add0->q_count() >= q_count) &&
              (add1 == nullptr || add1->q_count() >= q_count),
          "operand with too few limbs");

  std::vector<std::pair<Poly, Poly>> out;
  std::vector<device::Key> keys;
  std::vector<device::KeySwitch::Target> targets;
  keys.reserve(switches.size());
  for (const Switch& s : switches) {
    out.emplace_back(Poly(ring, q_keep, 0, Domain::kNtt), Poly(ring, q_keep, 0, Domain::kNtt));
    keys.push_back(s.key->view());
    targets.push_back({&keys.back(), s.g, {out.back().first.view(), out.back().second.view()}});
  }
  const auto optional = [](const Poly* x) { return x ? x->view() : device::ConstView(); };
  ring.arithmetic().key_switch({c.view(), optional(add0), optional(add1), targets});
  return out;
}

std::pair<Poly, Poly> switch_key(const Poly& c, const Switch& s, std::size_t q_keep,
                                 const Poly* add0, const Poly* add1) {
  return std::move(switch_keys(c, std::span(&s, 1), q_keep, add0, add1).front());
}

}  // namespace

void require_fits(const Poly& c, const KeySwitchKey& key) {
  const KeyShape& shape = key.shape;
  require(c.domain() == Domain::kNtt && c.p_count() == 0 && c.q_count() <= shape.q_count,
          "a key switch takes q limbs, no more than the key has");
  require(!shape.digit_ends.empty() && shape.digit_ends.back() >= c.q_count(),
          "a key's digits must cover its limbs");
  require(shape.digits() <= kMaxDigits && key.b.size() == shape.digits(), "key without its digits");
  require(key.a.size() == key.b.size(), "the key's uniform halves have not been expanded");
  require(&c.ring() == &key.ring(), "polynomial and key of different rings");
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
  for (const u64 element : g) switches.push_back({&find_galois_key(keys, element), element});
  std::vector<Ciphertext> out;
  if (switches.empty()) return out;
  for (auto& [c0, c1] : switch_keys(c.c1, switches, c.q_count(), &c.c0, nullptr))
    out.push_back({std::move(c0), std::move(c1), c.scale});
  return out;
}

}  // namespace blindtuner::rlwe
