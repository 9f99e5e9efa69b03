// The scheme's parameters: an unchecked literal that anybody may write down, and the checked,
// immutable object made of it.
//
// Two rings share primes. R' of dimension n carries the data and all linear algebra, modulo q_0
// q_1. R of dimension N = ratio * n carries the nonlinear part; its chain of primes, from the
// bottom:
//
//   q_0 | q_1 | slot_to_coeff | circuit | eval_mod | coeff_to_slot    and the special primes p_0 ..
//
// One level is consumed from the top of each section per rescale. docs/NOISE.md holds the budget.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "ring/ring.h"
#include "rlwe/security.h"

namespace blindtuner::rlwe {
using namespace ring;

struct ParametersLiteral {
  std::string name;              ///< contains "Insecure" exactly when below 128 bits
  int log_n = 0;                 ///< N = 2^log_n
  int log_small_n = 0;           ///< n = 2^log_small_n
  int q0_bits = 0, q1_bits = 0;  ///< the small ring's chain, the bottom of the big one's
  std::vector<int> slot_to_coeff_bits, circuit_bits, eval_mod_bits, coeff_to_slot_bits;
  std::vector<int> special_bits;        ///< the big ring's special primes
  int small_special = 0;                ///< how many of them the small ring and the way down use
  int sparse_special = 0;               ///< how many the sparse secret's key uses
  std::size_t sparse_weight = 0;        ///< of an owner's ephemeral secret around mod_raise
  int modulus_range = 0;                ///< K: |I| < K of mod_raise, see docs/SECURITY.md
  std::vector<std::size_t> digit_ends;  ///< key-switching digits of the big chain: their end limbs
  int owners = 1;  ///< at most so many: what ciphertexts are under is the sum of their secrets

  bool operator==(const ParametersLiteral&) const = default;
};

/// The set for real use by one owner, and all that the program knows. Throws DataError when unknown.
const ParametersLiteral& standard_parameters();
const ParametersLiteral& find_parameters(const std::string& name);

/// Rings and levels made from a literal. Immutable; shared by everything that works under it.
class Parameters {
 public:
  /// Throws DataError for a literal that makes no sense, SecurityError for one below 128 bits whose
  /// name does not admit it by containing "Insecure".
  static std::shared_ptr<const Parameters> create(const ParametersLiteral& literal);

  const ParametersLiteral& literal() const { return literal_; }
  bool insecure() const { return insecure_; }
  const Ring& small_ring() const { return *small_; }
  const Ring& ring() const { return *big_; }
  std::size_t owners() const { return static_cast<std::size_t>(literal_.owners); }
  std::size_t ratio() const { return big_->n() / small_->n(); }

  // Numbers of q limbs (level + 1) at which each section begins, counted from above.
  std::size_t top() const { return big_->q_size(); }  ///< after mod_raise
  std::size_t eval_mod_start() const { return top() - literal_.coeff_to_slot_bits.size(); }
  std::size_t circuit_start() const { return eval_mod_start() - literal_.eval_mod_bits.size(); }
  std::size_t slot_to_coeff_start() const { return circuit_start() - literal_.circuit_bits.size(); }
  std::size_t bottom() const { return 2; }  ///< after slot_to_coeff

  // The shapes of evaluation keys.
  std::size_t small_special() const { return static_cast<std::size_t>(literal_.small_special); }
  std::size_t sparse_special() const { return static_cast<std::size_t>(literal_.sparse_special); }
  std::vector<std::size_t> digit_ends(std::size_t q_count) const;

  // Of one owner's secrets: every share of a key is under these alone.
  SecretHardness small_hardness() const { return {literal_.log_small_n, 0}; }
  SecretHardness hardness() const { return {literal_.log_n, 0}; }
  SecretHardness sparse_hardness() const { return {literal_.log_n, literal_.sparse_weight}; }

  /// SHA-256 over the literal and every prime, in hexadecimal: files carry it to tell sets apart.
  const std::string& digest() const { return digest_; }

 private:
  explicit Parameters(const ParametersLiteral& literal);
  ParametersLiteral literal_;
  bool insecure_ = false;
  std::unique_ptr<Ring> small_, big_;
  std::string digest_;
};

using ParametersPtr = std::shared_ptr<const Parameters>;

}  // namespace blindtuner::rlwe
