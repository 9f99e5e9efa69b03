#include "ckks/linear_transform.h"

#include <algorithm>
#include <cmath>

#include "ring/work.h"

namespace blindtuner::ckks {

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
  const std::size_t period = matrix.period, size = 2 * period;
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
    plaintexts_[giant].push_back(
        ring.arithmetic().allocate((q_count + p_count) * size, /*wiped=*/false));
    ring.arithmetic().from_signed({plaintexts_[giant].back()->address(), size, q_count, p_count},
                                  coefficients);
  }
}

std::size_t LinearTransform::bytes() const {
  std::size_t diagonals = 0;
  for (const auto& giant : plaintexts_) diagonals += giant.size();
  return diagonals * (shape_.q_count + p_count_) * 2 * shape_.period * sizeof(u64);
}

const KeySwitchKey& LinearTransform::rotation_key(u64 g, const GaloisKeys& keys) const {
  const KeySwitchKey& key = find_galois_key(keys, g);
  require(key.shape.p_count == p_count_, "a rotation key of another shape");
  return key;
}

void LinearTransform::count_giant_sums() const {
  const std::set<std::size_t> babies = shape_.babies();
  const std::size_t rotated = babies.size() - babies.count(0);
  if (rotated > 0) {
    { const WorkScope work(Work::kDecompose, ring_->log_n(), shape_.q_count); }
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
  const std::size_t n = ring_->n(), q_count = shape_.q_count;
  const std::set<std::size_t> babies = shape_.babies();
  std::vector<device::Key> views;
  std::vector<device::HoistedSums::Rotation> rotations;
  std::map<std::size_t, std::size_t> rotation_of;  // by baby step
  const KeySwitchKey* first = nullptr;
  views.reserve(babies.size());
  for (const std::size_t step : babies) {
    rotation_of[step] = rotations.size();
    if (step == 0) {
      rotations.push_back({nullptr, 1});
      continue;
    }
    const u64 g = rotation_galois(static_cast<std::int64_t>(step * shape_.unit), n);
    const KeySwitchKey& key = rotation_key(g, keys);
    require_fits(x.c1, key);
    if (first == nullptr) first = &key;
    require(key.shape.same_digits(first->shape, q_count), "rotation keys of different digits");
    views.push_back(key.view());
    rotations.push_back({&views.back(), g});
  }
  count_giant_sums();

  std::vector<ExtendedPair> sums(shape_.giants.size());
  std::vector<device::HoistedSums::Sum> jobs;
  for (std::size_t g = 0; g < sums.size(); ++g) {
    const std::vector<std::size_t>& giant = shape_.giants[g];
    if (giant.empty()) continue;
    sums[g] = {Poly(*ring_, q_count, p_count_, Domain::kNtt),
               Poly(*ring_, q_count, p_count_, Domain::kNtt)};
    jobs.push_back({{sums[g].c0.view(), sums[g].c1.view()}, {}});
    for (std::size_t t = 0; t < giant.size(); ++t)
      jobs.back().terms.push_back(
          {rotation_of[giant[t]],
           {plaintexts_[g][t]->address(), 2 * shape_.period, q_count, p_count_}});
  }
  ring_->arithmetic().hoisted_sums({x.view(), rotations, jobs});
  return sums;
}

LinearTransform::ExtendedPair LinearTransform::giant_step(ExtendedPair acc, ExtendedPair sum,
                                                          const GaloisKeys& keys) const {
  const std::size_t q_count = shape_.q_count;
  const u64 g =
      rotation_galois(static_cast<std::int64_t>(shape_.baby_count * shape_.unit), ring_->n());
  const KeySwitchKey& key = rotation_key(g, keys);
  // Only c1 leaves QP, to be decomposed.
  const Poly c1 = scale_down(std::move(acc.c1), q_count);
  const WorkScope work(Work::kGiantStep, ring_->log_n(), q_count);
  require_fits(c1, key);
  const bool add = !sum.c0.empty();
  if (!add)
    sum = {Poly(*ring_, q_count, p_count_, Domain::kNtt),
           Poly(*ring_, q_count, p_count_, Domain::kNtt)};
  const device::Key view = key.view();
  ring_->arithmetic().rotate_mod_qp(
      {acc.c0.view(), c1.view(), &view, g, {sum.c0.view(), sum.c1.view()}, add});
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

}  // namespace blindtuner::ckks
