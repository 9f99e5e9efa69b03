// Which settings to train with, found by training in the clear on parts of the owner's own data: of
// what is found only the settings leave the owner, one of a public list.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/random.h"
#include "features/samples/dataset.h"
#include "learn/head.h"
#include "learn/reference/balance.h"
#include "learn/training_config.h"

namespace blindtuner::reference {
using namespace learn;

/// One way to train.
struct TrainingSetting {
  std::string name;                      ///< for people
  TrainingConfig config;                 ///< its classes are the data's
  const HeadCircuit* circuit = nullptr;  ///< one that ships
  double epsilon = 0;                    ///< of the whitening; 0: features as they are
  std::size_t pooling = 0;               ///< of the data's poolings, where it has several
};

struct TrialOptions {
  int folds =
      5;  ///< parts that samples are dealt to, copies and groups (features/samples/sample_groups.h) to
          ///< the same, the same share of every class in each
  int trials = 5;  ///< of them, how many are held out, one after the other; 1 to folds
  int patience = 3;
  double balance = 0;  ///< of early stopping's loss
  Seed seed{};         ///< of folds and orders
  /// How much is done, in [0, 1): told after every step of any training. What it throws ends it all.
  std::function<void(double)> progress{};
};

/// How good predictions are.
struct Quality {
  double accuracy = 0, balanced_accuracy = 0, macro_f1 = 0;
};

/// What became of a setting on the samples that were held out, each scored by the model that did not
/// see it. A setting that is clearly worse than another after some of the trials is tried no
/// further: less accurate by more than kAsGood, and by more than three standard errors of the
/// difference on the same samples.
struct Trial {
  Quality quality;
  double loss = 0;  ///< mean cross-entropy
  /// The largest |logit| that the circuit was given, or that the model gives on any sample.
  double max_logit = 0;
  /// No logit passed what early stopping allows (learn/reference/early_stopping.h) and all are numbers. The
  /// rest counts for nothing otherwise.
  bool in_range = false;
  int trials = 0;  ///< how many times a part was held out
  int steps = 0;   ///< done in all of them
  /// One a held-out sample, in the same order for every setting.
  std::vector<bool> right;
  /// After balance() (learn/reference/balance.h) by each of kBalanceStrengths.
  std::vector<Quality> balanced;
};

/// Trains with every setting by the trainer's own rules: its circuit in place of softmax, early
/// stopping on the part held out. Throws DataError for data that cannot be trained on.
std::vector<Trial> try_settings(const Dataset& data, std::span<const TrainingSetting> settings,
                                const TrialOptions& options);

/// Accuracies that differ by less are as good as each other.
inline constexpr double kAsGood = 0.002;

/// The setting of least cost, to a twentieth, that is as good as the best: tried as often, and of an
/// accuracy that is lower by no more than kAsGood, or by one standard error of the difference on the
/// same samples. The most accurate of several. One cost a trial. Throws DataError when none stayed in
/// range.
std::size_t cheapest_of_the_best(std::span<const Trial> trials, std::span<const double> costs);

/// Of kBalanceStrengths the one with the largest sum of balanced accuracy and macro-F1.
std::size_t best_balance(const Trial& trial);

}  // namespace blindtuner::reference
