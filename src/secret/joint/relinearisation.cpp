#include "secret/joint/relinearisation.h"

namespace blindtuner::secret::joint {

void add_share(FirstRound& sum, FirstRound&& share) {
  rlwe::add_share(sum.h0, std::move(share.h0));
  rlwe::add_share(sum.h1, std::move(share.h1));
}

void Relinearisation::resume() {
  require(!asked_, "a first round is answered once");
  asked_ = true;
  Prng prng = randomness_.prng(plan_.name() + ", u");
  u_ = SecretKey::generate(s_.ring(), s_.hardness(), prng);
}

FirstRound Relinearisation::first(std::span<const Poly> a) {
  resume();
  FirstRound out;
  out.h0 = make_share(a, s_.ntt(), *u_, plan_.shape, insecure_allowed_, plan_.name(),
                      randomness_.prng(plan_.name() + ", h0"));
  // a s_i + e: a share that hides nothing, with the other sign.
  out.h1 = make_share(a, Poly(), s_, plan_.shape, insecure_allowed_, plan_.name(),
                      randomness_.prng(plan_.name() + ", h1"));
  for (Poly& x : out.h1) neg_inplace(x);
  return out;
}

KeyShare Relinearisation::second(const FirstRound& sums) {
  require(u_.has_value(), "a second round is answered once, after the first");
  const KeyShape& shape = plan_.shape;
  require(sums.h0.size() == shape.digits() && sums.h1.size() == shape.digits(),
          "a first round has one of each half for each digit");
  const Ring& ring = s_.ring();
  const Poly s = s_.ntt().copy_limbs(shape.q_count, shape.p_count);
  Poly difference = u_->ntt().copy_limbs(shape.q_count, shape.p_count);
  sub_inplace(difference, s);
  u_.reset();
  KeyShare share;
  Prng prng = randomness_.prng(plan_.name() + ", second round");
  for (std::size_t d = 0; d < shape.digits(); ++d) {
    const SecretCoefficients error = sample_gaussian(ring.n(), prng);
    Poly r = from_signed(ring, error.span(), shape.q_count, shape.p_count, true);
    mul_add_inplace(r, sums.h0[d], s);
    mul_add_inplace(r, sums.h1[d], difference);
    share.push_back(r.copy_public());
  }
  return share;
}

KeySwitchKey relinearisation_key(const KeyShape& shape, FirstRound&& sums, KeyShare&& b) {
  require(b.size() == shape.digits() && sums.h1.size() == shape.digits(),
          "a key has one of each half for each digit");
  KeySwitchKey key{shape, Seed{}, std::move(b), std::move(sums.h1)};
  key.seeded = false;
  return key;
}

}  // namespace blindtuner::secret::joint
