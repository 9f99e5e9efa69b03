// Linear maps on slots, given by their diagonals.
#pragma once

#include <map>
#include <set>

#include "ckks/evaluator.h"

namespace blindtuner::ckks {

/// y_j = sum_s d_s[j mod period] x_(j + s), indices mod slots.
struct DiagonalMatrix {
  std::size_t slots = 0;
  std::size_t period = 1;  ///< a power of two dividing slots; every diagonal has this length
  std::map<std::size_t, std::vector<Complex>> diagonals;

  static DiagonalMatrix identity(std::size_t slots);
  /// this * other: first other, then this.
  DiagonalMatrix operator*(const DiagonalMatrix& other) const;
  /// The map x -> rot_out(M(rot_-in(x))), rot_r(x)_j = x_(j + r): the same map between rotated
  /// vectors.
  DiagonalMatrix between_rotations(std::size_t in, std::size_t out) const;
  void scale(double factor);
  /// Removes the diagonals that are exactly zero.
  void drop_zeros();
};

/// What a matrix costs and which keys it needs, whatever its values: its shifts are written as
/// (giant * baby_count + baby) * unit.
struct TransformShape {
  std::size_t slots = 0, unit = 1, baby_count = 1, q_count = 0;
  std::size_t period = 1;                        ///< of the diagonals
  std::vector<std::vector<std::size_t>> giants;  ///< the baby steps that each giant step uses

  /// All shifts of `matrix` must be multiples of unit.
  TransformShape(const DiagonalMatrix& matrix, std::size_t unit, std::size_t baby_count,
                 std::size_t q_count);
  /// Rotations that need keys.
  std::vector<std::size_t> rotations() const;
  /// Baby steps that are used, those of shift 0 included.
  std::set<std::size_t> babies() const;
};

/// A matrix ready to be applied at one level.
///
/// Double hoisting @[BMTH21, Sec. 4]: one decomposition for all baby rotations, which stay modulo
/// QP; giant steps in Horner form, so that they need one key, and one division by P and by the
/// rescaled prime together at the end. A diagonal of period p lies in a subring: only 2p values a
/// limb are kept.
class LinearTransform {
 public:
  /// All shifts of `matrix` must be multiples of unit. The output's
  /// scale is the input's times scale_factor. Works on ciphertexts of exactly q_count limbs with
  /// keys of p_count special primes; consumes one level.
  LinearTransform(const Ring& ring, const Encoder& encoder, const DiagonalMatrix& matrix,
                  std::size_t unit, std::size_t baby_count, std::size_t q_count,
                  std::size_t p_count, double scale_factor);

  Ciphertext apply(const Ciphertext& x, const GaloisKeys& keys) const;

  /// Rotations that apply() needs keys for.
  std::vector<std::size_t> rotations() const { return shape_.rotations(); }
  const TransformShape& shape() const { return shape_; }
  std::size_t q_count() const { return shape_.q_count; }
  /// Bytes of the encoded diagonals.
  std::size_t bytes() const;

 private:
  const Ring* ring_;
  TransformShape shape_;
  std::size_t p_count_;
  double scale_factor_;
  /// [giant][place among its babies]: (q_count + p_count) limbs of 2 * period values
  std::vector<std::vector<std::unique_ptr<device::Memory>>> plaintexts_;

  /// A pair modulo QP.
  struct ExtendedPair {
    Poly c0, c1;
  };
  const KeySwitchKey& rotation_key(u64 g, const GaloisKeys& keys) const;
  void count_giant_sums() const;
  /// sum_b plain_(g,b) * P rot_b(x) for every giant step g; empty where g has no diagonals.
  std::vector<ExtendedPair> giant_sums(const Ciphertext& x, const GaloisKeys& keys) const;
  /// rot(acc) + sum.
  ExtendedPair giant_step(ExtendedPair acc, ExtendedPair sum, const GaloisKeys& keys) const;
};

}  // namespace blindtuner::ckks
