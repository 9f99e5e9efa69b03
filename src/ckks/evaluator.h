// Arithmetic on slots. Every function states its levels and scales; nothing rescales behind the
// caller's back.
#pragma once

#include "ckks/encoder.h"
#include "rlwe/key_switch.h"

namespace blindtuner::ckks {
using namespace rlwe;

/// Evaluation keys of the big ring.
struct EvaluationKeys {
  KeySwitchKey relinearisation;
  GaloisKeys galois;
};

/// The Galois element that rotates slots by `steps` to the left: slot j receives slot j + steps.
u64 rotation_galois(std::int64_t steps, std::size_t n);
/// The Galois element of complex conjugation of every slot.
inline u64 conjugation_galois(std::size_t n) { return 2 * n - 1; }

/// Adds value to every slot (rounded to the ciphertext's scale; |value| * scale may exceed 2^64).
void add_constant_inplace(Ciphertext& a, double value);
/// Adds value * scale to a polynomial's constant coefficient, rounded to 53 bits; NTT domain.
void add_real_constant_inplace(Poly& a, double scaled_value);

/// a + message, message encoded at a's scale with at least a's limbs.
void add_plain_inplace(Ciphertext& a, const Poly& message);
/// a * message; the scale is multiplied by message_scale.
void mul_plain_inplace(Ciphertext& a, const Poly& message, double message_scale);

/// The product before relinearisation, at the lower of both levels; scale a.scale * b.scale.
Tensor tensor(const Ciphertext& a, const Ciphertext& b);
Tensor tensor_square(const Ciphertext& a);
/// acc += a * b. acc must have scale a.scale * b.scale; its level must not exceed either operand's.
void tensor_add_inplace(Tensor& acc, const Ciphertext& a, const Ciphertext& b);

/// *sum += sum_t left[t] * right[t].
struct TensorSum {
  Tensor* sum;
  std::vector<const Ciphertext*> left, right;
};
/// All of them, in one ring and at one level, so that operands they share are loaded together. Scales
/// are the caller's business.
void add_tensor_sums_inplace(std::span<const TensorSum> sums);

/// a * b, relinearised and rescaled: one level below the lower operand.
Ciphertext multiply(const Ciphertext& a, const Ciphertext& b, const KeySwitchKey& relinearisation);
Ciphertext square(const Ciphertext& a, const KeySwitchKey& relinearisation);

Ciphertext rotate(const Ciphertext& a, std::int64_t steps, const GaloisKeys& keys);
Ciphertext conjugate(const Ciphertext& a, const GaloisKeys& keys);

/// Rotations of one ciphertext by several steps from a single decomposition.
std::vector<Ciphertext> rotate_hoisted(const Ciphertext& a, std::span<const std::int64_t> steps,
                                       const GaloisKeys& keys);

/// i * a in every slot (multiplication by X^(N/2): exact, no level).
void mul_i_inplace(Ciphertext& a);

}  // namespace blindtuner::ckks
