#include "ckks/linear_transform.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "base/parallel.h"
#include "ring/work.h"

namespace blindtuner {
namespace {

const kernels::LimbKernels& k() { return kernels::active_kernels(); }

// The first levels of the forward transform, on a polynomial in X^(n / size): roots of the large
// table serve the subring, its transform is constant on blocks of n / size.
void subring_ntt(u64* x, std::size_t size, const kernels::NttTable& table) {
  const Modulus& q = table.modulus;
  for (std::size_t m = 1, half = size / 2; m < size; m *= 2, half /= 2)
    for (std::size_t i = 0; i < m; ++i)
      for (std::size_t j = 2 * i * half; j < (2 * i + 1) * half; ++j) {
        const u64 v =
            q.mul_shoup(x[j + half], table.roots.data()[m + i], table.roots_shoup.data()[m + i]);
        x[j + half] = q.sub(x[j], v);
        x[j] = q.add(x[j], v);
      }
}

// Words of a limb that are worked on at a time: the baby steps' share of them stays in the cache
// while every giant step uses it.
constexpr std::size_t kChunk = 4096;

// An automorphism by chunks. In the transform's order the top bits of a place tell the low bits of
// its root's exponent, so that a chunk of the image comes from one chunk.
class ChunkedAutomorphism {
 public:
  ChunkedAutomorphism(const std::uint32_t* index, std::size_t chunk)
      : index_(index), chunk_(chunk) {}
  /// Where the chunk lies that the one at `begin` comes from.
  std::size_t source(std::size_t begin) const { return index_[begin] / chunk_ * chunk_; }
  /// out: the image's chunk at `begin`; in: the chunk at source(begin).
  void apply(u64* out, const u64* in, std::size_t begin) const {
    std::uint32_t within[kChunk];
    const std::uint32_t mask = static_cast<std::uint32_t>(chunk_ - 1);
    for (std::size_t j = 0; j < chunk_; ++j) within[j] = index_[begin + j] & mask;
    k().gather(out, in, within, chunk_);
  }

 private:
  const std::uint32_t* index_;
  std::size_t chunk_;
};

// One of the rotations that all giant steps share.
struct BabyStep {
  std::size_t step;
  const KeySwitchKey* key;  // none for step 0
  ChunkedAutomorphism automorphism;
};

}  // namespace

DiagonalMatrix DiagonalMatrix::identity(std::size_t slots) {
  return {slots, 1, {{0, {Complex(1.0)}}}};
}

DiagonalMatrix DiagonalMatrix::operator*(const DiagonalMatrix& other) const {
  DiagonalMatrix out{slots, std::max(period, other.period), {}};
  for (const auto& [s, a] : diagonals)
    for (const auto& [t, b] : other.diagonals) {
      auto& d = out.diagonals[(s + t) % slots];
      d.resize(out.period);
      for (std::size_t j = 0; j < out.period; ++j)
        d[j] += a[j % period] * b[(j + s) % other.period];
    }
  return out;
}

DiagonalMatrix DiagonalMatrix::between_rotations(std::size_t in, std::size_t out_steps) const {
  DiagonalMatrix out{slots, period, {}};
  for (const auto& [s, d] : diagonals) {
    auto& rotated = out.diagonals[(s + out_steps + slots - in % slots) % slots];
    rotated.resize(period);
    for (std::size_t j = 0; j < period; ++j) rotated[j] = d[(j + out_steps) % period];
  }
  return out;
}

void DiagonalMatrix::scale(double factor) {
  for (auto& [s, d] : diagonals)
    for (Complex& value : d) value *= factor;
}

void DiagonalMatrix::drop_zeros() {
  std::erase_if(diagonals, [](const auto& entry) {
    return std::ranges::all_of(entry.second, [](Complex value) { return value == Complex(0); });
  });
}

TransformShape::TransformShape(const DiagonalMatrix& matrix, std::size_t unit_,
                               std::size_t baby_count_, std::size_t q_count_)
    : slots(matrix.slots),
      unit(unit_),
      baby_count(baby_count_),
      q_count(q_count_),
      period(matrix.period) {
  require(unit >= 1 && baby_count >= 1 && !matrix.diagonals.empty(), "a linear map without shifts");
  require(q_count >= 2, "a linear map consumes one level");
  for (const auto& [shift, diagonal] : matrix.diagonals) {
    require(shift % unit == 0, "a diagonal lies between the transform's units");
    const std::size_t index = shift / unit, giant = index / baby_count;
    if (giants.size() <= giant) giants.resize(giant + 1);
    giants[giant].push_back(index % baby_count);
  }
}

std::set<std::size_t> TransformShape::babies() const {
  std::set<std::size_t> used;
  for (const auto& giant : giants) used.insert(giant.begin(), giant.end());
  return used;
}

std::vector<std::size_t> TransformShape::rotations() const {
  std::set<std::size_t> steps;
  for (const std::size_t baby : babies()) steps.insert(baby * unit);
  if (giants.size() > 1) steps.insert(baby_count * unit % slots);
  steps.erase(0);
  return {steps.begin(), steps.end()};
}

LinearTransform::LinearTransform(const Ring& ring, const Encoder& encoder,
                                 const DiagonalMatrix& matrix, std::size_t unit,
                                 std::size_t baby_count, std::size_t q_count, std::size_t p_count,
                                 double scale_factor)
    : ring_(&ring),
      shape_(matrix, unit, baby_count, q_count),
      p_count_(p_count),
      scale_factor_(scale_factor),
      plaintexts_(shape_.giants.size()) {
  require(matrix.slots == ring.n() / 2 && matrix.slots == encoder.slots() &&
              matrix.slots % matrix.period == 0,
          "a linear map of other slots than the ring's");
  const std::size_t slots = matrix.slots, period = matrix.period, size = 2 * period;
  const std::size_t limbs = q_count + p_count;
  const double plain_scale = scale_factor * static_cast<double>(ring.q(q_count - 1).q);
  // In the order of their shifts, as the shape lists them.
  for (const auto& [shift, diagonal] : matrix.diagonals) {
    const std::size_t giant = shift / unit / baby_count;
    require(diagonal.size() == period, "a diagonal has `period` values");
    std::vector<Complex> values(period);
    const std::size_t back = giant * baby_count * unit % period;
    for (std::size_t j = 0; j < period; ++j) values[j] = diagonal[(j + period - back) % period];
    encoder.inverse_fft(values);
    std::vector<std::int64_t> coefficients(size);
    for (std::size_t j = 0; j < period; ++j) {
      require(std::max(std::abs(values[j].real()), std::abs(values[j].imag())) * plain_scale < 4e18,
              "a diagonal too large for its scale");
      coefficients[j] = std::llrint(values[j].real() * plain_scale);
      coefficients[j + period] = std::llrint(values[j].imag() * plain_scale);
    }
    Buffer plain(limbs * size);
    parallel_for(limbs, [&](std::size_t i) {
      const auto& table = i < q_count ? ring.q_table(i) : ring.p_table(i - q_count);
      u64* limb = plain.data() + i * size;
      for (std::size_t j = 0; j < size; ++j) limb[j] = table.modulus.reduce_signed(coefficients[j]);
      if (period == slots)
        k().ntt_forward(limb, table);
      else
        subring_ntt(limb, size, table);
    });
    plaintexts_[giant].push_back(std::move(plain));
  }
}

std::size_t LinearTransform::bytes() const {
  std::size_t words = 0;
  for (const auto& giant : plaintexts_)
    for (const Buffer& plain : giant) words += plain.size();
  return words * sizeof(u64);
}

const KeySwitchKey& LinearTransform::rotation_key(u64 g, const GaloisKeys& keys) const {
  const KeySwitchKey& key = find_galois_key(keys, g);
  require(key.shape.p_count == p_count_, "a rotation key of another shape");
  return key;
}

const u64* LinearTransform::diagonal(std::size_t giant, std::size_t place, std::size_t i,
                                     std::size_t begin, std::size_t count, u64* space) const {
  const std::size_t size = 2 * shape_.period, width = ring_->n() / size;
  const u64* values = plaintexts_[giant][place].data() + i * size;
  if (width == 1) return values + begin;
  for (std::size_t j = 0; j < count;) {
    const std::size_t at = begin + j, run = std::min(width - at % width, count - j);
    std::fill_n(space + j, run, values[at / width]);
    j += run;
  }
  return space;
}

void LinearTransform::count_giant_sums() const {
  const std::set<std::size_t> babies = shape_.babies();
  const std::size_t rotated = babies.size() - babies.count(0);
  if (rotated > 0) {
    const WorkScope work(Work::kKeyProduct, ring_->log_n(), shape_.q_count,
                         static_cast<double>(rotated));
  }
  std::size_t diagonals = 0;
  for (const auto& giant : shape_.giants) diagonals += giant.size();
  const WorkScope work(Work::kDiagonal, ring_->log_n(), 0,
                       static_cast<double>(diagonals * (shape_.q_count + p_count_)));
}

std::vector<LinearTransform::ExtendedPair> LinearTransform::giant_sums(
    const Ciphertext& x, const GaloisKeys& keys) const {
  const std::size_t n = ring_->n(), chunk = std::min(n, kChunk);
  const std::size_t q_count = shape_.q_count, limbs = q_count + p_count_;
  std::vector<BabyStep> babies;
  std::optional<Decomposition> digits;
  for (const std::size_t step : shape_.babies()) {
    if (step == 0) {
      babies.push_back({0, nullptr, {nullptr, chunk}});
      continue;
    }
    const u64 g = rotation_galois(static_cast<std::int64_t>(step * shape_.unit), n);
    const KeySwitchKey& key = rotation_key(g, keys);
    if (!digits) digits.emplace(x.c1, key.shape);
    digits->require_fits(key);
    babies.push_back({step, &key, {ring_->automorphism_index(g), chunk}});
  }
  count_giant_sums();

  std::vector<ExtendedPair> sums(shape_.giants.size());
  for (std::size_t g = 0; g < sums.size(); ++g)
    if (!shape_.giants[g].empty())
      sums[g] = {Poly(*ring_, q_count, p_count_, Domain::kNtt),
                 Poly(*ring_, q_count, p_count_, Domain::kNtt)};
  parallel_for(limbs, [&](std::size_t i) {
    const Modulus& q = i < q_count ? ring_->q(i) : ring_->p_table(i - q_count).modulus;
    const u64 special = i < q_count ? ring_->special_product(i, p_count_) : 0;
    Buffer space((3 * shape_.baby_count + 2) * chunk);
    u64* const expanded = space.data() + 2 * shape_.baby_count * chunk;
    u64* const unrotated = expanded + shape_.baby_count * chunk;
    const auto baby_chunk = [&](std::size_t step, std::size_t half) {
      return space.data() + (2 * step + half) * chunk;
    };
    std::vector<const u64*> plain(shape_.baby_count), c0(shape_.baby_count), c1(shape_.baby_count);
    std::optional<Decomposition::Limb> limb;
    if (digits) limb.emplace(*digits, i);
    for (std::size_t begin = 0; begin < n; begin += chunk) {
      for (const BabyStep& baby : babies) {
        u64 *const to0 = baby_chunk(baby.step, 0), *const to1 = baby_chunk(baby.step, 1);
        if (baby.key != nullptr) {
          const std::size_t from = baby.automorphism.source(begin);
          limb->inner_product(unrotated, unrotated + chunk, *baby.key, from, chunk);
          if (i < q_count) k().mul_scalar_add(unrotated, x.c0.limb(i) + from, special, chunk, q);
          baby.automorphism.apply(to0, unrotated, begin);
          baby.automorphism.apply(to1, unrotated + chunk, begin);
        } else if (i < q_count) {
          k().mul_scalar(to0, x.c0.limb(i) + begin, special, chunk, q);
          k().mul_scalar(to1, x.c1.limb(i) + begin, special, chunk, q);
        } else {  // P is zero modulo its own primes
          std::fill_n(to0, 2 * chunk, u64{0});
        }
      }
      for (std::size_t g = 0; g < sums.size(); ++g) {
        const std::vector<std::size_t>& giant = shape_.giants[g];
        if (giant.empty()) continue;
        for (std::size_t t = 0; t < giant.size(); ++t) {
          plain[t] = diagonal(g, t, i, begin, chunk, expanded + t * chunk);
          c0[t] = baby_chunk(giant[t], 0);
          c1[t] = baby_chunk(giant[t], 1);
        }
        k().inner_product2(sums[g].c0.limb(i) + begin, sums[g].c1.limb(i) + begin, plain.data(),
                           c0.data(), c1.data(), giant.size(), chunk, q);
      }
    }
  });
  return sums;
}

LinearTransform::ExtendedPair LinearTransform::giant_step(ExtendedPair acc, ExtendedPair sum,
                                                          const GaloisKeys& keys) const {
  const std::size_t n = ring_->n(), chunk = std::min(n, kChunk), q_count = shape_.q_count;
  const u64 g = rotation_galois(static_cast<std::int64_t>(shape_.baby_count * shape_.unit), n);
  const KeySwitchKey& key = rotation_key(g, keys);
  const ChunkedAutomorphism automorphism(ring_->automorphism_index(g), chunk);
  // Only c1 leaves QP, to be decomposed.
  const Poly c1 = scale_down(std::move(acc.c1), q_count);
  const WorkScope work(Work::kGiantStep, ring_->log_n(), q_count);
  Decomposition digits(c1, key.shape);
  digits.require_fits(key);
  const bool empty = sum.c0.empty();
  if (empty)
    sum = {Poly(*ring_, q_count, p_count_, Domain::kNtt),
           Poly(*ring_, q_count, p_count_, Domain::kNtt)};
  parallel_for(q_count + p_count_, [&](std::size_t i) {
    const Modulus& q = acc.c0.modulus(i);
    Buffer scratch(3 * chunk);
    u64 *const u0 = scratch.data(), *const u1 = u0 + chunk, *const rotated = u1 + chunk;
    const Decomposition::Limb limb(digits, i);
    for (std::size_t begin = 0; begin < n; begin += chunk) {
      const std::size_t source = automorphism.source(begin);
      limb.inner_product(u0, u1, key, source, chunk);
      k().add(u0, u0, acc.c0.limb(i) + source, chunk, q);
      for (const auto& [half, from] : {std::pair{&sum.c0, u0}, std::pair{&sum.c1, u1}}) {
        u64* to = half->limb(i) + begin;
        automorphism.apply(empty ? to : rotated, from, begin);
        if (!empty) k().add(to, to, rotated, chunk, q);
      }
    }
  });
  return sum;
}

Ciphertext LinearTransform::apply(const Ciphertext& x, const GaloisKeys& keys) const {
  const std::size_t q_count = shape_.q_count;
  require(x.q_count() == q_count && &x.ring() == ring_, "ciphertext at another level or ring");
  const WorkScope work(Work::kLinearMap, ring_->log_n(), q_count);
  std::vector<ExtendedPair> sums = giant_sums(x, keys);
  ExtendedPair acc = std::move(sums.back());
  sums.pop_back();
  for (; !sums.empty(); sums.pop_back())
    acc = giant_step(std::move(acc), std::move(sums.back()), keys);
  return {scale_down(std::move(acc.c0), q_count - 1), scale_down(std::move(acc.c1), q_count - 1),
          x.scale * scale_factor_};
}

}  // namespace blindtuner
