// Operations that are several in one.
#include "device/device_fixture.h"

namespace blindtuner {
namespace {

using namespace testing_support;

class DeviceFused : public DeviceTest {
 protected:
  // Digits of one limb, and a last one of several, which lower levels cut.
  std::vector<std::size_t> digit_ends() const {
    if (q_size() <= 3) return {1, q_size()};
    return {1, 2, q_size()};
  }
  PlainRing::Key key() { return source_.key(q_size(), p_size(), digit_ends()); }
  /// (c0, c1) of either.
  void expect_pair(const OnDevice& c0, const OnDevice& c1, const PlainRing::Pair& wanted) const {
    EXPECT_EQ(c0.plain(), wanted.c0);
    EXPECT_EQ(c1.plain(), wanted.c1);
  }
};

TEST_P(DeviceFused, Tensors) {
  for (const Fill fill : kFills) {
    const PlainPoly a0 = source_.poly(q_size(), 0, fill), a1 = source_.poly(q_size(), 0, fill),
                    b0 = source_.poly(q_size(), 0, fill), b1 = source_.poly(q_size(), 0, fill);
    const OnDevice da0(on(), a0), da1(on(), a1), db0(on(), b0), db1(on(), b1);
    for (std::size_t q = 1; q <= q_size(); ++q) {
      const auto low = [&](const PlainPoly& x) { return PlainRing::first(x, q, 0); };
      OnDevice c0(on(), n(), q, 0), c1(on(), n(), q, 0), c2(on(), n(), q, 0);
      on().tensor(c0, c1, c2, {da0, da1}, {db0, db1});
      EXPECT_EQ(c0.plain(), low(ring_.product(a0, b0)));
      EXPECT_EQ(c1.plain(), low(ring_.sum(ring_.product(a0, b1), ring_.product(a1, b0))));
      EXPECT_EQ(c2.plain(), low(ring_.product(a1, b1)));
    }
  }
}

TEST_P(DeviceFused, TensorSums) {
  std::vector<OnDevice> operands;
  std::vector<PlainPoly> plain;
  for (int i = 0; i < 8; ++i) {
    plain.push_back(source_.poly(q_size(), 0, i < 6 ? Fill::kRandom : Fill::kLargest));
    operands.emplace_back(on(), plain.back());
  }
  // Of one sum of one term, and of several with shared operands, one longer than any single pass.
  for (const std::vector<std::size_t>& terms :
       {std::vector<std::size_t>{1}, std::vector<std::size_t>{3, n() > 256 ? 20u : 300u, 0, 2}}) {
    std::vector<device::TensorSum> sums;
    std::vector<OnDevice> out;
    std::vector<PlainPoly> wanted;
    out.reserve(3 * terms.size());
    for (const std::size_t count : terms) {
      for (int i = 0; i < 3; ++i) {
        wanted.push_back(source_.poly(1, 0));
        out.emplace_back(on(), wanted.back());
      }
      const std::size_t at = wanted.size() - 3;
      sums.push_back({out[at], out[at + 1], out[at + 2], {}, {}});
      for (std::size_t t = 0; t < count; ++t) {
        const std::size_t a = t % 4 * 2, b = (t + count) % 4 * 2;
        sums.back().left.push_back({operands[a], operands[a + 1]});
        sums.back().right.push_back({operands[b], operands[b + 1]});
        const auto add = [&](std::size_t to, std::size_t x, std::size_t y) {
          wanted[at + to] =
              ring_.sum(wanted[at + to], PlainRing::first(ring_.product(plain[x], plain[y]), 1, 0));
        };
        add(0, a, b);
        add(1, a, b + 1);
        add(1, a + 1, b);
        add(2, a + 1, b + 1);
      }
    }
    on().tensor_sums(sums);
    for (std::size_t i = 0; i < out.size(); ++i) EXPECT_EQ(out[i].plain(), wanted[i]) << i;
  }
}

TEST_P(DeviceFused, KeySwitches) {
  const PlainRing::Key plain[] = {key(), key()};
  const KeyOnDevice keys[] = {{on(), plain[0]}, {on(), plain[1]}};
  for (std::size_t q = 1; q <= q_size(); ++q)
    for (std::size_t keep = 1; keep <= q; ++keep)
      for (int adds = 0; adds < 3; ++adds) {
        const PlainPoly c = source_.poly(q, 0, adds == 2 ? Fill::kLargest : Fill::kRandom);
        const PlainPoly add0 = source_.poly(q_size(), 0), add1 = source_.poly(q_size(), 0);
        const OnDevice dc(on(), c), d0(on(), add0), d1(on(), add1);
        const u64 g[] = {1, 5};
        std::vector<OnDevice> out;
        for (int i = 0; i < 4; ++i) out.emplace_back(on(), n(), keep, 0);
        std::vector<device::KeySwitch::Target> targets;
        for (std::size_t t = 0; t < 2; ++t)
          targets.push_back({&keys[t].key, g[t], {out[2 * t], out[2 * t + 1]}});
        on().key_switch({dc, adds > 0 ? device::ConstView(d0) : device::ConstView(),
                         adds > 1 ? device::ConstView(d1) : device::ConstView(), targets});
        for (std::size_t t = 0; t < 2; ++t) {
          PlainRing::Pair wanted = ring_.inner_product(c, plain[t]);
          if (adds > 0)
            wanted.c0 =
                ring_.sum(wanted.c0, ring_.times_special(PlainRing::first(add0, q, 0), p_size()));
          if (adds > 1)
            wanted.c1 =
                ring_.sum(wanted.c1, ring_.times_special(PlainRing::first(add1, q, 0), p_size()));
          expect_pair(out[2 * t], out[2 * t + 1],
                      {ring_.rotated(ring_.scale_down(wanted.c0, keep), g[t]),
                       ring_.rotated(ring_.scale_down(wanted.c1, keep), g[t])});
        }
      }
}

TEST_P(DeviceFused, HoistedSums) {
  const PlainRing::Key plain[] = {key(), key()};
  const KeyOnDevice keys[] = {{on(), plain[0]}, {on(), plain[1]}};
  const u64 g[] = {1, 5, 2 * n() - 1};
  const device::HoistedSums::Rotation rotations[] = {
      {nullptr, 1}, {&keys[0].key, g[1]}, {&keys[1].key, g[2]}};
  for (std::size_t q = 1; q <= q_size(); ++q) {
    const PlainPoly c0 = source_.poly(q, 0), c1 = source_.poly(q, 0);
    std::vector<PlainRing::Pair> rotated = {
        {ring_.times_special(c0, p_size()), ring_.times_special(c1, p_size())}};
    for (std::size_t r = 0; r < 2; ++r) {
      PlainRing::Pair x = ring_.inner_product(c1, plain[r]);
      x.c0 = ring_.sum(x.c0, rotated[0].c0);
      rotated.push_back({ring_.rotated(x.c0, g[r + 1]), ring_.rotated(x.c1, g[r + 1])});
    }
    // Factors of n values and of few.
    std::vector<PlainPoly> whole;
    std::vector<OnDevice> factors;
    for (const std::size_t size : {n(), std::size_t{4}, n() / 2}) {
      PlainPoly kept = source_.poly(q, p_size());
      for (auto* limbs : {&kept.q, &kept.p})
        for (Limb& limb : *limbs) limb.resize(size);
      factors.emplace_back(on(), kept);
      whole.push_back(ring_.each(kept, [&](const Limb& limb, u64) {
        Limb out;
        for (const u64 value : limb) out.insert(out.end(), n() / size, value);
        return out;
      }));
    }
    const std::vector<std::vector<std::size_t>> shapes[] = {
        {{0}}, {{1}}, {{2, 0, 1}, {1, 1}, {0, 2}}};
    for (const auto& shape : shapes) {
      std::vector<OnDevice> out;
      std::vector<device::HoistedSums::Sum> sums;
      for (std::size_t s = 0; s < 2 * shape.size(); ++s) out.emplace_back(on(), n(), q, p_size());
      for (std::size_t s = 0; s < shape.size(); ++s) {
        sums.push_back({{out[2 * s], out[2 * s + 1]}, {}});
        for (std::size_t t = 0; t < shape[s].size(); ++t)
          sums.back().terms.push_back({shape[s][t], factors[(s + t) % 3]});
      }
      on().hoisted_sums({{OnDevice(on(), c0), OnDevice(on(), c1)}, rotations, sums});
      for (std::size_t s = 0; s < shape.size(); ++s) {
        PlainRing::Pair wanted{ring_.zero(q, p_size()), ring_.zero(q, p_size())};
        for (std::size_t t = 0; t < shape[s].size(); ++t) {
          const PlainRing::Pair& x = rotated[shape[s][t]];
          const PlainPoly& factor = whole[(s + t) % 3];
          wanted.c0 = ring_.sum(wanted.c0, ring_.product(factor, x.c0));
          wanted.c1 = ring_.sum(wanted.c1, ring_.product(factor, x.c1));
        }
        expect_pair(out[2 * s], out[2 * s + 1], wanted);
      }
    }
  }
}

TEST_P(DeviceFused, RotationsModuloQP) {
  const PlainRing::Key plain = key();
  const KeyOnDevice on_device(on(), plain);
  for (std::size_t q = 1; q <= q_size(); ++q)
    for (const u64 g : {u64{5}, 2 * n() - 1}) {
      const PlainPoly c0 = source_.poly(q, p_size()), c1 = source_.poly(q, 0);
      PlainRing::Pair wanted = ring_.inner_product(c1, plain);
      wanted = {ring_.rotated(ring_.sum(wanted.c0, c0), g), ring_.rotated(wanted.c1, g)};
      const OnDevice d0(on(), c0), d1(on(), c1);
      OnDevice out0(on(), n(), q, p_size()), out1(on(), n(), q, p_size());
      on().rotate_mod_qp({d0, d1, &on_device.key, g, {out0, out1}, false});
      expect_pair(out0, out1, wanted);
      on().rotate_mod_qp({d0, d1, &on_device.key, g, {out0, out1}, true});
      expect_pair(out0, out1, {ring_.sum(wanted.c0, wanted.c0), ring_.sum(wanted.c1, wanted.c1)});
    }
}

BLINDTUNER_FOR_EACH_DEVICE(DeviceFused, kSmallest, kSmall, kTwoChunks);

class DeviceComponentMaps : public DeviceTest {};

TEST_P(DeviceComponentMaps, AreKeySwitchesOfComponents) {
  for (const std::size_t width : {4, 8})
    for (const bool reversed : {false, true})
      for (const u64 g : {u64{1}, u64{5}, 1 + n() / width}) {
        const std::size_t q = std::min<std::size_t>(q_size(), 2), p = p_size();
        const PlainRing::Key plain = source_.key(q, p, std::vector<std::size_t>(width, q));
        const KeyOnDevice key(on(), plain);
        const std::size_t count = g == 5 ? 6 : 1;  // a batch and a half
        std::vector<PlainRing::Pair> in;
        std::vector<OnDevice> polynomials, results;
        std::vector<device::ConstPair> from;
        std::vector<device::Pair> to;
        for (std::size_t s = 0; s < count; ++s) {
          const Fill fill = s == 1 ? Fill::kLargest : Fill::kRandom;
          in.push_back({source_.poly(q, 0, fill), source_.poly(q, 0, fill)});
          for (const PlainPoly* x : {&in.back().c0, &in.back().c1}) {
            polynomials.emplace_back(on(), *x);
            results.emplace_back(on(), n(), q, std::size_t{0});
          }
        }
        for (std::size_t s = 0; s < count; ++s) {
          from.push_back({polynomials[2 * s], polynomials[2 * s + 1]});
          to.push_back({results[2 * s], results[2 * s + 1]});
        }
        on().component_maps({{width, g, reversed}, &key.key, from, to});
        for (std::size_t s = 0; s < count; ++s) {
          PlainRing::Pair sum{ring_.zero(q, p), ring_.zero(q, p)};
          for (std::size_t j = 0; j < width; ++j) {
            PlainPoly component = in[s].c1;  // y_j(Y)
            for (Limb& limb : component.q)
              for (std::size_t i = 0; i < n(); ++i) limb[i] = i % width == 0 ? limb[i + j] : 0;
            component = ring_.moved(component, [g](std::size_t i) { return i * g; });
            const PlainPoly x = ring_.transformed(ring_.mod_up(component, 0, q, q, p));
            sum.c0 = ring_.sum(sum.c0, ring_.product(x, plain.b[j]));
            sum.c1 = ring_.sum(sum.c1, ring_.product(x, plain.a[j]));
          }
          const PlainPoly c0 = ring_.moved(in[s].c0, [&](std::size_t i) {
            const std::size_t j = i % width, y = i / width;
            return (y * g + (reversed && j != 0 ? g - 1 : 0)) * width + j;
          });
          EXPECT_EQ(results[2 * s].plain(),
                    ring_.sum(ring_.scale_down_coefficients(ring_.coefficients(sum.c0), q), c0));
          EXPECT_EQ(results[2 * s + 1].plain(),
                    ring_.scale_down_coefficients(ring_.coefficients(sum.c1), q));
        }
      }
}

BLINDTUNER_FOR_EACH_DEVICE(DeviceComponentMaps, kSmall, (RingCase{"1024", 10, {50, 42}, {49, 49}}));

}  // namespace
}  // namespace blindtuner
