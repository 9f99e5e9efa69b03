// The encoder's transform as a product of few sparse matrices. @[CCS19, Sec. 3]
#pragma once

#include <optional>

#include "ckks/linear_transform.h"

namespace blindtuner::ckks {

struct DftStage {
  DiagonalMatrix matrix;
  std::size_t unit = 1;  ///< every shift is a multiple of it
};

/// The maps between slots and coefficients, without the bit reversal: with t_k = a_k + i a_(k +
/// N/2) and w_j = t_(reverse(j)), slot_to_coeff takes slots holding w to the polynomial with
/// coefficients a, and coeff_to_slot back.
///
/// log_radices: butterfly levels merged in each stage, in the order of application; their sum is
/// log2(slots). The first stage of coeff_to_slot and the last of slot_to_coeff hold the longest
/// butterflies. Every shift is made non-negative by rotating the vectors between stages; the
/// rotations cancel over the whole product. Stages multiply to `factor` times the map.
///
/// With a fold_bit b, only w_j with bit b of j clear are wanted, and both their parts come as real
/// parts: coeff_to_slot gives w_j there and -i w_(j - 2^b) where the bit is set; slot_to_coeff
/// takes real u_j to the polynomial of w_j = u_j + i u_(j + 2^b), and zero where the bit is set. It
/// costs nothing: one stage's diagonals change, their shifts do not.
std::vector<DftStage> slot_to_coeff_stages(const Encoder& encoder, std::span<const int> log_radices,
                                           double factor, std::optional<int> fold_bit = {});
std::vector<DftStage> coeff_to_slot_stages(const Encoder& encoder, std::span<const int> log_radices,
                                           double factor, std::optional<int> fold_bit = {});

}  // namespace blindtuner::ckks
