#include "kernels_fixture.h"

namespace blindtuner::kernels {
namespace {

class BaseConvertTest : public KernelsTest {};

std::vector<Modulus> moduli(const std::vector<u64>& primes) {
  return std::vector<Modulus>(primes.begin(), primes.end());
}

std::vector<Buffer> convert(const LimbKernels& kernels, const std::vector<Buffer>& x, std::size_t n,
                            const BaseConversion& conversion, bool streaming = false) {
  std::vector<Buffer> out;
  std::vector<u64*> targets;
  std::vector<const u64*> sources;
  for (const Buffer& limb : x) sources.push_back(limb.data());
  for (std::size_t t = 0; t < conversion.to.size(); ++t) {
    out.emplace_back(n);
    targets.push_back(out.back().data());
  }
  kernels.base_convert(targets.data(), sources.data(), n, conversion, streaming);
  return out;
}

TEST_P(BaseConvertTest, MatchesTheReference) {
  struct Bases {
    std::size_t sources, targets;
  };
  for (const Bases shape :
       {Bases{1, 1}, {1, 38}, {2, 5}, {3, 2}, {8, 9}, {12, 38}, {15, 3}, {16, 3}, {17, 4}, {32, 7}})
    for (int bits : {50, 49, 40, 36, 30}) {
      const std::vector<u64> primes = ntt_primes(bits, 2048, shape.sources + shape.targets);
      const auto split = primes.begin() + static_cast<std::ptrdiff_t>(shape.sources);
      const BaseConversion conversion(moduli({primes.begin(), split}),
                                      moduli({split, primes.end()}));
      for (std::size_t n : {16, 32, 48, 256, 272, 2048})
        for (Fill fill : kFills) {
          std::vector<Buffer> x;
          for (std::size_t i = 0; i < shape.sources; ++i)
            x.push_back(make_values(n, primes[i], fill, i));
          const auto wanted = convert(*reference_, x, n, conversion);
          for (const bool streaming : {false, true}) {
            const auto out = convert(*kernels_, x, n, conversion, streaming);
            for (std::size_t t = 0; t < shape.targets; ++t)
              ASSERT_TRUE(same(out[t], wanted[t]))
                  << shape.sources << " -> " << shape.targets << ", bits " << bits << ", target "
                  << t << (streaming ? ", streaming" : "");
          }
        }
    }
}

TEST_P(BaseConvertTest, MatchesTheReferenceAtFullSize) {
  const std::vector<u64> primes = ntt_primes(50, 1 << 17, 10);
  const BaseConversion conversion(moduli({primes.begin(), primes.begin() + 4}),
                                  moduli({primes.begin() + 4, primes.end()}));
  std::vector<Buffer> x;
  for (std::size_t i = 0; i < 4; ++i) x.push_back(make_values(65536, primes[i], Fill::kRandom, i));
  const auto wanted = convert(*reference_, x, 65536, conversion);
  const auto out = convert(*kernels_, x, 65536, conversion);
  for (std::size_t t = 0; t < 6; ++t) ASSERT_TRUE(same(out[t], wanted[t]));
}

struct Vector {
  std::vector<u64> from, to;
  std::vector<std::vector<u64>> source, target;
};

TEST_P(BaseConvertTest, IsExact) {
  const std::vector<Vector> vectors = {
#include "base_convert_vectors.inc"
  };
  for (const Vector& vector : vectors) {
    const BaseConversion conversion(moduli(vector.from), moduli(vector.to));
    std::vector<Buffer> x;
    for (const auto& limb : vector.source) {
      x.emplace_back(limb.size());
      std::copy(limb.begin(), limb.end(), x.back().data());
    }
    const auto out = convert(*kernels_, x, 16, conversion);
    for (std::size_t t = 0; t < vector.to.size(); ++t)
      for (std::size_t c = 0; c < 16; ++c)
        ASSERT_EQ(out[t].data()[c], vector.target[t][c])
            << vector.from.size() << " sources, target " << t << ", coefficient " << c;
  }
}

BLINDTUNER_FOR_EACH_KERNEL_SET(BaseConvertTest);

TEST(BaseConversion, RefusesTooManySources) {
  const auto primes = ntt_primes(50, 2048, 34);
  EXPECT_THROW(BaseConversion(moduli({primes.begin(), primes.end() - 1}), moduli({primes.back()})),
               ContractError);
  EXPECT_THROW(BaseConversion({}, moduli({primes.back()})), ContractError);
}

}  // namespace
}  // namespace blindtuner::kernels
