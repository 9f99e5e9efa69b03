// Micro-benchmarks of every kernel of every instruction set that this processor has, on one thread.
//
//   bench_kernels --benchmark_filter='avx512ifma/.*/65536'
//
// Names are set/kernel/n[/shape]. items_per_second counts coefficients (of the output), so that
// figures compare across sizes. "cold" transforms go round tables of 40 primes, more than the
// caches hold, as a pass over all limbs of a polynomial does.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "kernels/api.h"
#include "math/primes.h"

namespace {

using namespace blindtuner;
using namespace blindtuner::kernels;
using namespace blindtuner::math;
using benchmark::State;

constexpr std::size_t kSizes[] = {8192, 65536};

Buffer random_limb(std::size_t n, u64 bound) {
  static std::mt19937_64 random(1);
  Buffer limb(n);
  for (std::size_t i = 0; i < n; ++i) limb.data()[i] = random() % bound;
  return limb;
}

struct Limbs {
  std::vector<Buffer> buffers;
  std::vector<const u64*> in;
  std::vector<u64*> out;
  Limbs(std::size_t count, std::size_t n, u64 bound) {
    for (std::size_t i = 0; i < count; ++i) {
      buffers.push_back(random_limb(n, bound));
      in.push_back(buffers.back().data());
      out.push_back(buffers.back().data());
    }
  }
};

const std::vector<u64>& primes() {
  static const std::vector<u64> list = ntt_primes(50, 1 << 17, 64);
  return list;
}

const NttTable& table(int log_n, std::size_t index) {
  static std::vector<std::unique_ptr<NttTable>> tables[18];
  auto& list = tables[log_n];
  while (list.size() <= index)
    list.push_back(std::make_unique<NttTable>(log_n, primes()[list.size()]));
  return *list[index];
}

void finish(State& state, std::size_t coefficients) {
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(coefficients));
}

std::string shape_name(std::size_t a, const char* between, std::size_t b) {
  return std::string("/").append(std::to_string(a)).append(between).append(std::to_string(b));
}

template <typename F>
void add_case(const LimbKernels& k, const char* kernel, std::size_t n, const std::string& shape,
              F run) {
  std::string name(k.name);
  name.append("/").append(kernel).append("/").append(std::to_string(n)).append(shape);
  benchmark::RegisterBenchmark(name.c_str(), run)->Unit(benchmark::kMicrosecond);
}

void add_transforms(const LimbKernels& k, std::size_t n) {
  const int log_n = static_cast<int>(std::bit_width(n)) - 1;
  for (const bool forward : {true, false})
    for (const std::size_t count : {std::size_t{1}, std::size_t{40}}) {
      if (count > 1 && n < 65536) continue;
      const auto transform = forward ? k.ntt_forward : k.ntt_inverse;
      add_case(k, forward ? "ntt_forward" : "ntt_inverse", n, count > 1 ? "/cold" : "",
               [=](State& state) {
                 for (std::size_t i = 0; i < count; ++i) table(log_n, i);
                 Limbs x(count, n, primes()[count - 1]);
                 std::size_t i = 0;
                 for (auto _ : state) {
                   transform(x.out[i], table(log_n, i));
                   i = i + 1 == count ? 0 : i + 1;
                 }
                 finish(state, n);
               });
    }
}

void add_pointwise(const LimbKernels& k, std::size_t n) {
  const Modulus q(primes()[0]);
  const auto binary = [&](const char* name, auto kernel) {
    add_case(k, name, n, "", [=](State& state) {
      Limbs x(3, n, q.q);
      for (auto _ : state) kernel(x.out[0], x.in[1], x.in[2], n, q);
      finish(state, n);
    });
  };
  const u64 w = q.q / 3;
  binary("add", k.add);
  binary("sub", k.sub);
  binary("mul", k.mul);
  binary("mul_add", k.mul_add);
  binary("neg", [f = k.neg](u64* o, const u64* a, const u64*, std::size_t m, const Modulus& p) {
    f(o, a, m, p);
  });
  binary("mul_scalar", [f = k.mul_scalar, w](u64* o, const u64* a, const u64*, std::size_t m,
                                             const Modulus& p) { f(o, a, w, m, p); });
  binary("mul_scalar_add",
         [f = k.mul_scalar_add, w](u64* o, const u64* a, const u64*, std::size_t m,
                                   const Modulus& p) { f(o, a, w, m, p); });
  binary("sub_mul_scalar",
         [f = k.sub_mul_scalar, w](u64* o, const u64* a, const u64* b, std::size_t m,
                                   const Modulus& p) { f(o, a, b, w, m, p); });
  binary("reduce", [f = k.reduce](u64* o, const u64* a, const u64*, std::size_t m,
                                  const Modulus& p) { f(o, a, m, p); });
  add_case(k, "from_signed", n, "", [f = k.from_signed, n, q](State& state) {
    Limbs x(2, n, u64{1} << 50);
    const auto* values = reinterpret_cast<const std::int64_t*>(x.in[1]);
    for (auto _ : state) f(x.out[0], values, n, q);
    finish(state, n);
  });
  add_case(k, "gather", n, "", [f = k.gather, n](State& state) {
    Limbs x(2, n, u64{1} << 50);
    // The automorphism X -> X^5 of a transform in bit-reversed order.
    const int log_n = static_cast<int>(std::bit_width(n)) - 1;
    std::vector<std::uint32_t> index(n);
    const auto reversed = [log_n](std::size_t i) {
      std::size_t r = 0;
      for (int b = 0; b < log_n; ++b) r |= ((i >> b) & 1) << (log_n - 1 - b);
      return r;
    };
    for (std::size_t i = 0; i < n; ++i) {
      const std::size_t exponent = (2 * reversed(i) + 1) * 5 % (2 * n);
      index[i] = static_cast<std::uint32_t>(reversed((exponent - 1) / 2));
    }
    for (auto _ : state) f(x.out[0], x.in[1], index.data(), n);
    finish(state, n);
  });
}

void add_sums(const LimbKernels& k, std::size_t n) {
  const Modulus q(primes()[0]);
  for (const std::size_t count : {4, 12, 32}) {
    const std::string shape = std::string("/").append(std::to_string(count));
    add_case(k, "inner_product", n, shape, [=](State& state) {
      Limbs a(count, n, q.q), b(count, n, q.q), out(1, n, q.q);
      for (auto _ : state) k.inner_product(out.out[0], a.in.data(), b.in.data(), count, n, q);
      finish(state, n);
    });
    add_case(k, "inner_product2", n, shape, [=](State& state) {
      Limbs a(count, n, q.q), b(2 * count, n, q.q), out(2, n, q.q);
      for (auto _ : state)
        k.inner_product2(out.out[0], out.out[1], a.in.data(), b.in.data(), b.in.data() + count,
                         count, n, q);
      finish(state, n);
    });
  }
  for (const std::size_t count : {8, 128}) {
    if (n > 8192 && count > 8) continue;
    add_case(k, "tensor_sum", n, std::string("/").append(std::to_string(count)), [=](State& state) {
      Limbs a(2 * count, n, q.q), b(2 * count, n, q.q), out(3, n, q.q);
      for (auto _ : state)
        k.tensor_sum(out.out[0], out.out[1], out.out[2], a.in.data(), a.in.data() + count,
                     b.in.data(), b.in.data() + count, count, n, q);
      finish(state, n);
    });
  }
  for (const std::size_t width : {4, 8, 32})
    for (const std::size_t count : {8, 32}) {
      if (n > 8192) continue;
      add_case(k, "block_product", n, shape_name(width, "x", count), [=](State& state) {
        Limbs m(count, n, q.q), out(1, n, q.q);
        const Buffer a = random_limb(count * n / width, q.q);
        for (auto _ : state) k.block_product(out.out[0], a.data(), m.in.data(), count, width, n, q);
        finish(state, n);
      });
    }
  if (n <= 8192)
    add_case(k, "block_products", n, "/32x32 of 4", [=](State& state) {
      const std::size_t width = 32, count = 32, batch = 4;
      Limbs m(count, n, q.q), out(batch, n, q.q), a(batch, count * n / width, q.q);
      for (auto _ : state)
        k.block_products(out.out.data(), a.in.data(), batch, m.in.data(), count, width, n, q);
      finish(state, n * batch);
    });
}

void add_base_conversions(const LimbKernels& k, std::size_t n) {
  struct Shape {
    std::size_t sources, targets;
  };
  for (const Shape s : {Shape{1, 3}, {2, 2}, {8, 8}, {12, 38}})
    add_case(k, "base_convert", n, shape_name(s.sources, "to", s.targets), [=](State& state) {
      const auto middle = primes().begin() + static_cast<std::ptrdiff_t>(s.sources);
      const BaseConversion conversion({primes().begin(), middle},
                                      {middle, middle + static_cast<std::ptrdiff_t>(s.targets)});
      Limbs x(s.sources, n, primes()[s.sources]), out(s.targets, n, 2);
      for (auto _ : state) k.base_convert(out.out.data(), x.in.data(), n, conversion, false);
      finish(state, n * s.targets);
    });
}

}  // namespace

int main(int argc, char** argv) {
  for (const LimbKernels* k : available_kernels())
    for (const std::size_t n : kSizes) {
      add_transforms(*k, n);
      add_pointwise(*k, n);
      add_sums(*k, n);
      add_base_conversions(*k, n);
    }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
