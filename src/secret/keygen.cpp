#include "secret/keygen.h"

namespace blindtuner::secret {
namespace {

KeyShare relinearisation_share(std::span<const Poly> a, const SecretKey& s, const KeyShape& shape,
                               bool insecure_allowed, const std::string& name, Prng errors) {
  return make_share(a, mul(s.ntt(), s.ntt()), s, shape, insecure_allowed, name, std::move(errors));
}

KeyShare galois_share(std::span<const Poly> a, u64 g, const SecretKey& s, const KeyShape& shape,
                      bool insecure_allowed, const std::string& name, Prng errors) {
  const SecretKey target = s.automorphism(inverse_galois(g, s.ring().n()));
  return make_share(a, s.ntt(), target, shape, insecure_allowed, name, std::move(errors));
}

}  // namespace

u64 inverse_galois(u64 g, std::size_t n) {
  const u64 mask = 2 * n - 1;
  u64 inverse = 1;  // Newton: doubles the correct bits each time
  for (int i = 0; i < 6; ++i) inverse = (inverse * (2 - g * inverse)) & mask;
  return inverse;
}

KeyShare make_share(std::span<const Poly> a, const Poly& payload, const SecretKey& to,
                    const KeyShape& shape, bool insecure_allowed, const std::string& name,
                    Prng errors) {
  const Ring& ring = to.ring();
  require(
      payload.empty() || (&payload.ring() == &ring && payload.q_count() >= shape.q_count &&
                          payload.p_count() >= shape.p_count && payload.domain() == Domain::kNtt),
      "a key's payload needs the key's limbs");
  require(!shape.digit_ends.empty() && shape.digits() <= kMaxDigits &&
              shape.digit_ends.back() == shape.q_count && shape.p_count >= 1,
          "a key's digits must cover its limbs");
  require(a.size() == shape.digits(), "a key has one uniform half for each digit");
  if (!insecure_allowed)
    require_secure(to.hardness(), ring.log2_modulus(shape.q_count, shape.p_count), name);

  KeyShare share;
  const Poly secret = to.ntt().copy_limbs(shape.q_count, shape.p_count);
  std::size_t begin = 0;
  for (std::size_t d = 0; d < shape.digits(); ++d) {
    const SecretCoefficients error = sample_gaussian(ring.n(), errors);
    Poly b = from_signed(ring, error.span(), shape.q_count, shape.p_count, true);
    sub_inplace(b, mul(a[d], secret));
    std::vector<u64> factors(b.limbs());  // P g_d
    for (std::size_t i = begin; i < shape.digit_ends[d]; ++i)
      factors[i] = ring.special_product(i, shape.p_count);
    if (!payload.empty()) mul_scalars_add_inplace(b, payload, factors);
    begin = shape.digit_ends[d];
    share.push_back(b.copy_public());
  }
  return share;
}

const SecretKey& ShareMaker::lifted() {
  if (!lifted_) lifted_ = secrets_.small.lifted(secrets_.parameters->ring());
  return *lifted_;
}

KeyShare ShareMaker::make(const KeyPlan& plan, std::span<const Poly> a) {
  const SecretKey& s = plan.small ? secrets_.small : secrets_.big;
  const bool insecure = secrets_.parameters->insecure();
  const auto switching = [&](const SecretKey& from, const SecretKey& to) {
    return make_share(a, from.ntt(), to, plan.shape, insecure, plan.name(),
                      randomness_.prng(plan.name()));
  };
  switch (plan.kind) {
    case KeyPlan::Kind::kRelinearisation:
      require(owners_ == 1, "several owners' relinearisation key takes two rounds");
      return relinearisation_share(a, s, plan.shape, insecure, plan.name(),
                                   randomness_.prng(plan.name()));
    case KeyPlan::Kind::kGalois:
      return galois_share(a, plan.g, s, plan.shape, insecure, plan.name(),
                          randomness_.prng(plan.name()));
    case KeyPlan::Kind::kSmallToSparse:
      return switching(lifted(), secrets_.sparse);
    case KeyPlan::Kind::kDenseToSparse:
      return switching(secrets_.big, secrets_.sparse);
    case KeyPlan::Kind::kSparseToDense:
      return switching(secrets_.sparse, secrets_.big);
    case KeyPlan::Kind::kDenseToSmall:
      return switching(secrets_.big, lifted());
    case KeyPlan::Kind::kWayIn: {
      // Every owner hides; the one whose data it is for has something to hide.
      const Poly nothing;
      return make_share(a, plan.g == index_ ? secrets_.small.ntt() : nothing, secrets_.small,
                        plan.shape, insecure, plan.name(), randomness_.prng(plan.name()));
    }
  }
  throw ContractError("no such kind of key");
}

KeySwitchKey make_key(const Ring& ring, const KeyShape& shape, const Seed& seed,
                      const std::function<KeyShare(std::span<const Poly> a)>& share) {
  KeySwitchKey key{shape, seed, {}, {}};
  key.a = uniform_halves(ring, shape.q_count, shape.p_count, shape.digits(), seed);
  add_share(key.b, share(key.a));
  return key;
}

KeySwitchKey make_key_switch_key(const Poly& payload, const SecretKey& to, const KeyShape& shape,
                                 bool insecure_allowed, const std::string& name) {
  return make_key(to.ring(), shape, fresh_seed(), [&](std::span<const Poly> a) {
    return make_share(a, payload, to, shape, insecure_allowed, name);
  });
}

KeySwitchKey make_galois_key(u64 g, const SecretKey& s, const KeyShape& shape,
                             bool insecure_allowed) {
  return make_key(s.ring(), shape, fresh_seed(), [&](std::span<const Poly> a) {
    return galois_share(a, g, s, shape, insecure_allowed, "rotation key " + std::to_string(g),
                        Prng::for_secrets());
  });
}

KeySwitchKey make_relinearisation_key(const SecretKey& s, const KeyShape& shape,
                                      bool insecure_allowed) {
  return make_key(s.ring(), shape, fresh_seed(), [&](std::span<const Poly> a) {
    return relinearisation_share(a, s, shape, insecure_allowed, "relinearisation key",
                                 Prng::for_secrets());
  });
}

}  // namespace blindtuner::secret
