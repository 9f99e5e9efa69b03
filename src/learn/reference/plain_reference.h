// The training algorithm in the clear: what the encrypted run is compared with, step by step.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "features/samples/dataset.h"
#include "learn/head.h"
#include "learn/reference/early_stopping.h"
#include "learn/training_config.h"

namespace blindtuner::reference {

/// Predictions out of the scores of one sample (both of length classes). Called from several
/// threads.
using PredictionFunction =
    std::function<void(std::span<const double> scores, std::span<double> predictions)>;

/// What the encrypted trainer does to a vector of coefficients before it uses them.
using CoefficientRounding = std::function<std::vector<double>(std::span<const double>)>;

struct PlainOptions {
  /// Empty: the head's own, exactly. Not asked where V is 0 without any rounding (the first step): the
  /// encrypted trainer takes all predictions as known there.
  PredictionFunction predictions;
  CoefficientRounding rounding;  ///< empty: none
  double bias_feature = 1.0;     ///< the constant appended to every sample
  bool measure_models = true;  ///< accuracies after every step; off for sweeps (the last one stays)
  bool measure_all_logits =
      true;  ///< max_logit over every sample of both sets, not of the batch alone
  /// Early stopping, at validation_steps(): the model is the best round's.
  const Dataset* validation = nullptr;
  StoppingRule stopping;
  /// Told after every step; false ends the training there (early stopping).
  std::function<bool(const struct PlainStep&)> on_step;
};

/// One step. Loss and largest logit belong to V_t, where the gradient was taken (before the
/// update); accuracies belong to the model after the step.
struct PlainStep {
  int step = 0;
  std::size_t batch = 0;
  double rate = 0;
  double loss = 0;            ///< the mean of the head's on the batch, of exact predictions
  double max_logit = 0;       ///< largest |score| the head was given in this step
  double max_head_error = 0;  ///< largest |prediction - exact| in this step
  double train_accuracy = 0;  ///< of all training samples; 0 when not measured
  double test_accuracy = 0;
  double model_max_logit = 0;  ///< largest |logit| of the model after the step, over both sets
};

struct PlainResult {
  LinearClassifier model;                  ///< bias = last column of W times bias_feature
  Eigen::MatrixXd weights;                 ///< classes x (features + 1)
  std::vector<Eigen::MatrixXd> gradients;  ///< G_s, classes x (features + 1), summed over the batch
  std::vector<PlainStep> steps;
  std::vector<ValidationRound> rounds;  ///< with a validation set
  int best_round = 0;                   ///< whose model this is; 0: no validation set
  double max_logit = 0;  ///< over all steps: evaluation points and, where measured, models
};

/// Trains on `train` in its order (shuffle before). `test` may be null. Single-precision products
/// within blocks of samples, double-precision sums over blocks in fixed order: the result does not
/// depend on the number of threads. Throws DataError when the sets do not fit the configuration.
PlainResult train_plain(const Dataset& train, const Dataset* test, const TrainingConfig& config,
                        const PlainOptions& options = {});

}  // namespace blindtuner::reference
