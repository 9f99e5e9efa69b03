#include "ckks/linear_transform.h"

#include <algorithm>
#include <cmath>

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

std::vector<ExtendedPair> LinearTransform::giant_sums(
    const std::vector<ExtendedPair>& babies) const {
  const std::size_t n = ring_->n(), size = 2 * shape_.period, width = n / size;
  const std::size_t chunk = std::min<std::size_t>(n, 1024), chunks = n / chunk;
  const std::size_t q_count = shape_.q_count, baby_count = shape_.baby_count;
  std::size_t diagonals = 0;
  for (const auto& giant : shape_.giants) diagonals += giant.size();
  const WorkScope work(Work::kDiagonal, ring_->log_n(), 0,
                       static_cast<double>(diagonals * (q_count + p_count_)));
  std::vector<ExtendedPair> sums(shape_.giants.size());
  for (std::size_t g = 0; g < sums.size(); ++g)
    if (!shape_.giants[g].empty())
      sums[g] = {Poly(*ring_, q_count, p_count_, Domain::kNtt),
                 Poly(*ring_, q_count, p_count_, Domain::kNtt)};
  // A chunk of all baby steps stays in the cache while every giant step uses it.
  parallel_for(q_count + p_count_, [&](std::size_t i) {
    Buffer expanded(width == 1 ? 0 : baby_count * chunk);
    std::vector<const u64*> plain(baby_count), c0(baby_count), c1(baby_count);
    for (std::size_t c = 0; c < chunks; ++c)
      for (std::size_t g = 0; g < sums.size(); ++g) {
        const std::vector<std::size_t>& giant = shape_.giants[g];
        if (giant.empty()) continue;
        for (std::size_t t = 0; t < giant.size(); ++t) {
          const u64* values = plaintexts_[g][t].data() + i * size;
          if (width == 1) {
            plain[t] = values + c * chunk;
          } else {
            u64* slice = expanded.data() + t * chunk;
            for (std::size_t j = 0; j < chunk;) {
              const std::size_t place = c * chunk + j,
                                run = std::min(width - place % width, chunk - j);
              std::fill_n(slice + j, run, values[place / width]);
              j += run;
            }
            plain[t] = slice;
          }
          c0[t] = babies[giant[t]].c0.limb(i) + c * chunk;
          c1[t] = babies[giant[t]].c1.limb(i) + c * chunk;
        }
        k().inner_product2(sums[g].c0.limb(i) + c * chunk, sums[g].c1.limb(i) + c * chunk,
                           plain.data(), c0.data(), c1.data(), giant.size(), chunk,
                           sums[g].c0.modulus(i));
      }
  });
  return sums;
}

Ciphertext LinearTransform::apply(const Ciphertext& x, const GaloisKeys& keys) const {
  const std::size_t n = ring_->n(), q_count = shape_.q_count;
  const std::size_t unit = shape_.unit, baby_count = shape_.baby_count;
  require(x.q_count() == q_count && &x.ring() == ring_, "ciphertext at another level or ring");
  const WorkScope work(Work::kLinearMap, ring_->log_n(), q_count);

  // Baby steps, modulo QP.
  std::vector<ExtendedPair> babies(baby_count);
  Decomposition digits;
  for (const std::size_t b : shape_.babies()) {
    if (b == 0) {
      babies[0] = {extend_by_special(x.c0, p_count_), extend_by_special(x.c1, p_count_)};
      continue;
    }
    const u64 g = rotation_galois(static_cast<std::int64_t>(b * unit), n);
    const KeySwitchKey& key = find_galois_key(keys, g);
    require(key.shape.p_count == p_count_, "a rotation key of another shape");
    if (digits.digits.empty()) digits = decompose(x.c1, key.shape);
    ExtendedPair sum = inner_product(digits, key);
    add_times_special(sum.c0, x.c0);
    babies[b] = {automorphism(sum.c0, g), automorphism(sum.c1, g)};
  }
  digits = {};
  std::vector<ExtendedPair> sums = giant_sums(babies);
  babies.clear();

  // Giant steps: acc <- rot(acc) + sum. Only c1 leaves QP, to be decomposed.
  ExtendedPair acc = std::move(sums.back());
  const u64 g = rotation_galois(static_cast<std::int64_t>(baby_count * unit), n);
  const std::uint32_t* index = ring_->automorphism_index(g);
  for (std::size_t giant = sums.size() - 1; giant-- > 0;) {
    const KeySwitchKey& key = find_galois_key(keys, g);
    require(key.shape.p_count == p_count_, "a rotation key of another shape");
    const Poly c1 = scale_down(std::move(acc.c1), q_count);
    ExtendedPair switched = decompose_inner_product(c1, key);
    acc.c1 = Poly(*ring_, q_count, p_count_, Domain::kNtt);
    const ExtendedPair& sum = sums[giant];
    const WorkScope passes(Work::kPass, ring_->log_n(), 0,
                           kGiantStepPasses * static_cast<double>(q_count + p_count_));
    parallel_for(q_count + p_count_, [&](std::size_t i) {
      const Modulus& q = acc.c0.modulus(i);
      k().add(switched.c0.limb(i), switched.c0.limb(i), acc.c0.limb(i), n, q);
      k().gather(acc.c0.limb(i), switched.c0.limb(i), index, n);
      k().gather(acc.c1.limb(i), switched.c1.limb(i), index, n);
      if (sum.c0.empty()) return;
      k().add(acc.c0.limb(i), acc.c0.limb(i), sum.c0.limb(i), n, q);
      k().add(acc.c1.limb(i), acc.c1.limb(i), sum.c1.limb(i), n, q);
    });
    sums.pop_back();
  }
  return {scale_down(std::move(acc.c0), q_count - 1), scale_down(std::move(acc.c1), q_count - 1),
          x.scale * scale_factor_};
}

}  // namespace blindtuner
