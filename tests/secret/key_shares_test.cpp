// Keys as sums of shares: what several owners' shares add up to, from one session.
#include <algorithm>
#include <functional>
#include <iterator>
#include <set>
#include <span>

#include "base/sha256.h"
#include "ckks/evaluator.h"
#include "ckks/noise_model.h"
#include "secret/joint_fixture.h"

namespace blindtuner {
namespace {

using namespace testing_support;
using Kind = KeyPlan::Kind;

const std::vector<JointOwners>& groups() {
  static const std::vector<JointOwners> groups = [] {
    std::vector<JointOwners> out;
    for (int i = 0; i < 16; ++i) out.emplace_back(tiny_scheme().parameters, 3);
    return out;
  }();
  return groups;
}
const JointOwners& three() { return groups().front(); }

std::vector<double> switch_errors(const KeySwitchKey& key, const Poly& from, const SecretKey& to) {
  std::vector<double> errors;
  for (u64 i = 0; i < 8; ++i) {
    const Poly c = sample_uniform(from.ring(), key.shape.q_count, 0, Seed{5}, i);
    const auto [c0, c1] = key_switch(c, key);
    Poly got = mul(c1, to.ntt().copy_limbs(key.shape.q_count, 0));
    add_inplace(got, c0);
    for (const double e : difference(got, mul(c, from.copy_limbs(key.shape.q_count, 0))))
      errors.push_back(e);
  }
  return errors;
}

/// What a key of these owners' errs by.
using ErrorsOf = std::function<std::vector<double>(const JointOwners&, const KeySwitchKey&)>;

/// Owners' errors add up, and so do their secrets' weights. Key errors are `factor` times those of one owner.
void expect_switches(const KeyPlan& plan, const ErrorsOf& errors_of, double weight, double factor) {
  const Ring& ring = three().ring(plan);
  const double inner = noise::key_switch_inner(ring, plan.shape, plan.shape.q_count);
  const double expected = std::hypot(inner * factor, noise::rounding(weight));
  // Errors of one key are products of few polynomials, which have few independent values: of dimension 1024 one key knows a
  // standard deviation to 2.2 %, of 128 only to 8 % (simulated: one of 70 is off by 20 %), and 16 keys of as many groups to 2 %.
  std::vector<double> errors;
  const std::size_t keys = ring.n() < 1024 ? groups().size() : 1;
  for (const JointOwners& group : std::span(groups()).first(keys))
    std::ranges::copy(errors_of(group, group.key(plan)), std::back_inserter(errors));
  EXPECT_NEAR(statistics(errors).std, expected, 0.2 * expected);
}

TEST(KeyShares, AddUpToTheKeyOfTheSumOfTheSecrets) {
  const Scheme& s = tiny_scheme();
  const double owners = three().count();
  const double dense = owners * noise::ternary_weight(s.n()),
               of_small = owners * noise::ternary_weight(three().sum.small.ring().n()),
               of_sparse = owners * static_cast<double>(s.parameters->literal().sparse_weight);
  const auto expect_sum = [&](const KeyPlan& plan, double weight, const ErrorsOf& errors_of) {
    SCOPED_TRACE(plan.name());
    expect_switches(plan, errors_of, weight, std::sqrt(owners));
  };
  const KeyShape bottom{2, 2, {2}}, at_q0{1, 1, {1}};
  const u64 conjugation = conjugation_galois(s.n());
  using Group = const JointOwners&;
  using Key = const KeySwitchKey&;
  // Digits larger than P: their errors rule.
  expect_sum({Kind::kGalois, {6, 2, {3, 6}}, 5}, dense, [&](Group o, Key key) {
    return switch_errors(key, o.sum.big.ntt(), o.sum.big.automorphism(inverse_galois(5, s.n())));
  });
  expect_sum({Kind::kGalois, s.shape(15), conjugation}, dense, [&](Group o, Key key) {
    return switch_errors(key, o.sum.big.ntt(), o.sum.big.automorphism(conjugation));
  });
  expect_sum({Kind::kGalois, bottom, 5, true}, of_small, [](Group o, Key key) {
    const SecretKey& small = o.sum.small;
    return switch_errors(key, small.ntt(), small.automorphism(inverse_galois(5, small.ring().n())));
  });
  expect_sum({Kind::kSmallToSparse, at_q0}, of_sparse, [&](Group o, Key key) {
    return switch_errors(key, o.sum.small.lifted(s.ring()).ntt(), o.sum.sparse);
  });
  expect_sum({Kind::kDenseToSparse, at_q0}, of_sparse,
             [](Group o, Key key) { return switch_errors(key, o.sum.big.ntt(), o.sum.sparse); });
  expect_sum({Kind::kSparseToDense, s.shape(15)}, dense,
             [](Group o, Key key) { return switch_errors(key, o.sum.sparse.ntt(), o.sum.big); });
  expect_sum({Kind::kDenseToSmall, bottom}, dense, [&](Group o, Key key) {
    return switch_errors(key, o.sum.big.ntt(), o.sum.small.lifted(s.ring()));
  });
}

TEST(KeyShares, ComponentMapsAddUpToo) {
  const JointOwners& o = three();
  const Ring& ring = o.parameters->small_ring();
  for (const ComponentMap& map : {ComponentMap{4, 5, false}, ComponentMap{8, 3, true}}) {
    const ComponentMapKey key = o.key(map);
    std::vector<std::int64_t> message(ring.n());
    for (std::size_t i = 0; i < message.size(); ++i)
      message[i] = (static_cast<std::int64_t>(i) - 50) * (std::int64_t{1} << 40);
    Ciphertext c =
        encrypt(from_signed(ring, message, 2, 0), 1, o.sum.small, fresh_seed(), 0).expand();
    to_coefficients_inplace(c.c0);
    to_coefficients_inplace(c.c1);
    Ciphertext mapped = apply_component_map(c, key);
    to_ntt_inplace(mapped.c0);
    to_ntt_inplace(mapped.c1);
    const Statistics e = statistics(difference(
        decrypt(mapped, o.sum.small), from_signed(ring, apply_component_map(map, message), 2, 0)));
    const double expected = std::hypot(
        noise::fresh(), noise::key_switch_inner(ring, {2, key.p_count, {2}}, 2) * std::sqrt(3.0),
        noise::rounding(o.count() * noise::ternary_weight(ring.n())));
    EXPECT_NEAR(e.std, expected, 0.5 * expected);  // 128 samples: 6 %
  }
}

TEST(KeyShares, AreNoKeyWithoutOneAnother) {
  const JointOwners& o = three();
  const KeyPlan plan{Kind::kDenseToSparse, {1, 1, {1}}};
  KeySwitchKey key = sum_shares(
      o.ring(plan), plan.shape, CommonReference(o.session).seed(plan.name()), 2,
      [&](std::size_t i) { return ShareMaker(o.owners[i], i, 3).make(plan, o.uniform(plan)); });
  // Uniform modulo q_0: 8192 coefficients below a 256th of it would be a miracle.
  EXPECT_GT(statistics(switch_errors(key, o.sum.big.ntt(), o.sum.sparse)).worst,
            std::ldexp(1.0, 42));
}

TEST(KeyShares, OfDifferentShapesAreRefused) {
  const Scheme& s = tiny_scheme();
  const auto share = [&](const KeyShape& shape) {
    const auto a = uniform_halves(s.ring(), shape.q_count, shape.p_count, shape.digits(), Seed{1});
    return ShareMaker(s.secrets).make({Kind::kSparseToDense, shape}, a);
  };
  const KeyShape shape{6, 2, {3, 6}};
  for (const KeyShape& other :
       {KeyShape{6, 2, {6}}, KeyShape{5, 2, {3, 5}}, KeyShape{6, 1, {3, 6}}}) {
    std::vector<Poly> b;
    add_share(b, share(shape));
    EXPECT_THROW(add_share(b, share(other)), ContractError);
    EXPECT_THROW(sum_shares(s.ring(), shape, Seed{1}, 1, [&](std::size_t) { return share(other); }),
                 ContractError);
  }
  // Uniform halves of another key.
  const auto a = uniform_halves(s.ring(), 6, 2, 1, Seed{1});
  EXPECT_THROW(ShareMaker(s.secrets).make({Kind::kSparseToDense, shape}, a), ContractError);
}

TEST(JointRelinearisation, SwitchesFromTheSquareOfTheSum) {
  const JointOwners& o = three();
  for (const bool small : {false, true}) {
    // Digits as large as P or larger: their errors rule.
    const KeyPlan plan{Kind::kRelinearisation, small ? KeyShape{2, 2, {2}} : KeyShape{6, 2, {3, 6}},
                       1, small};
    EXPECT_FALSE(o.key(plan).seeded);
    const double n = static_cast<double>(o.ring(plan).n());
    // s e_0 + u e_1 + e_2, each a sum over the owners, in units of sigma.
    const double factor =
        std::sqrt(2 * o.count() * noise::ternary_weight(o.ring(plan).n()) * o.count() + o.count());
    EXPECT_NEAR(factor / (o.count() * std::sqrt(4 * n / 3)), 1, 0.01);
    expect_switches(
        plan,
        [small](const JointOwners& group, const KeySwitchKey& key) {
          const SecretKey& s = small ? group.sum.small : group.sum.big;
          return switch_errors(key, mul(s.ntt(), s.ntt()), s);
        },
        o.count() * noise::ternary_weight(o.ring(plan).n()), factor);
  }
}

TEST(JointRelinearisation, IsAnsweredOnce) {
  const JointOwners& o = three();
  const KeyPlan plan{Kind::kRelinearisation, {2, 2, {2}}, 1, true};
  joint::Relinearisation part(o.owners[0].small, plan, true);
  EXPECT_THROW((void)part.second({}), ContractError);
  joint::FirstRound sums;
  add_share(sums, part.first(o.uniform(plan)));
  EXPECT_THROW((void)part.first(o.uniform(plan)), ContractError);
  (void)part.second(sums);
  EXPECT_THROW((void)part.second(sums), ContractError);
  EXPECT_THROW((void)part.first(o.uniform(plan)), ContractError);
  // Its shares are no key by themselves, and a linear share is none either.
  EXPECT_THROW(ShareMaker(o.owners[0], 0, 3).make(plan, o.uniform(plan)), ContractError);
  EXPECT_NO_THROW(ShareMaker(o.owners[0]).make(plan, o.uniform(plan)));
}

TEST(JointRelinearisation, IsHeldToTheSecretsBound) {
  const JointOwners& o = three();
  const KeyPlan plan{Kind::kRelinearisation, {2, 2, {2}}, 1, true};
  EXPECT_THROW((void)joint::Relinearisation(o.owners[0].small, plan, false).first(o.uniform(plan)),
               SecurityError);
}

TEST(WayIn, BringsAnOwnersDataUnderTheSecretOfAll) {
  const JointOwners& o = three();
  const Ring& ring = o.parameters->small_ring();
  const std::vector<KeyPlan> plans = way_in_plans(*o.parameters, 3);
  ASSERT_EQ(plans.size(), std::size_t{3});
  for (std::size_t i = 0; i < 3; ++i)
    expect_switches(
        plans[i],
        [i](const JointOwners& group, const KeySwitchKey& key) {
          return switch_errors(key, group.owners[i].small.ntt(), group.sum.small);
        },
        o.count() * noise::ternary_weight(ring.n()), std::sqrt(o.count()));
  // As it is used: a seeded ciphertext of one owner, decrypted by all.
  std::vector<std::int64_t> message(ring.n());
  for (std::size_t i = 0; i < message.size(); ++i)
    message[i] = (static_cast<std::int64_t>(i) - 60) * (std::int64_t{1} << 30);
  const Ciphertext own =
      encrypt(from_signed(ring, message, 2, 0), 1, o.owners[1].small, fresh_seed(), 0).expand();
  const Ciphertext joint = key_switch(own, o.key(plans[1]));
  EXPECT_LT(
      statistics(difference(decrypt(joint, o.sum.small), from_signed(ring, message, 2, 0))).worst,
      0x1p20);
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
  for (const KeyPlan& plan : way_in_plans(*s.parameters, 3)) {
    see(plan.name());
    EXPECT_THROW((void)key_in(products, plan), ContractError);
    EXPECT_THROW((void)key_in(bootstrap, plan), ContractError);
  }
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
