// Ring operations against the definitions, in integers of any size: polynomials are composed to
// coefficients modulo Q (OpenSSL's big numbers, independent of everything under test) and compared
// with what the schoolbook formula gives.
#include "ring/poly.h"

#include <gtest/gtest.h>
#include <openssl/bn.h>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "math/primes.h"

namespace blindtuner {
using namespace ring;
namespace {

// A signed integer of any size.
class Big {
 public:
  Big() : value_(BN_new()) {}
  Big(std::int64_t x) : Big() {  // NOLINT: integers are integers
    const u64 magnitude = x < 0 ? u64{0} - static_cast<u64>(x) : static_cast<u64>(x);
    BN_set_word(value_, magnitude);
    BN_set_negative(value_, x < 0);
  }
  static Big from_u64(u64 x) {
    Big out;
    BN_set_word(out.value_, x);
    return out;
  }
  Big(const Big& other) : value_(BN_dup(other.value_)) {}
  Big& operator=(const Big& other) {
    BN_copy(value_, other.value_);
    return *this;
  }
  ~Big() { BN_free(value_); }

  friend Big operator+(const Big& a, const Big& b) {
    Big out;
    BN_add(out.value_, a.value_, b.value_);
    return out;
  }
  friend Big operator-(const Big& a, const Big& b) {
    Big out;
    BN_sub(out.value_, a.value_, b.value_);
    return out;
  }
  friend Big operator*(const Big& a, const Big& b) {
    Big out;
    BN_mul(out.value_, a.value_, b.value_, context());
    return out;
  }
  /// In [0, m).
  Big mod(const Big& m) const {
    Big out;
    BN_nnmod(out.value_, value_, m.value_, context());
    return out;
  }
  /// The representative of this modulo m in (-m/2, m/2].
  Big centred(const Big& m) const {
    const Big r = mod(m);
    return (r + r).compare(m) > 0 ? r - m : r;
  }
  Big inverse(const Big& m) const {
    Big out;
    BN_mod_inverse(out.value_, value_, m.value_, context());
    return out;
  }
  u64 residue(u64 q) const { return BN_get_word(mod(from_u64(q)).value_); }
  int compare(const Big& other) const { return BN_cmp(value_, other.value_); }
  int compare_magnitude(const Big& other) const { return BN_ucmp(value_, other.value_); }
  bool operator==(const Big& other) const { return compare(other) == 0; }
  double to_double() const {
    char* text = BN_bn2dec(value_);
    const double x = std::strtod(text, nullptr);
    OPENSSL_free(text);
    return x;
  }

 private:
  static BN_CTX* context() {
    static BN_CTX* const context = BN_CTX_new();
    return context;
  }
  BIGNUM* value_;
};

using BigPoly = std::vector<Big>;

class PolyTest : public testing::Test {
 protected:
  static constexpr int kLogN = 5;
  static constexpr std::size_t kN = 1 << kLogN, kQ = 4, kP = 3;
  PolyTest() : ring_(kLogN, primes().first(kQ), primes().subspan(kQ)) {}

  static std::span<const u64> primes() {
    static const std::vector<u64> all = [] {
      std::vector<u64> list;
      for (int bits : {50, 42, 36, 30, 50, 50, 25})
        list.push_back(ntt_primes(bits, 2 * kN, 1, list).front());
      return list;
    }();
    return all;
  }

  Poly random_poly(std::size_t q_count, std::size_t p_count, Domain domain = Domain::kNtt) {
    Poly x(ring_, q_count, p_count, domain);
    set_residues(x, [&](WritableResidues residues) {
      for (std::size_t i = 0; i < x.limbs(); ++i)
        for (u64& residue : residues[i]) residue = random_() % x.modulus(i).q;
    });
    return x;
  }

  static Big product_of(const Poly& x) {
    Big product = 1;
    for (std::size_t i = 0; i < x.limbs(); ++i) product = product * Big::from_u64(x.modulus(i).q);
    return product;
  }

  // Coefficients in [0, product of all limbs' primes), by the Chinese remainder theorem.
  static BigPoly compose(const Poly& poly) {
    Poly x = poly.copy();
    if (x.domain() == Domain::kNtt) to_coefficients_inplace(x);
    const Residues residues(x);
    const Big product = product_of(x);
    BigPoly out(kN, Big(0));
    for (std::size_t i = 0; i < x.limbs(); ++i) {
      const Big q = Big::from_u64(x.modulus(i).q);
      Big rest = 1;
      for (std::size_t j = 0; j < x.limbs(); ++j)
        if (j != i) rest = rest * Big::from_u64(x.modulus(j).q);
      const Big factor = rest * rest.inverse(q);
      for (std::size_t j = 0; j < kN; ++j)
        out[j] = (out[j] + Big::from_u64(residues[i][j]) * factor).mod(product);
    }
    return out;
  }

  static void expect_equal(const Poly& actual, const BigPoly& expected) {
    Poly x = actual.copy();
    if (x.domain() == Domain::kNtt) to_coefficients_inplace(x);
    for (std::size_t i = 0; i < x.limbs(); ++i)
      for (std::size_t j = 0; j < kN; ++j)
        ASSERT_EQ(Residues(x)[i][j], expected[j].residue(x.modulus(i).q))
            << "limb " << i << ", " << j;
  }

  // X^exponent * a modulo X^n + 1.
  static BigPoly shifted(const BigPoly& a, std::size_t exponent) {
    BigPoly out(kN, Big(0));
    for (std::size_t j = 0; j < kN; ++j) {
      const std::size_t place = (j + exponent) % (2 * kN);
      out[place % kN] = place < kN ? a[j] : Big(0) - a[j];
    }
    return out;
  }

  static BigPoly times(const BigPoly& a, const BigPoly& b) {
    BigPoly out(kN, Big(0));
    for (std::size_t i = 0; i < kN; ++i) {
      const BigPoly row = shifted(b, i);
      for (std::size_t j = 0; j < kN; ++j) out[j] = out[j] + a[i] * row[j];
    }
    return out;
  }

  template <typename F>
  static BigPoly map(const BigPoly& a, const BigPoly& b, F&& f) {
    BigPoly out;
    for (std::size_t j = 0; j < kN; ++j) out.push_back(f(a[j], b[j]));
    return out;
  }

  Ring ring_;
  std::mt19937_64 random_{20240607};
};

TEST_F(PolyTest, TransformsAreInverse) {
  const Poly x = random_poly(kQ, kP, Domain::kCoefficient);
  const BigPoly before = compose(x);
  Poly y = x.copy();
  to_ntt_inplace(y);
  EXPECT_EQ(y.domain(), Domain::kNtt);
  to_coefficients_inplace(y);
  EXPECT_EQ(y.domain(), Domain::kCoefficient);
  expect_equal(y, before);
}

TEST_F(PolyTest, ProductsAreNegacyclic) {
  for (int round = 0; round < 4; ++round) {
    const Poly a = random_poly(kQ, kP), b = random_poly(kQ, kP), c = random_poly(kQ, kP);
    const BigPoly expected = times(compose(a), compose(b));
    expect_equal(mul(a, b), expected);
    Poly x = a.copy();
    mul_inplace(x, b);
    expect_equal(x, expected);
    Poly sum = c.copy();
    mul_add_inplace(sum, a, b);
    expect_equal(sum, map(compose(c), expected, [](auto& u, auto& v) { return u + v; }));
  }
}

TEST_F(PolyTest, SumsInBothDomains) {
  for (const Domain domain : {Domain::kCoefficient, Domain::kNtt}) {
    const Poly a = random_poly(kQ, kP, domain), b = random_poly(kQ, kP, domain);
    const BigPoly u = compose(a), v = compose(b);
    Poly x = a.copy();
    add_inplace(x, b);
    expect_equal(x, map(u, v, [](auto& s, auto& t) { return s + t; }));
    x = a.copy();
    sub_inplace(x, b);
    expect_equal(x, map(u, v, [](auto& s, auto& t) { return s - t; }));
    x = a.copy();
    neg_inplace(x);
    expect_equal(x, map(u, v, [](auto& s, auto&) { return Big(0) - s; }));
    for (const std::int64_t value :
         {std::int64_t{0}, std::int64_t{1}, std::int64_t{-1}, std::int64_t{123456789},
          -(std::int64_t{1} << 61) + 3, (std::int64_t{1} << 62) - 1}) {
      x = a.copy();
      mul_integer_inplace(x, value);
      expect_equal(x, map(u, v, [&](auto& s, auto&) { return s * Big(value); }));
      x = a.copy();
      mul_integer_add_inplace(x, b, value);
      expect_equal(x, map(u, v, [&](auto& s, auto& t) { return s + t * Big(value); }));
      x = a.copy();
      add_constant_inplace(x, value);
      BigPoly expected = u;
      expected[0] = expected[0] + Big(value);
      expect_equal(x, expected);
    }
  }
}

TEST_F(PolyTest, TheSecondOperandMayHaveMoreLimbs) {
  // Special limbs are matched by their place among the special limbs.
  const Poly a = random_poly(2, kP), b = random_poly(kQ, kP);
  const Poly low = b.copy_limbs(2, kP);
  Poly x = a.copy(), y = a.copy();
  add_inplace(x, b);
  add_inplace(y, low);
  expect_equal(x, compose(y));
  expect_equal(mul(a, b), times(compose(a), compose(low)));
  Poly z = a.copy();
  EXPECT_THROW(add_inplace(z, random_poly(1, kP)), ContractError);
  EXPECT_THROW(add_inplace(z, random_poly(2, kP - 1)), ContractError);
  EXPECT_THROW(add_inplace(z, random_poly(2, kP, Domain::kCoefficient)), ContractError);
}

TEST_F(PolyTest, OperationsRefuseTheWrongDomain) {
  Poly x = random_poly(2, 0, Domain::kCoefficient);
  const Poly y = random_poly(2, 0, Domain::kCoefficient);
  EXPECT_THROW(mul_inplace(x, y), ContractError);
  EXPECT_THROW(automorphism(x, 3), ContractError);
  EXPECT_THROW(to_coefficients_inplace(x), ContractError);
  to_ntt_inplace(x);
  EXPECT_THROW(to_ntt_inplace(x), ContractError);
  EXPECT_THROW(scale_down(x.copy(), 2), ContractError);
  EXPECT_THROW(scale_down(x.copy(), 0), ContractError);
  EXPECT_THROW(Poly(ring_, kQ + 1, 0, Domain::kNtt), ContractError);
}

TEST_F(PolyTest, EveryAutomorphism) {
  const Poly a = random_poly(kQ, kP);
  const BigPoly u = compose(a);
  for (std::size_t g = 1; g < 2 * kN; g += 2) {
    BigPoly expected(kN, Big(0));
    for (std::size_t j = 0; j < kN; ++j) {
      const std::size_t place = j * g % (2 * kN);
      expected[place % kN] = place < kN ? u[j] : Big(0) - u[j];
    }
    expect_equal(automorphism(a, g), expected);
    expect_equal(automorphism(a, g + 2 * kN), expected);
  }
  EXPECT_THROW(automorphism(a, 2), ContractError);
}

TEST_F(PolyTest, EveryMonomial) {
  const Poly a = random_poly(kQ, kP);
  const BigPoly u = compose(a);
  for (std::size_t k = 0; k <= 2 * kN + 3; ++k)
    expect_equal(mul(a, monomial(ring_, k, kQ, kP)), shifted(u, k));
}

TEST_F(PolyTest, ScaleDownRoundsToTheNearest) {
  for (std::size_t q_count = 1; q_count <= kQ; ++q_count)
    for (std::size_t q_keep = 1; q_keep <= q_count; ++q_keep)
      for (std::size_t p_count = 0; p_count <= kP; ++p_count) {
        if (q_keep == q_count && p_count == 0) continue;
        SCOPED_TRACE(testing::Message() << q_count << " -> " << q_keep << ", special " << p_count);
        const Poly x = random_poly(q_count, p_count);
        const BigPoly before = compose(x);
        const Big product = product_of(x);
        const Poly y = scale_down(x.copy(), q_keep);
        ASSERT_EQ(y.q_count(), q_keep);
        ASSERT_EQ(y.p_count(), 0u);
        ASSERT_EQ(y.domain(), Domain::kNtt);
        Big dropped = 1;
        for (std::size_t i = q_keep; i < x.limbs(); ++i)
          dropped = dropped * Big::from_u64(x.modulus(i).q);
        const BigPoly after = compose(y);
        for (std::size_t j = 0; j < kN; ++j) {
          // |x - D y| <= D/2 modulo everything.
          const Big rest = (before[j] - dropped * after[j]).centred(product);
          ASSERT_LE((rest + rest).compare_magnitude(dropped), 0) << j;
        }
      }
}

TEST_F(PolyTest, ScaleDownOfMultiplesIsExact) {
  const Poly y = random_poly(2, 0);
  Poly x(ring_, kQ, kP, Domain::kCoefficient);
  const BigPoly u = compose(y);
  Big dropped = 1;
  for (std::size_t i = 2; i < x.limbs(); ++i) dropped = dropped * Big::from_u64(x.modulus(i).q);
  set_residues(x, [&](WritableResidues residues) {
    for (std::size_t i = 0; i < x.limbs(); ++i)
      for (std::size_t j = 0; j < kN; ++j)
        residues[i][j] = (u[j] * dropped + Big(j % 2 == 0 ? 5 : -5)).residue(x.modulus(i).q);
  });
  to_ntt_inplace(x);
  expect_equal(scale_down(std::move(x), 2), u);
}

TEST_F(PolyTest, FromSigned) {
  std::vector<std::int64_t> values(kN);
  for (std::size_t j = 0; j < kN; ++j) values[j] = static_cast<std::int64_t>(random_());
  const std::int64_t q = static_cast<std::int64_t>(primes()[0]);
  const std::int64_t edges[] = {0,
                                1,
                                -1,
                                q,
                                -q,
                                q - 1,
                                1 - q,
                                q + 1,
                                -q - 1,
                                2 * q,
                                -2 * q,
                                std::numeric_limits<std::int64_t>::max(),
                                std::numeric_limits<std::int64_t>::min()};
  std::copy(std::begin(edges), std::end(edges), values.begin());
  for (const bool wiped : {false, true}) {
    const Poly x = from_signed(ring_, values, kQ, kP, wiped);
    EXPECT_EQ(x.domain(), Domain::kNtt);
    expect_equal(x, BigPoly(values.begin(), values.end()));
  }
  values.pop_back();
  EXPECT_THROW(from_signed(ring_, values, kQ, kP), ContractError);
}

TEST_F(PolyTest, ToCentredDoubles) {
  for (std::size_t count = 1; count <= kQ; ++count) {
    const Poly x = random_poly(kQ, 0);
    const BigPoly u = compose(x.copy_limbs(count, 0));
    const Big product = product_of(x.copy_limbs(count, 0));
    const std::vector<double> actual = to_centred_doubles(x, count);
    ASSERT_EQ(actual.size(), kN);
    for (std::size_t j = 0; j < kN; ++j) {
      const double expected = u[j].centred(product).to_double();
      ASSERT_LE(std::abs(actual[j] - expected), 1e-15 * std::abs(expected)) << count << ", " << j;
    }
  }
  // Small numbers are exact, whatever the modulus; both domains are taken.
  std::vector<std::int64_t> values(kN);
  for (std::size_t j = 0; j < kN; ++j)
    values[j] = (j % 2 == 0 ? 1 : -1) * static_cast<std::int64_t>(random_() >> (11 + j));
  Poly x = from_signed(ring_, values, kQ, 0);
  for (int domain = 0; domain < 2; ++domain) {
    const std::vector<double> actual = to_centred_doubles(x, 8);
    for (std::size_t j = 0; j < kN; ++j) ASSERT_EQ(actual[j], static_cast<double>(values[j])) << j;
    if (domain == 0) to_coefficients_inplace(x);
  }
  EXPECT_THROW(to_centred_doubles(random_poly(1, 1), 1), ContractError);
}

TEST_F(PolyTest, ModUpIsExactOnCentredValues) {
  for (std::size_t begin = 0; begin < kQ; ++begin)
    for (std::size_t end = begin + 1; end <= kQ; ++end)
      for (std::size_t p_count = 0; p_count <= kP; ++p_count) {
        if (end - begin == kQ && p_count == 0) continue;  // nothing to convert to
        SCOPED_TRACE(testing::Message() << "[" << begin << ", " << end << ") + " << p_count);
        Big product = 1;
        for (std::size_t i = begin; i < end; ++i) product = product * Big::from_u64(ring_.q(i).q);
        // Values spread over the whole range, and the smallest ones of either sign.
        BigPoly values;
        for (std::size_t j = 0; j < kN; ++j) {
          Big v = 1;
          for (int factor = 0; factor < 4; ++factor) v = v * Big::from_u64(random_() >> 4);
          v = v.centred(product);
          if (j < 5) v = Big(static_cast<std::int64_t>(j) - 2);
          values.push_back(v);
        }
        Poly x = Poly::zero(ring_, kQ, 0, Domain::kCoefficient);
        set_residues(x, [&](WritableResidues residues) {
          for (std::size_t i = 0; i < kQ; ++i)  // elsewhere what must not be looked at
            for (std::size_t j = 0; j < kN; ++j)
              residues[i][j] = i >= begin && i < end ? values[j].residue(x.modulus(i).q) : 7;
        });
        expect_equal(mod_up(x, begin, end, kQ, p_count), values);
      }
}

TEST_F(PolyTest, DropAndCopyLimbs) {
  const Poly x = random_poly(kQ, kP);
  const Poly low = x.copy_limbs(2, 1);
  ASSERT_EQ(low.limbs(), 3u);
  for (std::size_t j = 0; j < kN; ++j) {
    ASSERT_EQ(Residues(low)[1][j], Residues(x)[1][j]);
    ASSERT_EQ(Residues(low)[2][j], Residues(x)[kQ][j]);
  }
  Poly y = x.copy_limbs(kQ, 0);
  y.drop_to(2);
  EXPECT_EQ(y.limbs(), 2u);
  expect_equal(y, compose(x.copy_limbs(2, 0)));
  EXPECT_THROW(y.drop_to(3), ContractError);
  EXPECT_THROW(y.drop_to(0), ContractError);
  EXPECT_THROW(x.copy_limbs(kQ + 1, 0), ContractError);
  expect_equal(Poly::zero(ring_, kQ, kP, Domain::kNtt), BigPoly(kN, Big(0)));
}

TEST(Ring, RefusesPrimesThatDoNotFit) {
  const u64 q = ntt_primes(30, 64, 1).front();
  const std::vector<u64> twice = {q, q}, one = {q}, none, wrong = {q - 2};
  EXPECT_THROW(Ring(5, twice, none), ContractError);
  EXPECT_THROW(Ring(5, one, one), ContractError);
  EXPECT_THROW(Ring(5, none, one), ContractError);
  EXPECT_THROW(Ring(5, wrong, none), ContractError);
  const Ring ring(5, one, none);
  EXPECT_NEAR(ring.log2_modulus(1, 0), 30, 0.01);
  EXPECT_THROW(ring.log2_modulus(2, 0), ContractError);
}

}  // namespace
}  // namespace blindtuner
