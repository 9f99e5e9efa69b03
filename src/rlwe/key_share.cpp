#include "rlwe/key_share.h"

#include "ring/sampling.h"

namespace blindtuner::rlwe {

std::vector<Poly> uniform_halves(const Ring& ring, std::size_t q_count, std::size_t p_count,
                                 std::size_t count, const Seed& seed) {
  std::vector<Poly> a;
  for (std::size_t d = 0; d < count; ++d)
    a.push_back(sample_uniform(ring, q_count, p_count, seed, d));
  return a;
}

void add_share(std::vector<Poly>& b, KeyShare&& share) {
  if (b.empty()) {
    b = std::move(share);
    return;
  }
  require(b.size() == share.size(), "shares of different keys");
  for (std::size_t d = 0; d < b.size(); ++d) {
    require(&b[d].ring() == &share[d].ring() && b[d].q_count() == share[d].q_count() &&
                b[d].p_count() == share[d].p_count(),
            "shares of different keys");
    add_inplace(b[d], share[d]);
  }
}

KeySwitchKey sum_shares(const Ring& ring, const KeyShape& shape, const Seed& seed,
                        std::size_t owners,
                        const std::function<KeyShare(std::size_t owner)>& next) {
  require(owners >= 1, "a key has an owner");
  KeySwitchKey key{shape, seed, {}, {}};
  for (std::size_t i = 0; i < owners; ++i) add_share(key.b, next(i));
  require(key.b.size() == shape.digits() && &key.ring() == &ring &&
              key.b.front().q_count() == shape.q_count && key.b.front().p_count() == shape.p_count,
          "shares of another key than planned");
  key.expand();
  return key;
}

std::string KeyPlan::name() const {
  const std::string of_small = small ? "small " : "";
  switch (kind) {
    case Kind::kRelinearisation:
      return of_small + "relinearisation key";
    case Kind::kGalois:
      return of_small + "rotation key " + std::to_string(g);
    case Kind::kSmallToSparse:
      return "key from the small to the sparse secret";
    case Kind::kDenseToSparse:
      return "key from the dense to the sparse secret";
    case Kind::kSparseToDense:
      return "key from the sparse to the dense secret";
    case Kind::kDenseToSmall:
      return "key from the dense to the small secret";
    case Kind::kWayIn:
      return "way-in key of owner " + std::to_string(g);
  }
  throw ContractError("no such kind of key");
}

}  // namespace blindtuner::rlwe
