// Keys as sums of shares: what several owners' shares add up to, from one session.
#include <set>

#include "base/sha256.h"
#include "ckks/bootstrap/key_plans.h"
#include "ckks/evaluator.h"
#include "ckks/noise_model.h"
#include "linalg/key_plans.h"
#include "secret/product_keygen.h"
#include "secret/scheme_fixture.h"

namespace blindtuner {
namespace {

using namespace testing_support;
using Kind = KeyPlan::Kind;

constexpr std::size_t kOwners = 3;

const std::vector<SecretKeys>& owners() {
  static const std::vector<SecretKeys> all = [] {
    std::vector<SecretKeys> out;
    for (std::size_t i = 0; i < kOwners; ++i)
      out.push_back(SecretKeys::generate(tiny_scheme().parameters));
    return out;
  }();
  return all;
}

/// The sum of all owners' secrets of one kind, which nobody has outside of tests.
SecretKey joint(SecretKey SecretKeys::*which) {
  const SecretKey& first = owners().front().*which;
  SecretCoefficients sum(first.ring().n());
  for (const SecretKeys& secrets : owners())
    for (std::size_t i = 0; i < sum.size(); ++i)
      sum.span()[i] += (secrets.*which).coefficients()[i];
  return SecretKey::from_coefficients(first.ring(), first.hardness(), sum.span());
}

/// As a server adds it up: the shares of all owners, each made from the session alone.
KeySwitchKey joint_key(const KeyPlan& plan, const Seed& session) {
  const Parameters& p = *tiny_scheme().parameters;
  const Ring& ring = plan.small ? p.small_ring() : p.ring();
  KeySwitchKey key{plan.shape, CommonReference(session).seed(plan.name()), {}, {}};
  for (const SecretKeys& secrets : owners()) {
    const auto a = uniform_halves(ring, plan.shape.q_count, plan.shape.p_count, plan.shape.digits(),
                                  CommonReference(session).seed(plan.name()));
    add_share(key.b, ShareMaker(secrets).make(plan, a));
  }
  key.expand();
  return key;
}

/// Owners' errors add up, and so do their secrets' weights.
void expect_switches(const KeySwitchKey& key, const Poly& from, const SecretKey& to,
                     double weight) {
  std::vector<double> errors;
  for (u64 i = 0; i < 8; ++i) {
    const Poly c = sample_uniform(from.ring(), key.shape.q_count, 0, Seed{5}, i);
    const auto [c0, c1] = key_switch(c, key);
    Poly got = mul(c1, to.ntt().copy_limbs(key.shape.q_count, 0));
    add_inplace(got, c0);
    for (const double e : difference(got, mul(c, from.copy_limbs(key.shape.q_count, 0))))
      errors.push_back(e);
  }
  const double inner = noise::key_switch_inner(from.ring(), key.shape, key.shape.q_count);
  const double expected = std::hypot(inner * std::sqrt(double{kOwners}), noise::rounding(weight));
  // 1024 samples or more know a standard deviation to 2.2 %, and so do the secrets their weight.
  EXPECT_NEAR(statistics(errors).std, expected, 0.2 * expected);
}

TEST(KeyShares, AddUpToTheKeyOfTheSumOfTheSecrets) {
  const Scheme& s = tiny_scheme();
  const SecretKey big = joint(&SecretKeys::big), small = joint(&SecretKeys::small),
                  sparse = joint(&SecretKeys::sparse), lifted = small.lifted(s.ring());
  const double dense = kOwners * noise::ternary_weight(s.n()),
               of_small = kOwners * noise::ternary_weight(small.ring().n()),
               of_sparse = kOwners * static_cast<double>(s.parameters->literal().sparse_weight);
  const KeyShape bottom{2, 2, {2}}, at_q0{1, 1, {1}};
  // Digits larger than P: their errors rule.
  const KeyPlan large{Kind::kGalois, {6, 2, {3, 6}}, 5};
  expect_switches(joint_key(large, Seed{1}), big.ntt(), big.automorphism(inverse_galois(5, s.n())),
                  dense);
  const u64 conjugation = conjugation_galois(s.n());
  expect_switches(joint_key({Kind::kGalois, s.shape(15), conjugation}, Seed{1}), big.ntt(),
                  big.automorphism(conjugation), dense);
  expect_switches(joint_key({Kind::kGalois, bottom, 5, true}, Seed{1}), small.ntt(),
                  small.automorphism(inverse_galois(5, small.ring().n())), of_small);
  expect_switches(joint_key({Kind::kSmallToSparse, at_q0}, Seed{1}), lifted.ntt(), sparse,
                  of_sparse);
  expect_switches(joint_key({Kind::kDenseToSparse, at_q0}, Seed{1}), big.ntt(), sparse, of_sparse);
  expect_switches(joint_key({Kind::kSparseToDense, s.shape(15)}, Seed{1}), sparse.ntt(), big,
                  dense);
  expect_switches(joint_key({Kind::kDenseToSmall, bottom}, Seed{1}), big.ntt(), lifted, of_small);
}

TEST(KeyShares, ComponentMapsAddUpToo) {
  const Parameters& p = *tiny_scheme().parameters;
  const Ring& ring = p.small_ring();
  const SecretKey small = joint(&SecretKeys::small);
  for (const ComponentMap& map : {ComponentMap{4, 5, false}, ComponentMap{8, 3, true}}) {
    ComponentMapKey key{map, 2, p.small_special(), CommonReference(Seed{1}).seed(key_name(map)),
                        {},  {}};
    for (const SecretKeys& secrets : owners())
      add_share(key.b, make_share(uniform_halves(ring, 2, key.p_count, map.width, key.seed), map,
                                  secrets.small, true));
    key.expand();
    std::vector<std::int64_t> message(ring.n());
    for (std::size_t i = 0; i < message.size(); ++i)
      message[i] = (static_cast<std::int64_t>(i) - 50) << 40;
    Ciphertext c = encrypt(from_signed(ring, message, 2, 0), 1, small, fresh_seed(), 0).expand();
    to_coefficients_inplace(c.c0);
    to_coefficients_inplace(c.c1);
    Ciphertext mapped = apply_component_map(c, key);
    to_ntt_inplace(mapped.c0);
    to_ntt_inplace(mapped.c1);
    const Statistics e = statistics(difference(
        decrypt(mapped, small), from_signed(ring, apply_component_map(map, message), 2, 0)));
    const double expected = std::hypot(
        noise::fresh(), noise::key_switch_inner(ring, {2, key.p_count, {2}}, 2) * std::sqrt(3.0),
        noise::rounding(kOwners * noise::ternary_weight(ring.n())));
    EXPECT_NEAR(e.std, expected, 0.5 * expected);  // 128 samples: 6 %
  }
}

TEST(KeyShares, AreNoKeyWithoutOneAnother) {
  const Scheme& s = tiny_scheme();
  const KeyPlan plan{Kind::kDenseToSparse, {1, 1, {1}}};
  KeySwitchKey key{plan.shape, Seed{1}, {}, {}};
  key.a = uniform_halves(s.ring(), 1, 1, 1, key.seed);
  for (std::size_t i = 0; i + 1 < kOwners; ++i)
    add_share(key.b, ShareMaker(owners()[i]).make(plan, key.a));
  const Poly c = sample_uniform(s.ring(), 1, 0, Seed{5}, 0);
  const auto [c0, c1] = key_switch(c, key);
  Poly got = mul(c1, joint(&SecretKeys::sparse).ntt().copy_limbs(1, 0));
  add_inplace(got, c0);
  const Poly wanted = mul(c, joint(&SecretKeys::big).ntt().copy_limbs(1, 0));
  // Uniform modulo q_0: 1024 coefficients below a 256th of it would be a miracle.
  EXPECT_GT(statistics(difference(got, wanted)).worst, std::ldexp(1.0, 42));
}

TEST(KeyShares, OfDifferentShapesAreRefused) {
  const Scheme& s = tiny_scheme();
  const auto share = [&](const KeyShape& shape) {
    const auto a = uniform_halves(s.ring(), shape.q_count, shape.p_count, shape.digits(), Seed{1});
    return ShareMaker(s.secrets).make({Kind::kSparseToDense, shape}, a);
  };
  for (const KeyShape& other :
       {KeyShape{6, 2, {6}}, KeyShape{5, 2, {3, 5}}, KeyShape{6, 1, {3, 6}}}) {
    std::vector<Poly> b;
    add_share(b, share({6, 2, {3, 6}}));
    EXPECT_THROW(add_share(b, share(other)), ContractError);
  }
  // Uniform halves of another key.
  const auto a = uniform_halves(s.ring(), 6, 2, 1, Seed{1});
  EXPECT_THROW(ShareMaker(s.secrets).make({Kind::kSparseToDense, {6, 2, {3, 6}}}, a),
               ContractError);
}

TEST(KeyPlans, HaveNamesOfTheirOwnAndReachEveryKey) {
  const Scheme& s = tiny_scheme();
  const BootstrapKeyShapes shapes(*s.parameters, std::vector<std::size_t>{1, 7},
                                  std::vector<std::size_t>{3}, 5);
  const ProductLayout layout = ProductLayout::create(*s.parameters, 1, 1, 2, 8);
  std::set<std::string> names;
  std::size_t count = 0;
  const auto see = [&](const std::string& name) {
    names.insert(name);
    ++count;
  };
  BootstrapKeys bootstrap;
  std::set<const KeySwitchKey*> places;
  for (const KeyPlan& plan : ckks::key_plans(shapes)) {
    see(plan.name());
    places.insert(&key_in(bootstrap, plan));
  }
  EXPECT_EQ(places.size(), std::size_t{9});  // 2 + 1 rotations, conjugation, five others
  EXPECT_EQ(bootstrap.evaluation.galois.size(), std::size_t{4});
  ProductKeys products;
  for (const KeyPlan& plan : linalg::key_plans(*s.parameters, layout)) {
    see(plan.name());
    places.insert(&key_in(products, plan));
  }
  EXPECT_EQ(places.size(), 10 + products.galois.size());
  EXPECT_EQ(products.galois.size(), ProductKeys::galois_elements(layout).size());
  for (const auto& maps : {ProductKeys::pack_maps(layout), ProductKeys::unpack_maps(layout)})
    for (const ComponentMap& map : maps) see(key_name(map));
  EXPECT_EQ(names.size(), count);
}

TEST(CommonReference, IsTheSessionsForAllWhoKnowIt) {
  Seed session;
  for (std::size_t i = 0; i < session.size(); ++i) session[i] = static_cast<std::uint8_t>(i);
  CommonReference one(session), other(session);
  // By Python's hmac: HMAC-SHA256 of "uniform half: rotation key 5".
  EXPECT_EQ(to_hex(one.seed("rotation key 5")),
            "d6927eb404783b5dc044c173bbc2007203cc6f9667950e97ae6f0b16ce223221");
  EXPECT_EQ(other.seed("rotation key 7"), one.seed("rotation key 7"));
  EXPECT_NE(other.seed("rotation key 5"), one.seed("rotation key 9"));
  EXPECT_NE(CommonReference(Seed{}).seed("rotation key 5"), one.seed("rotation key 25"));
  EXPECT_THROW(one.seed("rotation key 5"), ContractError);
}

TEST(CommonReference, OfOneOwnerIsDrawn) {
  CommonReference one, other;
  EXPECT_NE(one.seed("key"), other.seed("key"));
  EXPECT_THROW(one.seed("key"), ContractError);
}

}  // namespace
}  // namespace blindtuner
