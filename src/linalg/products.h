// Encrypted matrix products in the small ring.
#pragma once

#include <functional>

#include "linalg/component_map.h"
#include "linalg/layout.h"
#include "rlwe/key_switch.h"

namespace blindtuner::linalg {

/// Keys of the small ring. The sample side packs and expands with automorphisms X -> X^(1 + rows 2^l),
/// l = 1..log2(width), and inverts exponents with X -> X^-1; the feature side does the same with
/// component maps Y -> Y^(1 + 2^l), l = 1..log2(rows): `pack`, and `unpack` in the reversed basis.
struct ProductKeys {
  KeySwitchKey relinearisation;
  GaloisKeys galois;
  std::vector<ComponentMapKey> pack, unpack;

  static std::vector<u64> galois_elements(const ProductLayout& layout);
  static std::vector<ComponentMap> pack_maps(const ProductLayout& layout);
  static std::vector<ComponentMap> unpack_maps(const ProductLayout& layout);
};

/// The ciphertext of sample block `block` and feature group `group`, two limbs, NTT domain.
using FeatureSource = std::function<Ciphertext(std::size_t block, std::size_t group)>;

class MatrixProducts {
 public:
  MatrixProducts(ParametersPtr parameters, const ProductLayout& layout, const ProductKeys& keys);

  const ProductLayout& layout() const { return layout_; }

  /// Packed weights (packs() ciphertexts, two limbs) to pieces sum_j w_j X^-j. Scale unchanged.
  std::vector<Ciphertext> expand_weights(std::span<const Ciphertext> packed) const;

  /// Scores of blocks [first, first + count), all in one super-block (first counts all blocks): `ratio`
  /// ciphertexts modulo q_0 at scale x * w / q_1. Blocks that are not asked for and classes that are
  /// not there score 0.
  std::vector<Ciphertext> scores(const FeatureSource& x, std::size_t first, std::size_t count,
                                 std::span<const Ciphertext> weights) const;

  /// Errors as in place(): `ratio` ciphertexts with two limbs to pieces sum_i e_i Y^-i of the same
  /// blocks, indexed [block - first][class].
  std::vector<std::vector<Ciphertext>> expand_errors(std::span<const Ciphertext> errors,
                                                     std::size_t first, std::size_t count) const;

  /// The sum over samples of e_i x_ij, collected block by block, then packed like weights.
  class GradientSum {
   public:
    explicit GradientSum(const MatrixProducts& products);
    /// Adds blocks [first, first + errors.size()).
    void add(const FeatureSource& x, std::size_t first,
             const std::vector<std::vector<Ciphertext>>& errors);
    /// packs() ciphertexts, two limbs, scale x * e.
    std::vector<Ciphertext> finish();

   private:
    const MatrixProducts& products_;
    std::vector<Tensor> sums_;  // by piece
  };

 private:
  void require_one_super(std::size_t first, std::size_t count) const;
  Ciphertext pack_samples(std::vector<Ciphertext> pieces) const;  // by residue; empty c0: zero
  std::vector<Ciphertext> pack_features(std::vector<Ciphertext> pieces) const;

  ParametersPtr parameters_;
  ProductLayout layout_;
  const ProductKeys& keys_;
  std::vector<Poly> monomials_;  // X^(2^i), i < log2(width), two limbs
};

}  // namespace blindtuner::linalg
