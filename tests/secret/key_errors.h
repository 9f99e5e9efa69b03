// What keys of several owners are off: their errors themselves, which the sums of all secrets show.
#pragma once

#include "ckks/noise_model.h"
#include "secret/joint_fixture.h"

namespace blindtuner::testing_support {

struct KeyErrors {
  std::string key;
  std::size_t digits = 0;  ///< or a component map's width
  bool relinearisation = false;
  double expected = 0;         ///< standard deviation
  std::vector<double> values;  ///< of all b halves, in units
};

class JointKeyErrors {
 public:
  explicit JointKeyErrors(const JointOwners& owners) : o_(owners) {}

  /// b_d + a_d s_to - P g_d s_from of all digits.
  KeyErrors of(const KeyPlan& plan, const Poly& from, const SecretKey& to) const {
    const KeySwitchKey key = o_.key(plan);
    KeyErrors out = expected(plan);
    std::size_t begin = 0;
    for (std::size_t d = 0; d < plan.shape.digits(); ++d) {
      add(out, key.b[d], key.a[d], to, from, begin, plan.shape.digit_ends[d], plan.shape.p_count);
      begin = plan.shape.digit_ends[d];
    }
    return out;
  }
  /// b_j + a_j s - P L(X^j s) for all j.
  KeyErrors of(const ComponentMap& map) const {
    const ComponentMapKey key = o_.key(map);
    const SecretKey& s = o_.sum.small;
    const std::size_t n = s.ring().n();
    KeyErrors out{"component map",
                  map.width,
                  false,
                  ckks::noise::joint_key_factor(o_.count()) * kErrorSigma,
                  {}};
    for (std::size_t j = 0; j < map.width; ++j) {
      std::vector<std::int64_t> shifted(n);
      for (std::size_t i = 0; i < n; ++i)
        shifted[(i + j) % n] = i + j < n ? s.coefficients()[i] : -s.coefficients()[i];
      const Poly payload = from_signed(s.ring(), apply_component_map(map, shifted), 2, 0);
      add(out, key.b[j], key.a[j], s, payload, 0, 2, key.p_count);
    }
    return out;
  }

  /// One of every kind that a study's keys have, in the shapes that they have there.
  std::vector<KeyErrors> of_each_kind(std::size_t width) const {
    using Kind = KeyPlan::Kind;
    const Parameters& p = *o_.parameters;
    const SecretKey &big = o_.sum.big, &small = o_.sum.small, &sparse = o_.sum.sparse;
    const SecretKey lifted = small.lifted(p.ring());
    const std::vector<std::size_t> rotations{1};
    std::vector<KeyErrors> out;
    for (const KeyPlan& plan :
         ckks::key_plans(BootstrapKeyShapes(p, rotations, {}, p.circuit_start()))) {
      switch (plan.kind) {
        case Kind::kRelinearisation:
          out.push_back(of(plan, mul(big.ntt(), big.ntt()), big));
          break;
        case Kind::kGalois:
          out.push_back(
              of(plan, big.ntt(), big.automorphism(inverse_galois(plan.g, p.ring().n()))));
          break;
        case Kind::kSmallToSparse:
          out.push_back(of(plan, lifted.ntt(), sparse));
          break;
        case Kind::kDenseToSparse:
          out.push_back(of(plan, big.ntt(), sparse));
          break;
        case Kind::kSparseToDense:
          out.push_back(of(plan, sparse.ntt(), big));
          break;
        case Kind::kDenseToSmall:
          out.push_back(of(plan, big.ntt(), lifted));
          break;
        case Kind::kWayIn:
          break;
      }
    }
    const ProductLayout layout = ProductLayout::create(p, 1, 1, 2, width);
    const std::vector<KeyPlan> products = linalg::key_plans(p, layout);
    out.push_back(of(products.front(), mul(small.ntt(), small.ntt()), small));
    out.push_back(of(products.back(), small.ntt(),
                     small.automorphism(inverse_galois(products.back().g, small.ring().n()))));
    out.push_back(of(ProductKeys::pack_maps(layout).front()));
    out.push_back(of(ProductKeys::unpack_maps(layout).front()));
    out.push_back(
        of(way_in_plans(p, o_.owners.size()).back(), o_.owners.back().small.ntt(), small));
    return out;
  }

 private:
  KeyErrors expected(const KeyPlan& plan) const {
    KeyErrors out{plan.name(),
                  plan.shape.digits(),
                  plan.kind == KeyPlan::Kind::kRelinearisation,
                  kErrorSigma,
                  {}};
    out.expected *= out.relinearisation
                        ? ckks::noise::joint_relinearisation_factor(
                              o_.count(), ckks::noise::ternary_weight(o_.ring(plan).n()))
                        : ckks::noise::joint_key_factor(o_.count());
    return out;
  }
  // Three limbs know an error.
  static void add(KeyErrors& out, const Poly& b, const Poly& a, const SecretKey& to,
                  const Poly& from, std::size_t begin, std::size_t end, std::size_t p_count) {
    const std::size_t limbs = std::min<std::size_t>(b.q_count(), 3);
    Poly e = b.copy_limbs(limbs, 0);
    mul_add_inplace(e, a.copy_limbs(limbs, 0), to.ntt().copy_limbs(limbs, 0));
    Poly hidden = from.copy_limbs(limbs, 0);
    std::vector<u64> factors(limbs);
    for (std::size_t i = begin; i < std::min(end, limbs); ++i)
      factors[i] = b.ring().special_product(i, p_count);
    mul_scalars_inplace(hidden, factors);
    sub_inplace(e, hidden);
    const std::vector<double> values = to_centred_doubles(e, limbs);
    out.values.insert(out.values.end(), values.begin(), values.end());
  }

  const JointOwners& o_;
};

}  // namespace blindtuner::testing_support
