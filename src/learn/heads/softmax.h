// The head whose predictions are probabilities that sum to 1 over the classes; cross-entropy.
#pragma once

#include "learn/head.h"

namespace blindtuner::learn {

/// Its circuits are those of docs/SOFTMAX.md.
const Head& softmax_head();

/// probabilities = exp(z_k) / sum_j exp(z_j), shifted by the largest logit. One row. Returns the
/// logarithm of sum_j exp(z_j). Throws ContractError if the sizes differ or are zero.
double exact_softmax(std::span<const double> logits, std::span<double> probabilities);

}  // namespace blindtuner::learn
