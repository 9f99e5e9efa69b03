#include "linalg/component_map.h"

#include "linalg/products_fixture.h"

namespace blindtuner {
using namespace secret;
namespace {

using namespace testing_support;

using Coefficients = std::vector<std::int64_t>;

Coefficients random_coefficients(std::size_t n, std::int64_t bound, unsigned seed) {
  std::mt19937_64 generator(seed);
  std::uniform_int_distribution<std::int64_t> uniform(-bound, bound);
  Coefficients c(n);
  for (auto& x : c) x = uniform(generator);
  return c;
}

/// a * b modulo X^n + 1
Coefficients product(const Coefficients& a, const Coefficients& b) {
  const std::size_t n = a.size();
  Coefficients c(n, 0);
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j) {
      if (i + j < n)
        c[i + j] += a[i] * b[j];
      else
        c[i + j - n] -= a[i] * b[j];
    }
  return c;
}

/// a(X^g)
Coefficients substitute(const Coefficients& a, std::uint64_t g) {
  const std::size_t n = a.size();
  Coefficients c(n);
  for (std::size_t i = 0; i < n; ++i) {
    const std::size_t place = i * g % (2 * n);
    c[place % n] = place < n ? a[i] : -a[i];
  }
  return c;
}

/// A polynomial in Y = X^width.
Coefficients random_in_y(std::size_t n, std::size_t width, unsigned seed) {
  Coefficients c = random_coefficients(n, 100, seed);
  for (std::size_t i = 0; i < n; ++i)
    if (i % width != 0) c[i] = 0;
  return c;
}

std::vector<ComponentMap> some_maps(std::size_t width) {
  return {{width, 3, false}, {width, 3, true},  {width, 5, false},
          {width, 5, true},  {width, 9, false}, {width, 33, true}};
}

TEST(ComponentMap, IsSemilinearOverThePolynomialsInY) {
  constexpr std::size_t n = 128;
  for (std::size_t width : {4, 8})
    for (const ComponentMap& map : some_maps(width)) {
      const Coefficients x = random_coefficients(n, 1000, 1), z = random_coefficients(n, 1000, 2);
      const Coefficients p = random_in_y(n, width, 3);
      Coefficients sum(n);
      for (std::size_t i = 0; i < n; ++i) sum[i] = x[i] + z[i];
      const Coefficients image = apply_component_map(map, x), other = apply_component_map(map, z);
      Coefficients expected(n);
      for (std::size_t i = 0; i < n; ++i) expected[i] = image[i] + other[i];
      EXPECT_EQ(apply_component_map(map, sum), expected);
      // L(p(Y) x) = p(Y^g) L(x)
      EXPECT_EQ(apply_component_map(map, product(p, x)), product(substitute(p, map.g), image));
    }
}

TEST(ComponentMap, FixesItsBasis) {
  constexpr std::size_t n = 128;
  for (std::size_t width : {4, 8})
    for (const ComponentMap& map : some_maps(width))
      for (std::size_t j = 0; j < width; ++j) {
        Coefficients basis(n, 0);  // X^j, or X^-j = -X^(n - j)
        if (!map.reversed || j == 0)
          basis[j] = 1;
        else
          basis[n - j] = -1;
        EXPECT_EQ(apply_component_map(map, basis), basis);
      }
}

TEST(ComponentMap, Composes) {
  constexpr std::size_t n = 128;
  const Coefficients x = random_coefficients(n, 1000, 4);
  for (bool reversed : {false, true}) {
    const ComponentMap a{8, 5, reversed}, b{8, 9, reversed};
    const ComponentMap both{8, 45 % 32, reversed};  // g modulo 2 n / width = 32
    EXPECT_EQ(apply_component_map(a, apply_component_map(b, x)), apply_component_map(both, x));
    EXPECT_EQ(apply_component_map({8, 13, reversed}, apply_component_map(a, x)),
              x);  // 5 * 13 = 65 = 1 mod 32
    EXPECT_EQ(apply_component_map({8, 1, reversed}, x), x);
  }
}

TEST(ComponentMap, ReversedIsConjugatedByTheInversionOfX) {
  constexpr std::size_t n = 128;
  const Coefficients x = random_coefficients(n, 1000, 5);
  for (std::size_t width : {4, 8, 16})
    for (std::uint64_t g : {3, 5, 9, 15}) {
      const ComponentMap plain{width, g, false}, reversed{width, g, true};
      const Coefficients inverted = apply_component_map(plain, substitute(x, 2 * n - 1));
      EXPECT_EQ(apply_component_map(reversed, x), substitute(inverted, 2 * n - 1));
    }
}

TEST(ComponentMaps, EqualsTheMapUpToAKeySwitch) {
  const SmallScheme& s = small_scheme();
  const std::size_t n = s.ring().n();
  for (std::size_t width : {4, 8, 16}) {
    const ProductKeys& keys = product_keys(width);
    NoiseCheck check;
    unsigned seed = 10;
    for (const auto* list : {&keys.pack, &keys.unpack})
      for (const ComponentMapKey& key : *list) {
        const Coefficients message = random_coefficients(n, std::int64_t{1} << 45, seed++);
        Ciphertext c =
            encrypt(from_signed(s.ring(), message, 2, 0), 1.0, s.secrets.small, fresh_seed(), 0)
                .expand();
        to_coefficients_inplace(c.c0);
        to_coefficients_inplace(c.c1);
        Ciphertext image = apply_component_map(c, key);
        EXPECT_EQ(image.c0.domain(), Domain::kCoefficient);
        EXPECT_EQ(image.q_count(), 2u);
        EXPECT_EQ(image.scale, c.scale);
        to_ntt_inplace(image.c0);
        to_ntt_inplace(image.c1);
        Poly result = decrypt(image, s.secrets.small);
        sub_inplace(result, from_signed(s.ring(), apply_component_map(key.map, message), 2, 0));
        for (double e : to_centred_doubles(result, 2))
          check.add(e, std::hypot(product_noise().fresh(), product_noise().key_switch()));
      }
    check.expect();
  }
}

TEST(ComponentMaps, RefusesWhatDoesNotFit) {
  const SmallScheme& s = small_scheme();
  const Ring& ring = s.ring();
  const ComponentMapKey& key = product_keys(8).pack.front();
  Ciphertext c = Ciphertext::zero(ring, 2, 1.0);
  EXPECT_THROW(apply_component_map(c, key), ContractError);  // NTT domain
  c.c0.set_domain(Domain::kCoefficient);
  EXPECT_THROW(apply_component_map(c, key), ContractError);
  c.c1.set_domain(Domain::kCoefficient);
  EXPECT_NO_THROW(apply_component_map(c, key));

  Ciphertext low = c.copy();
  low.drop_to(1);
  EXPECT_THROW(apply_component_map(low, key), ContractError);
  Ciphertext big = Ciphertext::zero(s.parameters->ring(), 2, 1.0);
  big.c0.set_domain(Domain::kCoefficient);
  big.c1.set_domain(Domain::kCoefficient);
  EXPECT_THROW(apply_component_map(big, key), ContractError);

  ComponentMapKey packed = make_component_map_key(key.map, s.secrets.small, 2, 2, Seed{1}, true);
  packed.a.clear();
  EXPECT_THROW(apply_component_map(c, packed), ContractError);
  packed.expand();
  EXPECT_NO_THROW(apply_component_map(c, packed));

  for (const std::size_t width : {2, 12, 64}) {  // 64: 8 rows
    ComponentMapKey wrong{{width, 5, false}, 2, 2, Seed{}, {}, {}};
    for (std::size_t j = 0; j < width; ++j) wrong.b.push_back(Poly::zero(ring, 2, 2, Domain::kNtt));
    wrong.expand();
    EXPECT_THROW(apply_component_map(c, wrong), ContractError);
  }
}

TEST(ComponentMapKeys, AreHeldToTheSecretsBound) {
  const SmallScheme& s = small_scheme();
  EXPECT_THROW(make_component_map_key({8, 5, false}, s.secrets.small, 2, 2, Seed{1}, false),
               SecurityError);
}

TEST(MonomialProduct, MovesAndNegates) {
  const SmallScheme& s = small_scheme();
  const std::size_t n = s.ring().n();
  const Coefficients x = random_coefficients(n, 1000, 6);
  for (std::size_t k : {std::size_t{0}, std::size_t{1}, n - 1, n, n + 3, 2 * n - 1, 2 * n + 5}) {
    Poly a = from_signed(s.ring(), x, 2, 0);
    EXPECT_THROW(mul_monomial_inplace(a, k), ContractError);  // NTT domain
    to_coefficients_inplace(a);
    mul_monomial_inplace(a, k);
    const std::vector<double> moved = to_centred_doubles(a, 2);
    for (std::size_t i = 0; i < n; ++i) {
      const std::size_t place = (i + k) % (2 * n);
      const double sign = place < n ? 1 : -1;
      ASSERT_EQ(moved[place % n], sign * static_cast<double>(x[i]));
    }
  }
}

}  // namespace
}  // namespace blindtuner
