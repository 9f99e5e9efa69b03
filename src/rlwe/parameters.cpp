#include "rlwe/parameters.h"

#include <locale>
#include <sstream>

#include "base/sha256.h"
#include "math/primes.h"

namespace blindtuner::rlwe {
namespace {

void expect(bool condition, const ParametersLiteral& literal, const char* what) {
  if (!condition) throw DataError("parameters '" + literal.name + "': " + what);
}

ParametersLiteral make_standard() {
  ParametersLiteral p;
  p.name = "Standard";
  p.log_n = 16;
  p.log_small_n = 13;
  p.q0_bits = 50;
  p.q1_bits = 49;
  p.slot_to_coeff_bits = {40, 40, 40};
  p.circuit_bits = std::vector<int>(11, 36);
  p.circuit_bits.insert(p.circuit_bits.end(), 3, 39);
  p.eval_mod_bits = std::vector<int>(8, 50);
  p.coeff_to_slot_bits = std::vector<int>(3, 50);
  p.special_bits = std::vector<int>(9, 50);
  p.small_special = 2;
  p.sparse_special = 1;
  p.sparse_weight = 32;
  p.modulus_range = 16;
  p.digit_ends = {11, 22, 30};
  return p;
}

// The sparse secrets of several owners add up, and so does what mod_raise adds: each time that the range
// doubles, eval_mod has a doubling more, and primes shrink to pay for it: its own, which cost precision,
// and those that cost none (docs/NOISE.md, "Several owners").
ParametersLiteral make_joint(const char* name, int owners, int doublings, int eval_mod_bits,
                             int special_bits) {
  ParametersLiteral p = make_standard();
  p.name = name;
  p.owners = owners;
  p.modulus_range <<= doublings;
  p.eval_mod_bits =
      std::vector<int>(p.eval_mod_bits.size() + static_cast<std::size_t>(doublings), eval_mod_bits);
  p.coeff_to_slot_bits = std::vector<int>(3, 43);
  // The small ring and the sparse secret have the first ones.
  std::fill(p.special_bits.begin() + p.small_special, p.special_bits.end(), special_bits);
  p.digit_ends.back() += static_cast<std::size_t>(doublings);
  return p;
}

// Everything as in the given set, in rings too small to be secure: for tests.
ParametersLiteral make_insecure(const char* name, int log_n, int log_small_n,
                                ParametersLiteral p = make_standard()) {
  p.name = name;
  p.log_n = log_n;
  p.log_small_n = log_small_n;
  return p;
}

}  // namespace

const ParametersLiteral& standard_parameters() {
  static const ParametersLiteral literal = make_standard();
  return literal;
}

const ParametersLiteral& find_parameters(const std::string& name) {
  static const std::vector<ParametersLiteral> sets = [] {
    const ParametersLiteral joint4 = make_joint("Joint4", 4, 1, 48, 50),
                            joint16 = make_joint("Joint16", 16, 2, 44, 49);
    return std::vector<ParametersLiteral>{standard_parameters(),
                                          make_insecure("InsecureTest10", 10, 7),
                                          make_insecure("InsecureTest12", 12, 9),
                                          make_insecure("InsecureTest13", 13, 10),
                                          joint4,
                                          joint16,
                                          make_insecure("InsecureJoint4", 12, 9, joint4),
                                          make_insecure("InsecureJoint16", 12, 9, joint16)};
  }();
  std::string known;
  for (const ParametersLiteral& set : sets) {
    if (set.name == name) return set;
    known += (known.empty() ? "" : &set == &sets.back() ? " or " : ", ") + set.name;
  }
  throw DataError("no parameter set '" + name + "'; expected " + known);
}

std::shared_ptr<const Parameters> Parameters::create(const ParametersLiteral& literal) {
  return std::shared_ptr<const Parameters>(new Parameters(literal));
}

Parameters::Parameters(const ParametersLiteral& literal) : literal_(literal) {
  const ParametersLiteral& p = literal_;
  expect(p.log_n >= 10 && p.log_n <= 16, p, "log_n must be in [10, 16]");
  expect(p.log_small_n >= 5 && p.log_small_n <= p.log_n, p, "log_small_n must be in [5, log_n]");
  expect(p.small_special >= 1 && p.small_special <= int(p.special_bits.size()), p,
         "small_special must name some of the special primes");
  expect(p.sparse_special >= 1 && p.sparse_special <= int(p.special_bits.size()), p,
         "sparse_special must name some of the special primes");
  expect(!p.slot_to_coeff_bits.empty() && !p.circuit_bits.empty() && !p.eval_mod_bits.empty() &&
             !p.coeff_to_slot_bits.empty(),
         p, "every section of the chain needs at least one prime");
  expect(p.modulus_range >= 2 && p.modulus_range <= 1024, p, "modulus_range must be in [2, 1024]");
  expect(p.owners >= 1 && p.owners <= 16, p, "owners must be in [1, 16]");
  expect(p.sparse_weight >= 1 && p.sparse_weight <= (std::size_t{1} << p.log_n) / 2, p,
         "sparse_weight must be in [1, N/2]");

  std::vector<int> bits = {p.q0_bits, p.q1_bits};
  for (const auto* section :
       {&p.slot_to_coeff_bits, &p.circuit_bits, &p.eval_mod_bits, &p.coeff_to_slot_bits})
    bits.insert(bits.end(), section->begin(), section->end());
  const std::size_t q_size = bits.size();
  bits.insert(bits.end(), p.special_bits.begin(), p.special_bits.end());
  expect(bits.size() <= 64, p, "at most 64 primes");
  for (int b : bits)
    expect(b >= p.log_n + 4 && b >= 20 && b <= kMaxModulusBits, p,
           "primes must have 20 to 50 bits, and 4 more than log_n");
  std::size_t begin = 0;
  expect(!p.digit_ends.empty() && p.digit_ends.size() <= 32 && p.digit_ends.back() == q_size, p,
         "at most 32 digits must cover the whole chain");
  // One division drops all special primes and a rescaled one, see BaseConversion.
  expect(p.special_bits.size() <= 31, p, "at most 31 special primes");
  for (std::size_t end : p.digit_ends) {
    expect(end > begin && end - begin <= 32, p, "digits must grow, by at most 32 limbs");
    begin = end;
  }

  std::vector<u64> primes;
  const u64 step = u64{2} << p.log_n;
  try {
    for (int b : bits) primes.push_back(ntt_primes(b, step, 1, primes).front());
  } catch (const ContractError& error) {
    expect(false, p, error.what());
  }
  const std::span<const u64> all(primes);
  big_ = std::make_unique<Ring>(p.log_n, all.first(q_size), all.subspan(q_size));
  small_ =
      std::make_unique<Ring>(p.log_small_n, all.first(2), all.subspan(q_size, small_special()));

  insecure_ = false;
  try {
    require_secure(small_hardness(), small_->log2_modulus(2, small_special()), "small ring");
    require_secure(hardness(), big_->log2_modulus(q_size, big_->p_size()), "big ring");
    require_secure(sparse_hardness(), big_->log2_modulus(1, sparse_special()), "sparse secret");
  } catch (const SecurityError& error) {
    insecure_ = true;
    if (p.name.find("Insecure") == std::string::npos)
      throw SecurityError("parameters '" + p.name + "' refused: " + error.what());
  }

  // Logits of 12 at the scale 2^40 under a q_0 of 2^50: docs/SECURITY.md.
  // What fails of several owners costs a training and tells nobody anything; range costs levels.
  constexpr double kLargestMessage = 12 * 0x1p-10;
  const int most = p.owners == 1 ? 100 : 50;
  expect(insecure_ || log2_range_failure(p.log_n, owners() * p.sparse_weight, p.modulus_range,
                                         kLargestMessage) <= -most,
         p,
         ("modulus_range is too small: bootstrapping would fail more often than once in 2^" +
          std::to_string(most))
             .c_str());

  std::ostringstream text;
  text.imbue(std::locale::classic());  // a library's user may have set another, which groups digits
  text << p.name << ' ' << p.log_n << ' ' << p.log_small_n << ' ' << p.small_special << ' '
       << p.sparse_special << ' ' << p.sparse_weight << ' ' << p.modulus_range << ' '
       << p.slot_to_coeff_bits.size() << ' ' << p.circuit_bits.size() << ' '
       << p.eval_mod_bits.size() << ' ' << p.coeff_to_slot_bits.size();
  for (std::size_t end : p.digit_ends) text << " d" << end;
  for (u64 prime : primes) text << ' ' << prime;
  if (p.owners != 1) text << " owners " << p.owners;
  digest_ = to_hex(Sha256().add(text.str()).finish());
}

std::vector<std::size_t> Parameters::digit_ends(std::size_t q_count) const {
  std::vector<std::size_t> ends;
  for (std::size_t end : literal_.digit_ends) {
    ends.push_back(std::min(end, q_count));
    if (end >= q_count) break;
  }
  return ends;
}

}  // namespace blindtuner::rlwe
