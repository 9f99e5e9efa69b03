// Classes that differ in size, made to count alike after training: logit adjustment [LOGITADJ].
#pragma once

#include <array>
#include <vector>

#include "features/samples/dataset.h"

namespace blindtuner::reference {
using namespace features;

/// A softmax classifier's scores hold the logarithm of its training set's class proportions. Less
/// `strength` times them, on a mean of 0: 1 leaves what a set of even classes would have given, 0
/// changes nothing, between them lies what keeps more of the frequent classes right. A class without
/// samples counts as if it had one. One entry a class. Throws ContractError on a strength outside
/// [0, 1].
Eigen::VectorXd balance_shift(const std::vector<std::size_t>& class_counts, double strength);

/// In its place: log(weights), on a mean of 0, as if classes had so many times the samples; all above 0, or ContractError.
LinearClassifier weighted(LinearClassifier model, const std::vector<double>& class_weights);

/// How much a sample counts by its class, so that classes of these sizes count together as their sizes to
/// the power of 1 - strength: 1 each at 0, all classes alike at 1. One entry a class; a class without
/// samples has weight 1. Throws as balance_shift().
std::vector<double> balance_weights(const std::vector<std::size_t>& class_counts, double strength);

/// What validation's loss is balanced by: the strength that the trained model will be moved by, and the
/// training set's class sizes; none at strength 0.
struct LossBalance {
  double strength = 0;
  std::vector<std::size_t> class_counts{};
};

/// The classifier with these shifts added to its bias.
LinearClassifier balanced(LinearClassifier model, const std::vector<std::size_t>& class_counts,
                          double strength);

/// What is tried.
inline constexpr std::array<double, 5> kBalanceStrengths = {0, 0.25, 0.5, 0.75, 1};

}  // namespace blindtuner::reference
