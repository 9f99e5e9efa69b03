// How matrices lie in ciphertexts of the small ring.
//
// n = width * rows. A block of `rows` samples and a group of `width` features is one ciphertext:
// x_ij at coefficient width * i + j. With Y = X^width, samples are powers of Y and features powers
// of X below Y:
//
//   scores     sum_j x_ij w_j   at Y^i   of  x(X) * (sum_j w_j X^-j)     contraction over features
//   gradients  sum_i x_ij e_i   at X^j   of  x(X) * (sum_i e_i Y^-i)     contraction over samples
//
// Scores and errors of all classes share ciphertexts of the big ring, the class in the lowest bits
// of the coefficient's index, so that in slots (bit-reversed) a sum over classes is a closed
// rotation:
//
//   coefficient  class_stride * sample + class  of the big ring, sample counted within the
//   super-block.
//
// Coefficient ratio * k + r of the big ring is coefficient k of the r-th small ciphertext.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "rlwe/parameters.h"

namespace blindtuner::linalg {
using namespace rlwe;

/// What a layout can be of: samples, columns (a constant one included), classes.
inline constexpr std::size_t kMaxSamples = UINT32_MAX, kMaxColumns = std::size_t{1} << 20,
                             kMaxClasses = 128;

struct ProductLayout {
  std::size_t n = 0;      ///< dimension of the small ring
  std::size_t ratio = 0;  ///< small ciphertexts in a big one
  std::size_t samples = 0;
  std::size_t features = 0;  ///< columns, a constant one for the bias included
  std::size_t classes = 0;
  std::size_t width = 0;         ///< features in a ciphertext, a power of two
  std::size_t class_stride = 0;  ///< classes rounded up to a power of two

  /// Throws ContractError for sizes that cannot be laid out: beyond the maxima above, fewer than 2
  /// classes, a width that is no power of two with class_stride <= ratio * width, rows >= 16.
  static ProductLayout create(const Parameters& parameters, std::size_t samples,
                              std::size_t features, std::size_t classes, std::size_t width);
  /// The width that costs the fewest key switches for batches of this many samples. Throws DataError for
  /// more classes than the parameters have room for, ContractError for sizes beyond the maxima above.
  static ProductLayout plan(const Parameters& parameters, std::size_t samples, std::size_t features,
                            std::size_t classes, std::size_t batch_samples);

  std::size_t rows() const { return n / width; }
  std::size_t blocks() const { return (samples + rows() - 1) / rows(); }
  std::size_t feature_groups() const { return (features + width - 1) / width; }
  /// Sample blocks that share one big ciphertext, and their samples.
  std::size_t blocks_per_super() const { return ratio * width / class_stride; }
  std::size_t samples_per_super() const { return blocks_per_super() * rows(); }
  std::size_t supers() const { return (blocks() + blocks_per_super() - 1) / blocks_per_super(); }

  /// Where the scores of a block within its super-block and a class go: which of the `ratio` small
  /// ciphertexts, and which residue of the coefficient's index modulo width.
  struct Place {
    std::size_t small, residue;
  };
  Place place(std::size_t block_in_super, std::size_t cls) const {
    const std::size_t index = block_in_super * class_stride + cls;
    return {index % ratio, index / ratio};
  }

  /// The bit of a slot's index that tells the lower half of a super-block's blocks (clear) from the
  /// upper one: what a bootstrapping that is at most half full folds (BootstrapShape::fold_bit).
  /// Only where blocks_per_super() >= 2.
  int fold_bit() const;

  /// Weights and gradients come in pieces of `width` coefficients, piece = class * feature_groups +
  /// group; 2^pack_log of them share a ciphertext, piece p of it at Y^(p * rows / 2^pack_log).
  std::size_t pieces() const { return classes * feature_groups(); }
  int pack_log() const;
  std::size_t packs() const {
    return (pieces() + (std::size_t{1} << pack_log()) - 1) >> pack_log();
  }
  /// The coefficient of weight (cls, feature) in its pack, and the pack.
  struct WeightPlace {
    std::size_t pack, coefficient;
  };
  WeightPlace weight_place(std::size_t cls, std::size_t feature) const;

  bool operator==(const ProductLayout&) const = default;
};

/// Whether keys made for `a` work for data laid out as `b`: everything but the number of samples.
bool same_shape(const ProductLayout& a, const ProductLayout& b);

/// Slot rotations that sum over classes, halving the distance each time; at circuit_start() limbs.
std::vector<std::size_t> class_sum_rotations(const Parameters& parameters,
                                             std::size_t class_stride);

}  // namespace blindtuner::linalg
