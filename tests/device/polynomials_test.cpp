// Operations on whole polynomials.
#include "device/device_fixture.h"
#include "math/bits.h"

namespace blindtuner {
using namespace math;
namespace {

using namespace testing_support;
using device::ConstView;
using device::Domain;
using device::View;

class DevicePolynomials : public DeviceTest {
 protected:
  // Calls f(fill of a, fill of b) with all of them.
  template <typename F>
  static void for_fills(F&& f) {
    for (const Fill a : kFills)
      for (const Fill b : kFills) f(a, b);
  }
  // op(out, a, b) is `expected`, where out is a third polynomial, a, or b; and with a b of more limbs.
  template <typename Op, typename F>
  void expect_binary(Op&& op, F&& expected) {
    for_fills([&](Fill fill_a, Fill fill_b) {
      const PlainPoly a = source_.poly(1, p_size(), fill_a),
                      b = source_.poly(q_size(), p_size(), fill_b);
      const PlainPoly wanted = ring_.map(a, b, expected);
      OnDevice x(on(), a), y(on(), b), out(on(), n(), 1, p_size());
      op(View(out), ConstView(x), ConstView(y));
      EXPECT_EQ(out.plain(), wanted);
      op(View(x), ConstView(x), ConstView(y));
      EXPECT_EQ(x.plain(), wanted);
      const PlainPoly low = PlainRing::first(b, 1, p_size());
      OnDevice z(on(), a), w(on(), low);
      op(View(w), ConstView(z), ConstView(w));
      EXPECT_EQ(w.plain(), wanted);
      EXPECT_EQ(y.plain(), b);
    });
  }
};

// The reference, too, is what it is said to be.
TEST_P(DevicePolynomials, TheReferenceTransformIsTheDefinition) {
  if (n() > 256) return;
  const PlainPoly x = source_.poly(q_size(), p_size());
  const PlainPoly values = ring_.transformed(x);
  for (std::size_t i = 0; i < q_size(); ++i) {
    const u64 q = ring_.q[i], psi = primitive_root_of_unity(Modulus(q), 2 * n());
    for (std::size_t j = 0; j < n(); ++j) {
      const u64 root = power(psi, 2 * reverse_bits(j, ring_.log_n) + 1, q);
      u64 value = 0;
      for (std::size_t k = n(); k-- > 0;) value = plus(times(value, root, q), x.q[i][k], q);
      ASSERT_EQ(values.q[i][j], value);
    }
  }
  EXPECT_EQ(ring_.coefficients(values), x);
}

TEST_P(DevicePolynomials, MemoryKeepsResidues) {
  for (const bool wiped : {false, true}) {
    const PlainPoly x = source_.poly(q_size(), p_size());
    OnDevice a(on(), x, wiped);
    EXPECT_EQ(a.plain(), x);
    for (std::size_t q = 1; q <= q_size(); ++q)
      for (std::size_t p = 0; p <= p_size(); ++p) {
        OnDevice b(on(), n(), q, p, wiped);
        on().copy(b, a);
        EXPECT_EQ(b.plain(), PlainRing::first(x, q, p));
      }
    on().zero(a);
    EXPECT_EQ(a.plain(), ring_.zero(q_size(), p_size()));
  }
}

TEST_P(DevicePolynomials, Transforms) {
  for (const Fill fill : kFills)
    for (std::size_t q = 1; q <= q_size(); ++q) {
      const PlainPoly x = source_.poly(q, p_size(), fill);
      OnDevice a(on(), x), b(on(), x);
      on().forward_ntt(a);
      EXPECT_EQ(a.plain(), ring_.transformed(x));
      on().inverse_ntt(a);
      EXPECT_EQ(a.plain(), x);
      on().inverse_ntt(b);
      EXPECT_EQ(b.plain(), ring_.coefficients(x));
    }
}

TEST_P(DevicePolynomials, SumsAndProducts) {
  expect_binary([&](View out, ConstView a, ConstView b) { on().add(out, a, b); }, plus);
  expect_binary([&](View out, ConstView a, ConstView b) { on().sub(out, a, b); }, minus);
  expect_binary([&](View out, ConstView a, ConstView b) { on().mul(out, a, b); }, times);
  expect_binary([&](View out, ConstView a, ConstView) { on().neg(out, a); },
                [](u64 a, u64, u64 q) { return minus(0, a, q); });
  for_fills([&](Fill fill_a, Fill fill_b) {
    const PlainPoly sum = source_.poly(1, p_size(), fill_b);
    const PlainPoly a = source_.poly(q_size(), p_size(), fill_a),
                    b = source_.poly(q_size(), p_size(), fill_b);
    OnDevice out(on(), sum);
    on().mul_add(out, OnDevice(on(), a), OnDevice(on(), b));
    EXPECT_EQ(out.plain(), ring_.sum(sum, ring_.product(PlainRing::first(a, 1, p_size()), b)));
  });
}

TEST_P(DevicePolynomials, ScalarsAndConstants) {
  for (const Fill fill : kFills)
    for (int round = 0; round < 4; ++round) {
      const PlainPoly a = source_.poly(q_size(), p_size(), fill), c = source_.poly(1, p_size());
      std::vector<u64> w, w_low;  // 0, 1, the largest, others
      const auto scalar = [&](u64 q) {
        return round < 2 ? static_cast<u64>(round) : round == 2 ? q - 1 : source_.below(q);
      };
      for (const u64 q : ring_.q) w.push_back(scalar(q));
      for (const u64 p : ring_.p) w.push_back(scalar(p));
      w_low.push_back(w.front());
      w_low.insert(w_low.end(), w.begin() + static_cast<std::ptrdiff_t>(q_size()), w.end());
      std::size_t limb = 0;
      const auto scaled = [&](const PlainPoly& x, const std::vector<u64>& by) {
        limb = 0;
        return ring_.each(x, [&](Limb values, u64 q) {
          for (u64& value : values) value = times(value, by[limb], q);
          ++limb;
          return values;
        });
      };
      OnDevice x(on(), a), out(on(), n(), q_size(), p_size());
      on().mul_scalars(out, x, w);
      EXPECT_EQ(out.plain(), scaled(a, w));
      OnDevice sum(on(), c);
      on().mul_scalars_add(sum, x, w_low);
      EXPECT_EQ(sum.plain(), ring_.sum(c, scaled(PlainRing::first(a, 1, p_size()), w_low)));
      on().mul_scalars(x, x, w);
      EXPECT_EQ(x.plain(), scaled(a, w));

      for (const Domain domain : {Domain::kCoefficient, Domain::kNtt}) {
        limb = 0;
        const PlainPoly wanted = ring_.each(a, [&](Limb values, u64 q) {
          for (std::size_t j = 0; j < (domain == Domain::kNtt ? n() : 1); ++j)
            values[j] = plus(values[j], w[limb], q);
          ++limb;
          return values;
        });
        OnDevice y(on(), a);
        on().add_constants(y, w, domain);
        EXPECT_EQ(y.plain(), wanted);
      }
    }
}

TEST_P(DevicePolynomials, MonomialsAndAutomorphisms) {
  for (const Fill fill : kFills) {
    const PlainPoly a = source_.poly(q_size(), p_size(), fill);
    for (const std::size_t k : {std::size_t{0}, std::size_t{1}, n() / 2, n() - 1, n(), n() + 3,
                                2 * n() - 1, 2 * n() + 5}) {
      OnDevice x(on(), a);
      on().mul_monomial(x, k);
      EXPECT_EQ(x.plain(), ring_.moved(a, [k](std::size_t i) { return i + k; })) << k;
    }
    OnDevice x(on(), ring_.transformed(a));
    on().mul_i(x);
    EXPECT_EQ(x.plain(),
              ring_.transformed(ring_.moved(a, [this](std::size_t i) { return i + n() / 2; })));
    const OnDevice y(on(), a);  // as if transformed
    for (const u64 g : {u64{1}, u64{5}, u64{25}, 2 * n() - 1, n() + 1, 2 * n() + 3}) {
      OnDevice out(on(), n(), 1, p_size());
      on().automorphism(out, y, g);
      EXPECT_EQ(out.plain(), PlainRing::first(ring_.rotated(a, g), 1, p_size())) << g;
    }
  }
}

TEST_P(DevicePolynomials, SignedNumbers) {
  const auto q = static_cast<std::int64_t>(ring_.q[0]);
  const std::vector<std::int64_t> edges = {0,     1,     -1,    q,      -q,        q - 1,
                                           1 - q, q + 1, 2 * q, -2 * q, INT64_MAX, INT64_MIN};
  // All n, and polynomials in powers of X, whose transforms are constant on blocks.
  for (std::size_t size = n(); size >= 2; size /= 2) {
    std::vector<std::int64_t> values(size);
    for (std::size_t j = 0; j < size; ++j)
      values[j] =
          j < edges.size() ? edges[j] : static_cast<std::int64_t>(source_.below(UINT64_MAX));
    const std::size_t width = n() / size;
    PlainPoly whole = ring_.zero(q_size(), p_size());
    for (std::size_t j = 0; j < size; ++j) {
      for (std::size_t i = 0; i < q_size(); ++i)
        whole.q[i][j * width] = residue(values[j], ring_.q[i]);
      for (std::size_t i = 0; i < p_size(); ++i)
        whole.p[i][j * width] = residue(values[j], ring_.p[i]);
    }
    whole = ring_.transformed(whole);
    OnDevice x(on(), size, q_size(), p_size());
    on().from_signed(x, values);
    const PlainPoly kept = x.plain();
    EXPECT_EQ(ring_.each(kept,
                         [&](const Limb& limb, u64) {
                           Limb out;
                           for (const u64 value : limb) out.insert(out.end(), width, value);
                           return out;
                         }),
              whole)
        << size;
  }
}

TEST_P(DevicePolynomials, BetweenRings) {
  for (const std::size_t ratio : {std::size_t{2}, n() / 4}) {
    const std::size_t small_n = n() / ratio;
    const PlainPoly big = source_.poly(q_size(), 0);
    std::vector<OnDevice> small;
    std::vector<View> views;
    for (std::size_t r = 0; r < ratio; ++r) small.emplace_back(on(), small_n, q_size(), 0);
    for (OnDevice& x : small) views.push_back(x);
    on().split(views, OnDevice(on(), big));
    for (std::size_t r = 0; r < ratio; ++r) {
      const PlainPoly piece = small[r].plain();
      for (std::size_t l = 0; l < q_size(); ++l)
        for (std::size_t i = 0; i < small_n; ++i) ASSERT_EQ(piece.q[l][i], big.q[l][ratio * i + r]);
    }
    for (const std::size_t count : {ratio, std::size_t{1}}) {
      const std::vector<ConstView> some(views.begin(),
                                        views.begin() + static_cast<std::ptrdiff_t>(count));
      OnDevice out(on(), source_.poly(q_size(), 0));
      on().interleave(out, some);
      PlainPoly wanted = big;
      for (Limb& limb : wanted.q)
        for (std::size_t i = 0; i < n(); ++i)
          if (i % ratio >= count) limb[i] = 0;
      EXPECT_EQ(out.plain(), wanted);
    }
  }
}

BLINDTUNER_FOR_EACH_DEVICE(DevicePolynomials, kSmallest, kSmall, kTwoChunks);

class DeviceBaseConversions : public DeviceTest {};

TEST_P(DeviceBaseConversions, ModUp) {
  for (const Fill fill : kFills) {
    const PlainPoly x = source_.poly(q_size(), 0, fill);
    const OnDevice from(on(), x);
    for (std::size_t begin = 0; begin < q_size(); begin += 1 + begin)
      for (std::size_t end = begin + 1; end <= q_size(); end += end)
        for (const std::size_t p : {std::size_t{0}, p_size()}) {
          if (end - begin == q_size() && p == 0) continue;
          OnDevice out(on(), n(), q_size(), p);
          on().mod_up(out, from, begin, end);
          EXPECT_EQ(out.plain(), ring_.mod_up(x, begin, end, q_size(), p));
        }
    // From a polynomial of fewer limbs than it becomes: the whole chain from q_0.
    OnDevice raised(on(), n(), q_size(), 0);
    on().mod_up(raised, OnDevice(on(), PlainRing::first(x, 1, 0)), 0, 1);
    EXPECT_EQ(raised.plain(), ring_.mod_up(x, 0, 1, q_size(), 0));
  }
}

TEST_P(DeviceBaseConversions, ScaleDown) {
  const auto expect = [&](std::size_t q, std::size_t keep, std::size_t p, Fill fill) {
    const PlainPoly x = source_.poly(q, p, fill);
    OnDevice from(on(), x), out(on(), n(), keep, 0);
    on().scale_down(out, from);
    EXPECT_EQ(out.plain(), ring_.scale_down(x, keep)) << q << " to " << keep << ", " << p;
  };
  if (n() > 8192) return expect(q_size(), q_size() - 1, p_size(), Fill::kRandom);
  for (const Fill fill : {Fill::kRandom, Fill::kLargest})
    for (std::size_t q = 1; q <= q_size(); ++q)
      for (std::size_t keep = 1; keep <= q; ++keep)
        for (const std::size_t p : {std::size_t{0}, p_size()})
          if (keep < q || p > 0) expect(q, keep, p, fill);
}

// The last one is past what a cache holds.
BLINDTUNER_FOR_EACH_DEVICE(DeviceBaseConversions, kSmallest, kSmall, kTwoChunks,
                           RingCase{"65536", 16, {50, 40, 40, 40, 40, 40, 40, 40, 40, 40}, {49}});

}  // namespace
}  // namespace blindtuner
