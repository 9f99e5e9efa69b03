// Sums over the rows of several owners, of which nobody but all of them together opens the total: how many numbers of
// at most a row's 1 each lie in ciphertexts of the small ring, one in a coefficient.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "rlwe/ciphertext.h"
#include "rlwe/key_switch.h"
#include "rlwe/parameters.h"

namespace blindtuner::linalg {
using namespace rlwe;

/// Of `rows` rows altogether: no number exceeds that in magnitude.
struct SumsShape {
  std::uint64_t rows = 0;
  std::size_t numbers = 0;

  std::size_t packs(const Parameters& parameters) const {
    return (numbers + parameters.small_ring().n() - 1) / parameters.small_ring().n();
  }
  /// The greatest power of two by which sums stay a small part of q_0 q_1: rows * scale is 2^-12 of it at most, so that
  /// shares' noise has room. Beside a number of the size of `rows` an error of a few units is 2^-80 with primes of 50 bits.
  double scale(const Parameters& parameters) const;
  bool operator==(const SumsShape&) const = default;
};
/// Throws ContractError beyond 2^32 - 1 rows or without any, or for primes that are too small.
SumsShape sums_shape(const Parameters& parameters, std::uint64_t rows, std::size_t numbers);

struct EncryptedSums {
  SumsShape shape;
  std::vector<Ciphertext> packs;
};

/// The message of a pack, shape.numbers or fewer from `numbers`: two limbs, NTT domain. Rounded as doubles and at 2^-60 of
/// `rows`. Throws ContractError for numbers beyond the shape's rows.
Poly encode_sums(const Ring& ring, const Parameters& parameters, const SumsShape& shape,
                 std::span<const double> numbers, std::size_t pack);

/// Adds one owner's, packs() ciphertexts under its own secret, from which way_in switches.
void add_sums(EncryptedSums& sum, const Parameters& parameters,
              std::span<const SeededCiphertext> own, const KeySwitchKey& way_in);

/// Standard deviation of a coefficient's error, in units: each owner's fresh encryption and its way in.
double sums_error(const Parameters& parameters, std::size_t owners);

}  // namespace blindtuner::linalg
