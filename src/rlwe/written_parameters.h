// Parameter sets that a user writes down: a JSON object with a member for every field of
// ParametersLiteral but `owners`, which is one, by its name, and no other. Files made under such a set carry the same text
// (io/format.h, "PARM").
//
//   name                  1 to 31 letters, digits, '.', '-' or '_'; not that of a set of this program's
//                         unless it is that set; with "Insecure" in it exactly when below 128 bits
//   log_n, log_small_n    10 to 16; log_n - 5 to log_n
//   q0_bits, q1_bits      45 to 50 each
//   slot_to_coeff_bits    2 to 4 primes of 36 to 50 bits; as many as coeff_to_slot has
//   circuit_bits          14 primes or more, of 34 to 50 bits: the deepest softmax circuit between two
//                         bootstraps
//   eval_mod_bits         8 primes of 48 to 50 bits
//   coeff_to_slot_bits    2 to 4 primes of 45 to 50 bits
//   sparse_weight         1 to 512
//   modulus_range         2 to 16
//   special_bits, small_special, sparse_special, digit_ends
//                         as Parameters::create() has it
//
// These are what the circuits compute with. What they lose, for a set within these bounds, is what
// examples/parameter_budget prints (docs/NOISE.md).
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "rlwe/parameters.h"

namespace blindtuner::rlwe {

/// Bytes of such a text.
inline constexpr std::size_t kMaxParametersBytes = 4096;

/// Whether this is one of the sets that find_parameters() knows: files name those and do not carry them.
bool built_in(const ParametersLiteral& literal);

/// The literal as JSON on one line.
std::string to_text(const ParametersLiteral& literal);

/// `where` opens every message. Throws DataError for what the list above refuses; what follows from
/// several fields together, security above all, is for Parameters::create().
ParametersLiteral parse_parameters(std::string_view text, const std::string& where);

/// The set that a file holds. Throws DataError.
ParametersLiteral read_parameters(const std::filesystem::path& file);

/// The same set. Throws DataError for one of several owners, whose keys are made otherwise.
const ParametersLiteral& for_one_owner(const ParametersLiteral& literal);

/// The set of this name, or the one that this file holds: one owner's. Throws DataError.
ParametersLiteral named_parameters(const std::string& name_or_file);

}  // namespace blindtuner::rlwe
