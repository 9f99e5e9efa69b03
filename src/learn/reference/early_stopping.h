// When to stop: the owner's rule on a validation set, the same for the encrypted run and for its
// reference in the clear.
#pragma once

#include <Eigen/Core>

#include "features/samples/dataset.h"
#include "learn/head.h"
#include "learn/reference/balance.h"

namespace blindtuner::reference {
using namespace learn;
using namespace features;

/// What the owner sees of one round of validation.
struct ValidationScore {
  double loss = 0;       ///< the mean of the head's, of exact predictions; balanced, if asked for
  double accuracy = 0;   ///< after balance(), if asked for
  double max_logit = 0;  ///< largest |logit|, before it
  bool operator==(const ValidationScore&) const = default;
};

/// scores: samples x classes, as many rows as labels, at least one. `balance`: judges what the model will
/// be after balance() by that strength. Scores are moved as the model's will be, and a sample counts
/// by its class's size in this set to the power of -strength: the mean is least for the moved model that
/// is right of such a mixture of classes. At 0 it is the plain mean, to the bit. Throws ContractError, also
/// on a balance of a head whose scores are no logarithms of odds.
ValidationScore validation_score(const Head& head, const Eigen::MatrixXd& scores,
                                 const Labels& labels, const LossBalance& balance = {});

/// Rounds.
inline constexpr int kMaxPatience = 10000;

struct StoppingRule {
  int patience = 3;        ///< rounds without a smaller loss before it stops; 1 or more
  double logit_limit = 0;  ///< stops beyond this |logit|, whatever the loss; 0: no limit
  double balance = 0;      ///< the strength by which the loss is balanced (LossBalance)
};

/// Halfway from the range that the circuit's error is stated for to where its chain may grow.
/// Training samples reach further than the validation set's, so this side of the end.
double logit_limit(const HeadCircuit& circuit);

/// Takes the rounds' scores one by one. Best is the first round with the smallest loss.
class EarlyStopping {
 public:
  /// Throws ContractError on a patience below 1.
  explicit EarlyStopping(const StoppingRule& rule);
  /// The next round's score; false: training is to stop.
  bool go_on(const ValidationScore& score);
  int rounds() const { return rounds_; }
  int best_round() const { return best_round_; }  ///< from 1; 0 before the first
  double best_loss() const { return best_loss_; }

 private:
  StoppingRule rule_;
  int rounds_ = 0, best_round_ = 0;
  double best_loss_ = 0;
};

/// One round, as reports list it.
struct ValidationRound {
  int round = 0;  ///< from 1
  int steps = 0;  ///< done before it
  ValidationScore score;
  bool operator==(const ValidationRound&) const = default;
};

}  // namespace blindtuner::reference
