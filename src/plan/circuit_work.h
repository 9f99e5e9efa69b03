// What one step of training does, counted: the big ring's circuits by running them, the small
// ring's matrix products from their layout.
#pragma once

#include <optional>

#include "ckks/bootstrap/bootstrapper.h"
#include "learn/head.h"
#include "linalg/layout.h"
#include "ring/work.h"

namespace blindtuner::plan {
using namespace learn;
using namespace linalg;

/// The big ring's work for one ciphertext of scores, folded or not (BootstrapShape::fold_bit).
struct CircuitWork {
  WorkCounts half_bootstrap, head, slot_to_coeff;  ///< the last one with the split
  int bootstraps = 0;                              ///< full ones within the head
};

/// Runs the circuits once, on zeros, in a ring of dimension 2^10 with the same chain of primes; a
/// linear map's part is taken from its shape in the real ring. Some hundredths of a second; what was
/// asked before is remembered, for a choice of settings asks for the same several times.
CircuitWork count_circuits(const Parameters& parameters, const HeadCircuit& circuit,
                           std::size_t classes, std::size_t class_stride,
                           std::optional<int> fold_bit);

/// What LinearTransform::apply does.
WorkCounts linear_map_work(const Parameters& parameters, const TransformShape& shape);

/// The matrix products' work, in operations of the small ring.
struct ProductWork {
  double expansions = 0;  ///< seeded ciphertexts
  double tensor_terms = 0;
  double relinearisations = 0;        ///< of gradients, at two limbs
  double score_relinearisations = 0;  ///< with rescaling, to one limb
  double score_automorphisms = 0;     ///< at one limb
  double error_automorphisms = 0;     ///< at two
  /// Ciphertexts given to each application of a component map, one after the other.
  std::vector<std::size_t> map_inputs;
};

ProductWork expand_weights_work(const ProductLayout& layout);
/// Blocks [first, first + count) of one super-block.
ProductWork scores_work(const ProductLayout& layout, std::size_t first, std::size_t count);
ProductWork expand_errors_work(const ProductLayout& layout, std::size_t first, std::size_t count);
/// The gradient of `blocks` blocks without, and the end of the sum.
ProductWork gradient_work(const ProductLayout& layout, std::size_t blocks);
ProductWork finish_gradient_work(const ProductLayout& layout);

}  // namespace blindtuner::plan
