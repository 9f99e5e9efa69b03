// Measures the unit costs, on keys and ciphertexts of noise: no secret is needed to know how long
// an operation takes.
#include <algorithm>
#include <functional>
#include <utility>

#include "base/buffer.h"
#include "base/parallel.h"
#include "base/stopwatch.h"
#include "ckks/linear_transform.h"
#include "io/bit_packing.h"
#include "io/format.h"
#include "linalg/component_map.h"
#include "linalg/encrypted_dataset.h"
#include "plan/unit_costs.h"
#include "ring/sampling.h"
#include "ring/secret_sampling.h"
#include "rlwe/key_switch.h"

namespace blindtuner::plan {
using namespace io;
namespace {

// The median of a few runs of f, after one that is not counted.
double median_seconds(const std::function<void()>& f, int runs = 3) {
  f();
  std::vector<double> times;
  for (int i = 0; i < runs; ++i) {
    const Stopwatch watch;
    f();
    times.push_back(watch.seconds());
  }
  std::nth_element(times.begin(), times.begin() + runs / 2, times.end());
  return times[static_cast<std::size_t>(runs / 2)];
}

// Seconds an operation while every thread does one of `count`.
double each_of(std::size_t count, const std::function<void(std::size_t)>& f) {
  return median_seconds([&] { parallel_for(count, f); }) / static_cast<double>(count);
}

class Calibration {
 public:
  explicit Calibration(const ParametersPtr& parameters) : p_(*parameters) {
    costs_.machine = "this machine";
    costs_.parameters = p_.literal().name;
    costs_.threads = max_threads();
  }

  UnitCosts run() {
    measure_fresh_memory();
    measure_big_ring();
    measure_small_ring();
    measure_component_maps();
    measure_owner();
    measure_files();
    return std::move(costs_);
  }

 private:
  Poly noise(const Ring& ring, std::size_t q_count, std::size_t p_count) {
    return sample_uniform(ring, q_count, p_count, Seed{}, stream_++);
  }
  Ciphertext ciphertext(const Ring& ring, std::size_t q_count, double scale = 1) {
    return {noise(ring, q_count, 0), noise(ring, q_count, 0), scale};
  }
  KeySwitchKey key(const Ring& ring, const KeyShape& shape) {
    KeySwitchKey out;
    out.shape = shape;
    for (std::size_t d = 0; d < shape.digits(); ++d)
      out.b.push_back(noise(ring, shape.q_count, shape.p_count));
    out.expand();
    return out;
  }

  // A block from the system against the same block from the pool: a quarter of a gigabyte, as a
  // virtual machine's host gives the first megabytes more readily than the rest.
  void measure_fresh_memory() {
    constexpr std::size_t kWords = std::size_t{1} << 25;
    const auto clear_a_block = [] {
      const Stopwatch watch;
      Buffer block(kWords);
      block.zero();
      return watch.seconds();
    };
    release_pooled_memory();
    const double fresh = clear_a_block(), kept = clear_a_block();
    costs_.byte_fresh = std::max(0.0, fresh - kept) / (kWords * sizeof(u64));
  }

  // Both sides of every step in the number of digits, and the ends.
  std::vector<std::size_t> knots() const {
    std::vector<std::size_t> out = {2, 6};
    for (const std::size_t end : p_.literal().digit_ends) {
      out.push_back(end);
      if (end < p_.top()) out.push_back(end + 1);
    }
    return out;
  }

  void measure_big_ring() {
    const Ring& ring = p_.ring();
    const std::size_t special = ring.p_size();
    constexpr std::size_t kBabies = 4;
    GaloisKeys keys;
    for (std::size_t step = 1; step <= kBabies; ++step)
      keys.emplace(rotation_galois(static_cast<std::int64_t>(step), ring.n()),
                   key(ring, {p_.top(), special, p_.digit_ends(p_.top())}));
    const KeySwitchKey& k = keys.begin()->second;
    measure_diagonal(ring);
    const Encoder encoder(p_.literal().log_n);
    // Constant diagonals at these shifts, and at 0.
    const auto linear_map = [&](std::initializer_list<std::size_t> shifts, std::size_t q) {
      DiagonalMatrix matrix = DiagonalMatrix::identity(encoder.slots());
      for (const std::size_t shift : shifts) matrix.diagonals[shift] = {Complex(1.0)};
      return LinearTransform(ring, encoder, matrix, 1, kBabies, q, special, 1.0);
    };
    for (const std::size_t q : knots()) {
      const Ciphertext c = ciphertext(ring, q);
      const Poly extended = noise(ring, q, special);
      auto& by_limbs = costs_.by_limbs;
      const double diagonal = static_cast<double>(extended.limbs()) * costs_.diagonal;
      by_limbs[Work::kKeySwitch][q] = median_seconds([&] { key_switch(c.c1, k); });
      // It consumes what it is given: the copy is taken off again.
      const double copying = median_seconds([&] { extended.copy(); });
      const auto division = [&](std::size_t keep) {
        return std::max(0.0, median_seconds([&] { scale_down(extended.copy(), keep); }) - copying);
      };
      by_limbs[Work::kScaleDown][q] = division(q);
      // Maps that differ by baby steps or by a giant step, less what is measured by itself.
      const double ends = 2 * division(q - 1);
      const auto inside = [&](const LinearTransform& map, double diagonals) {
        return std::max(0.0,
                        median_seconds([&] { map.apply(c, keys); }) - ends - diagonals * diagonal);
      };
      const double one = inside(linear_map({1}, q), 2), three = inside(linear_map({1, 2, 3}, q), 4);
      const double product = std::max(0.0, three - one) / 2;
      by_limbs[Work::kKeyProduct][q] = product;
      by_limbs[Work::kDecompose][q] = std::max(0.0, one - product);
      by_limbs[Work::kGiantStep][q] =
          std::max(0.0, inside(linear_map({kBabies}, q), 2) - by_limbs[Work::kScaleDown][q]);
      by_limbs[Work::kTensor][q] = median_seconds([&] { tensor(c, c); });
      const double copying_q = median_seconds([&] { c.c0.copy(); });
      by_limbs[Work::kRescale][q - 1] =
          std::max(0.0, median_seconds([&] { scale_down(c.c0.copy(), q - 1); }) - copying_q);
    }
    Poly x = noise(ring, p_.top(), special), y = noise(ring, p_.top(), special);
    const double limbs = static_cast<double>(x.limbs());
    costs_.pass = median_seconds([&] { add_inplace(x, y); }) / limbs;
    costs_.transform = median_seconds([&] {
                         to_coefficients_inplace(x);
                         to_ntt_inplace(x);
                       }) /
                       (2 * limbs);
    const std::vector<Complex> slots(encoder.slots(), Complex(0.5));
    costs_.encoding = median_seconds([&] { encoder.encode(ring, slots, 0x1p40, p_.top()); }, 1);
    costs_.uniform_limb = median_seconds([&] { noise(ring, p_.top(), special); }, 1) / limbs;
  }

  // A linear map's sums of nine diagonals against those of one, of what needs no key.
  void measure_diagonal(const Ring& ring) {
    constexpr std::size_t kMore = 8;
    const std::size_t special = ring.p_size();
    std::vector<Poly> diagonals;
    for (std::size_t i = 0; i <= kMore; ++i) diagonals.push_back(noise(ring, p_.top(), special));
    const Ciphertext c = ciphertext(ring, p_.top());
    Poly c0(ring, p_.top(), special, Domain::kNtt), c1(ring, p_.top(), special, Domain::kNtt);
    const device::HoistedSums::Rotation none = {nullptr, 1};
    const auto sum_of = [&](std::size_t count) {
      device::HoistedSums::Sum sum{{c0.view(), c1.view()}, {}};
      for (std::size_t i = 0; i < count; ++i)
        sum.terms.push_back({0, std::as_const(diagonals[i]).view()});
      return median_seconds([&] {
        ring.arithmetic().hoisted_sums({c.view(), std::span(&none, 1), std::span(&sum, 1)});
      });
    };
    costs_.diagonal =
        std::max(0.0, sum_of(1 + kMore) - sum_of(1)) / static_cast<double>(c0.limbs() * kMore);
  }

  void measure_small_ring() {
    const Ring& ring = p_.small_ring();
    const std::size_t special = p_.small_special();
    const u64 g = 5;
    GaloisKeys galois;
    galois.emplace(g, key(ring, {2, special, {2}}));
    const KeySwitchKey relinearisation = key(ring, {2, special, {2}});
    const Poly shift = monomial(ring, 1, 2, 0);
    constexpr std::size_t kCount = 64;
    // A node of a tree of automorphisms: with the sums and the product by a monomial.
    const auto node = [&](std::size_t q_count) {
      std::vector<Ciphertext> c;
      for (std::size_t i = 0; i < kCount; ++i) c.push_back(ciphertext(ring, q_count));
      return each_of(kCount, [&](std::size_t i) {
        const Ciphertext mapped = apply_automorphism(c[i], g, galois);
        Ciphertext other = c[i].copy();
        sub_inplace(other, mapped);
        mul_monomial_inplace(other, shift);
        add_inplace(c[i], mapped);
      });
    };
    costs_.score_automorphism = node(1);
    costs_.error_automorphism = node(2);

    const Ciphertext a = ciphertext(ring, 2), b = ciphertext(ring, 2);
    const double tensors = each_of(kCount, [&](std::size_t) { tensor(a, b); });
    const auto relinearised = [&](auto&& finish) {
      return std::max(0.0, each_of(kCount, [&](std::size_t) { finish(tensor(a, b)); }) - tensors);
    };
    costs_.relinearisation = relinearised([&](const Tensor& t) {
      Ciphertext c = relinearise(t, relinearisation);
      to_coefficients_inplace(c.c0);
      to_coefficients_inplace(c.c1);
    });
    costs_.score_relinearisation =
        relinearised([&](const Tensor& t) { relinearise_rescale(t, relinearisation); });

    SeededCiphertext seeded;
    seeded.c0 = noise(ring, 2, 0);
    std::vector<Ciphertext> expanded(4 * kCount);
    costs_.expansion = each_of(4 * kCount, [&](std::size_t i) { expanded[i] = seeded.expand(); });
    measure_tensor_terms(ring, expanded);
  }

  // Eight outputs share what is loaded, as in an encrypted product.
  void measure_tensor_terms(const Ring& ring, const std::vector<Ciphertext>& c) {
    constexpr std::size_t kOutputs = 8, kTerms = 32;
    std::vector<Tensor> sums;
    for (std::size_t i = 0; i < kOutputs; ++i)
      sums.push_back({Poly::zero(ring, 2, 0, Domain::kNtt), Poly::zero(ring, 2, 0, Domain::kNtt),
                      Poly::zero(ring, 2, 0, Domain::kNtt)});
    std::vector<TensorSum> jobs;
    for (std::size_t out = 0; out < kOutputs; ++out) {
      TensorSum job{&sums[out], {}, {}};
      for (std::size_t t = 0; t < kTerms; ++t) {
        job.left.push_back(&c[t]);
        job.right.push_back(&c[(out + 1) * kTerms % c.size() + t % kTerms]);
      }
      jobs.push_back(std::move(job));
    }
    costs_.tensor_term =
        median_seconds([&] { add_tensor_sums_inplace(jobs); }) / (kOutputs * kTerms);
  }

  void measure_component_maps() {
    const Ring& ring = p_.small_ring();
    constexpr std::size_t kWidths[] = {8, 32};
    double one[2], batch[2];
    for (int i = 0; i < 2; ++i) {
      const std::size_t width = std::min(kWidths[i], ring.n() / 16);
      ComponentMapKey k;
      k.map = {width, 5, false};
      k.q_count = 2;
      k.p_count = p_.small_special();
      for (std::size_t j = 0; j < width; ++j) k.b.push_back(noise(ring, k.q_count, k.p_count));
      k.expand();
      std::vector<Ciphertext> inputs;
      const std::size_t batches = 4 * static_cast<std::size_t>(costs_.threads);
      for (std::size_t c = 0; c < batches * device::kComponentMapBatch; ++c) {
        inputs.push_back(ciphertext(ring, 2));
        for (Poly* part : {&inputs.back().c0, &inputs.back().c1}) to_coefficients_inplace(*part);
      }
      std::vector<const Ciphertext*> all;
      for (const Ciphertext& c : inputs) all.push_back(&c);
      one[i] = median_seconds([&] { apply_component_map(*all[0], k); });
      // `batches` of them on `threads` threads.
      batch[i] = median_seconds([&] { apply_component_map(all, k); }) * costs_.threads /
                 static_cast<double>(batches);
    }
    const auto line = [&](const double(&at)[2]) {
      const double each = (at[1] - at[0]) / static_cast<double>(kWidths[1] - kWidths[0]);
      return WidthCost{at[0] - each * static_cast<double>(kWidths[0]), each};
    };
    costs_.map_one = line(one);
    costs_.map_batch = line(batch);
  }

  void measure_owner() {
    const Ring& ring = p_.small_ring();
    constexpr std::size_t kCount = 64;
    const std::vector<double> x(ring.n(), 0.5);
    const Poly secret = noise(ring, 2, 0);
    costs_.encryption = each_of(kCount, [&](std::size_t i) {
      Poly message = encode_coefficients(ring, x, kFeatureScale, 2);
      Prng prng = Prng::for_secrets();
      const SecretCoefficients error = sample_gaussian(ring.n(), prng);
      const Poly masked = mul(sample_uniform(ring, 2, 0, Seed{}, i), secret);
      add_inplace(message, from_signed(ring, error.span(), 2, 0, true));
      sub_inplace(message, masked);
    });
    Prng prng = Prng::for_secrets();
    costs_.gaussian = median_seconds([&] { sample_gaussian(p_.ring().n(), prng); }, 1) /
                      static_cast<double>(p_.ring().n());
  }

  void measure_files() {
    constexpr std::size_t kFrames = 8;
    const Ring& ring = p_.small_ring();
    const Poly x = noise(ring, 1, 0);
    const std::size_t limb = packed_bytes(ring.n(), ring.q(0).bits);
    const std::size_t limbs = kFrameBytes / limb + 1;
    std::vector<std::vector<std::uint8_t>> frames(kFrames, std::vector<std::uint8_t>(limbs * limb));
    const FrameDigest header{};
    const double bytes = static_cast<double>(kFrames * limbs * limb);
    const auto each_limb = [&](auto&& f) {
      parallel_for(kFrames, [&](std::size_t i) {
        for (std::size_t l = 0; l < limbs; ++l) f(std::span(frames[i]).subspan(l * limb, limb));
        frame_digest(header.data(), i, frames[i].data(), frames[i].size());
      });
    };
    const Residues values(x);
    costs_.byte_written = median_seconds([&] {
                            each_limb([&](std::span<std::uint8_t> out) {
                              pack_bits(values[0], ring.q(0).bits, out);
                            });
                          }) /
                          bytes;
    costs_.byte_read =
        median_seconds([&] {
          each_limb([&](std::span<std::uint8_t> in) {
            Buffer to(ring.n());
            (void)unpack_bits(in, ring.q(0).bits, ring.q(0).q, {to.data(), ring.n()});
          });
        }) /
        bytes;
  }

  const Parameters& p_;
  UnitCosts costs_;
  u64 stream_ = 0;
};

}  // namespace

UnitCosts measure_unit_costs(const ParametersPtr& parameters) {
  return Calibration(parameters).run();
}

}  // namespace blindtuner::plan
