// How good predictions are.
#pragma once

#include <Eigen/Core>
#include <vector>

#include "features/samples/dataset.h"

namespace blindtuner::reference {
using namespace features;

/// The class with the largest score of every row (the first of equals). scores: samples x classes.
Labels predict(const Eigen::MatrixXd& scores);

/// The share of equal entries. Throws ContractError on different or zero lengths.
double accuracy(const Labels& predicted, const Labels& actual);

/// confusion(i, j): how many of class i were taken for class j. Throws ContractError on different
/// lengths or labels outside [0, classes).
Eigen::MatrixXi confusion(const Labels& predicted, const Labels& actual, int classes);

/// One class of a confusion table. What has no denominator is NaN.
struct ClassScore {
  int samples = 0;       ///< of this class
  double precision = 0;  ///< TP / (TP + FP)
  double recall = 0;     ///< TP / (TP + FN)
  double f1 = 0;         ///< 2 TP / (2 TP + FP + FN)
};
/// One a class. Throws ContractError when the table is not square.
std::vector<ClassScore> class_scores(const Eigen::MatrixXi& confusion);

/// The mean recall of the classes that occur: the accuracy that a set with as many samples of each
/// would have. Throws as confusion().
double balanced_accuracy(const Labels& predicted, const Labels& actual, int classes);

/// The mean over classes of 2 TP / (2 TP + FP + FN); a class that neither occurs nor is predicted
/// is left out.
double macro_f1(const Labels& predicted, const Labels& actual, int classes);

/// The largest |score|, what the softmax circuit has to stand; NaN if one is.
double largest_logit(const Eigen::MatrixXd& scores);

}  // namespace blindtuner::reference
