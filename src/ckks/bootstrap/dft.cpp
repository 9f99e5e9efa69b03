#include "ckks/bootstrap/dft.h"

#include <array>
#include <bit>
#include <cmath>
#include <numeric>

#include "math/reproducible.h"

namespace blindtuner::ckks {
namespace {

// (x_j, x_(j+h)) -> entries(j) * (x_j, x_(j+h)), a 2 x 2 matrix by rows, in blocks of `length` =
// 2h.
template <typename F>
DiagonalMatrix butterflies(std::size_t slots, std::size_t length, F&& entries) {
  const std::size_t half = length / 2;
  DiagonalMatrix m{slots, length, {}};
  // With two slots in all, up and down are the same diagonal.
  for (std::size_t shift : {std::size_t{0}, half, slots - half}) m.diagonals[shift].resize(length);
  for (std::size_t j = 0; j < half; ++j) {
    const std::array<Complex, 4> e = entries(j);
    m.diagonals[0][j] = e[0];
    m.diagonals[half][j] = e[1];
    m.diagonals[slots - half][j + half] = e[2];
    m.diagonals[0][j + half] = e[3];
  }
  return m;
}

// x_j + w x_(j+h) and x_j - w x_(j+h)
DiagonalMatrix butterfly(const Encoder& encoder, std::size_t length) {
  return butterflies(encoder.slots(), length, [&](std::size_t j) {
    const Complex w = encoder.twiddle(length, j);
    return std::array<Complex, 4>{1, w, 1, -w};
  });
}

DiagonalMatrix inverse_butterfly(const Encoder& encoder, std::size_t length) {
  return butterflies(encoder.slots(), length, [&](std::size_t j) {
    const Complex w = 0.5 * std::conj(encoder.twiddle(length, j));
    return std::array<Complex, 4>{0.5, 0.5, w, -w};
  });
}

// The stage that merges the butterflies over bit b of the index is where folding is free: it mixes
// slots 2^b apart anyway, and the stages below it treat both alike.
bool merges(const DftStage& stage, int log_radix, int bit) {
  const std::size_t step = std::size_t{1} << bit;
  return step >= stage.unit && step < stage.unit << log_radix;
}

DiagonalMatrix fold(std::size_t slots, int bit) {
  const std::size_t step = std::size_t{1} << bit;
  DiagonalMatrix m{slots, 2 * step, {}};
  auto &same = m.diagonals[0], &down = m.diagonals[slots - step];
  same.resize(2 * step);
  down.resize(2 * step);
  for (std::size_t j = 0; j < step; ++j) {
    same[j] = 1;
    down[j + step] = Complex(0, -1);
  }
  return m;
}

DiagonalMatrix unfold(std::size_t slots, int bit) {
  const std::size_t step = std::size_t{1} << bit;
  DiagonalMatrix m{slots, 2 * step, {}};
  auto &same = m.diagonals[0], &up = m.diagonals[step % slots];
  same.resize(2 * step);
  up.resize(2 * step);
  for (std::size_t j = 0; j < step; ++j) {
    same[j] += 1;
    up[j] += Complex(0, 1);
  }
  return m;
}

// Rotates the vectors between stages so that shifts become non-negative: the finest stage by its
// radix, the others by one less than theirs, and the longest one, whose shifts wrap around, by what
// is left.
void make_shifts_non_negative(std::vector<DftStage>& stages, std::span<const int> log_radices,
                              std::size_t slots) {
  const std::size_t count = stages.size();
  std::vector<std::size_t> delta(count, 0);
  std::size_t longest = 0;
  for (std::size_t i = 1; i < count; ++i)
    if (stages[i].unit > stages[longest].unit) longest = i;
  if (count == 1) return;
  std::size_t sum = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (i == longest) continue;
    const std::size_t radix = std::size_t{1} << log_radices[i];
    delta[i] = (stages[i].unit == 1 ? radix : radix - 1) * stages[i].unit;
    sum += delta[i];
  }
  delta[longest] = (slots - sum % slots) % slots;
  std::size_t in = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t out = (in + delta[i]) % slots;
    stages[i].matrix = stages[i].matrix.between_rotations(in, out);
    in = out;
  }
}

void check_radices(const Encoder& encoder, std::span<const int> log_radices,
                   std::optional<int> fold_bit) {
  require(!log_radices.empty() && std::accumulate(log_radices.begin(), log_radices.end(), 0) ==
                                      std::countr_zero(encoder.slots()),
          "the stages' radices must multiply to the number of slots");
  for (int r : log_radices) require(r >= 1 && r <= 8, "a stage merges 1 to 8 butterfly levels");
  require(!fold_bit || (*fold_bit >= 0 && *fold_bit < std::countr_zero(encoder.slots())),
          "the folded bit is one of a slot's index");
}

}  // namespace

std::vector<DftStage> slot_to_coeff_stages(const Encoder& encoder, std::span<const int> log_radices,
                                           double factor, std::optional<int> fold_bit) {
  check_radices(encoder, log_radices, fold_bit);
  const double share =
      math::reproducible::pow(factor, 1.0 / static_cast<double>(log_radices.size()));
  std::vector<DftStage> stages;
  std::size_t length = 2;
  for (int r : log_radices) {
    DftStage stage{DiagonalMatrix::identity(encoder.slots()), length / 2};
    for (int i = 0; i < r; ++i, length *= 2)
      stage.matrix = butterfly(encoder, length) * stage.matrix;
    if (fold_bit && merges(stage, r, *fold_bit)) {
      stage.matrix = stage.matrix * unfold(encoder.slots(), *fold_bit);
      stage.matrix.drop_zeros();
    }
    stage.matrix.scale(share);
    stages.push_back(std::move(stage));
  }
  make_shifts_non_negative(stages, log_radices, encoder.slots());
  return stages;
}

std::vector<DftStage> coeff_to_slot_stages(const Encoder& encoder, std::span<const int> log_radices,
                                           double factor, std::optional<int> fold_bit) {
  check_radices(encoder, log_radices, fold_bit);
  const double share =
      math::reproducible::pow(factor, 1.0 / static_cast<double>(log_radices.size()));
  std::vector<DftStage> stages;
  std::size_t length = encoder.slots();
  for (int r : log_radices) {
    DftStage stage{DiagonalMatrix::identity(encoder.slots()), 0};
    for (int i = 0; i < r; ++i, length /= 2) {
      stage.matrix = inverse_butterfly(encoder, length) * stage.matrix;
      stage.unit = length / 2;
    }
    if (fold_bit && merges(stage, r, *fold_bit)) {
      stage.matrix = fold(encoder.slots(), *fold_bit) * stage.matrix;
      stage.matrix.drop_zeros();
    }
    stage.matrix.scale(share);
    stages.push_back(std::move(stage));
  }
  make_shifts_non_negative(stages, log_radices, encoder.slots());
  return stages;
}

}  // namespace blindtuner::ckks
