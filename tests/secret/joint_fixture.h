// Several owners and their joint keys, as a server adds them up; and the sums of their secrets, which nobody
// has outside of tests.
#pragma once

#include "ckks/bootstrap/key_plans.h"
#include "linalg/key_plans.h"
#include "secret/joint/relinearisation.h"
#include "secret/product_keygen.h"
#include "secret/scheme_fixture.h"

namespace blindtuner::testing_support {

struct JointOwners {
  ParametersPtr parameters;
  std::vector<SecretKeys> owners;
  SecretKeys sum;
  Seed session;
  std::vector<Randomness> randomness;  ///< of each owner's secrets and errors

  JointOwners(ParametersPtr p, std::size_t count)
      : JointOwners(std::move(p), std::vector<Randomness>(count), fresh_seed()) {}
  JointOwners(ParametersPtr p, std::vector<Randomness> from, const Seed& reference)
      : parameters(std::move(p)),
        owners([&] {
          std::vector<SecretKeys> out;
          for (const Randomness& one : from) out.push_back(SecretKeys::generate(parameters, one));
          return out;
        }()),
        sum{parameters, sum_of(&SecretKeys::big), sum_of(&SecretKeys::small),
            sum_of(&SecretKeys::sparse)},
        session(reference),
        randomness(std::move(from)) {}

  double count() const { return static_cast<double>(owners.size()); }
  const Ring& ring(const KeyPlan& plan) const {
    return plan.small ? parameters->small_ring() : parameters->ring();
  }
  /// What every owner and the server expand for themselves.
  std::vector<Poly> uniform(const KeyPlan& plan) const {
    return uniform_halves(ring(plan), plan.shape.q_count, plan.shape.p_count, plan.shape.digits(),
                          CommonReference(session).seed(plan.name()));
  }
  KeySwitchKey key(const KeyPlan& plan) const {
    if (plan.kind == KeyPlan::Kind::kRelinearisation) return relinearisation(plan);
    return sum_shares(
        ring(plan), plan.shape, CommonReference(session).seed(plan.name()), owners.size(),
        [&](std::size_t i) {
          return ShareMaker(owners[i], i, owners.size(), randomness[i]).make(plan, uniform(plan));
        });
  }
  KeySwitchKey relinearisation(const KeyPlan& plan) const {
    std::vector<joint::Relinearisation> parts;
    joint::FirstRound sums;
    for (std::size_t i = 0; i < owners.size(); ++i) {
      parts.emplace_back(plan.small ? owners[i].small : owners[i].big, plan, parameters->insecure(),
                         randomness[i]);
      add_share(sums, parts.back().first(uniform(plan)));
    }
    KeyShare b;
    for (joint::Relinearisation& part : parts) rlwe::add_share(b, part.second(sums));
    return joint::relinearisation_key(plan.shape, std::move(sums), std::move(b));
  }
  ComponentMapKey key(const ComponentMap& map) const {
    ComponentMapKey key{
        map, 2, parameters->small_special(), CommonReference(session).seed(key_name(map)), {}, {}};
    for (std::size_t i = 0; i < owners.size(); ++i)
      rlwe::add_share(
          key.b,
          make_share(uniform_halves(parameters->small_ring(), 2, key.p_count, map.width, key.seed),
                     map, owners[i].small, parameters->insecure(), randomness[i]));
    key.expand();
    return key;
  }
  BootstrapKeys bootstrap_keys(const Bootstrapper& bootstrapper,
                               std::span<const std::size_t> extra_rotations = {},
                               std::size_t extra_q_count = 0) const {
    BootstrapKeys keys;
    for (const KeyPlan& plan : ckks::key_plans(BootstrapKeyShapes(
             *parameters, bootstrapper.rotations(), extra_rotations, extra_q_count)))
      key_in(keys, plan) = key(plan);
    return keys;
  }
  ProductKeys product_keys(const ProductLayout& layout) const {
    ProductKeys keys;
    for (const KeyPlan& plan : linalg::key_plans(*parameters, layout))
      key_in(keys, plan) = key(plan);
    for (const ComponentMap& map : ProductKeys::pack_maps(layout)) keys.pack.push_back(key(map));
    for (const ComponentMap& map : ProductKeys::unpack_maps(layout))
      keys.unpack.push_back(key(map));
    return keys;
  }

 private:
  SecretKey sum_of(SecretKey SecretKeys::*which) const {
    const SecretKey& first = owners.front().*which;
    SecretCoefficients out(first.ring().n());
    for (const SecretKeys& secrets : owners)
      for (std::size_t i = 0; i < out.size(); ++i)
        out.span()[i] += (secrets.*which).coefficients()[i];
    return SecretKey::from_coefficients(first.ring(), first.hardness(), out.span());
  }
};

}  // namespace blindtuner::testing_support
