// How a run of finetuning trains, and how that is chosen.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "features/data/whitening.h"
#include "features/samples/dataset.h"
#include "features/samples/order_seed.h"
#include "learn/training_config.h"
#include "rlwe/written_parameters.h"
#include "secret/disclosure.h"

namespace blindtuner::party {
using namespace learn;
using namespace features;
using namespace secret;

/// What decides about the result: all that the server is told, and how features are whitened.
struct TrainingWay {
  std::string name;       ///< for people
  TrainingConfig config;  ///< batches are rounded up to whole blocks of the layout
  double epsilon = Whitening::kDefaultEpsilon;  ///< of the whitening; 0: features as they are
  std::string softmax = "default";
  double range = 0;  ///< 0: find_circuit's choice
};

/// Whatever they are called.
bool same_training(const TrainingWay& a, const TrainingWay& b);

inline constexpr double kChooseBalance = -1;

struct FinetuningSettings : TrainingWay {
  std::vector<TrainingWay> choices;  ///< not empty: the way is chosen from these, choose_way()
  rlwe::ParametersLiteral parameters = rlwe::named_parameters("Standard");
  /// Strength of balance() (learn/reference/balance.h), after training; kChooseBalance: what is best on parts
  /// of the training set.
  double balance = 0;
  double validation_fraction = 0.1;  ///< with none in the data; 0: no early stopping
  int patience = 3;
  OrderSeed seed = OrderSeed::fresh();  ///< of the samples' order and the hold-outs
  std::size_t samples = 0;              ///< training samples to use; 0: all
  /// Train though the same steps in the clear leave the range of the softmax circuit.
  bool unchecked = false;
  bool publish = false;  ///< also a model to be shared
  double budget = kPublicationBudget;
};

/// The presets for a head (learn/head.h), with its relative_rate(). A tenth of the samples is held out for validation, 3000 at most.
///   auto      of fast with larger and smaller steps and thorough, on features that are whitened more or less
///             smoothly, one by choose_way()
///   fast      whitened features, few large steps, a full first one; the default training with a
///             batch that fills the big ring
///   thorough  twice the steps, twice the batch and the wide softmax, for classifiers whose logits
///             grow beyond 16
///   paper     HETAL's way, [HETAL]: features as they are, Nesterov, batches of 512 to 2048, the wide
///             softmax; the rate is 1 for normalised features, as HETAL takes for a sentence
///             encoder's, and less for longer ones, on which that would diverge (docs/RESULTS.md)
FinetuningSettings preset_settings(const std::string& name, const Dataset& train,
                                   const std::string& head = "softmax");

/// What somebody asks for beside a preset; what is left out is the preset's. Empty, 0 and -1 stand for that.
struct FinetuningWishes {
  std::string preset = "auto";
  std::string head = "softmax";  ///< what is trained for; the configuration's where there is one
  std::optional<TrainingConfig> config;  ///< all of it
  int steps = 0, epochs = 0;             ///< one of the two
  double learning_rate = 0;
  std::size_t batch = 0;
  int validation_every = -1;
  std::optional<double> l2;
  std::optional<bool> whitened;   ///< with the preset's epsilon, or the default
  std::optional<double> epsilon;  ///< whitened, with this one
  std::string softmax;
  double range = 0;
  double validation_fraction = -1;
};

/// The preset with these in it. Throws ContractError for another preset's name.
FinetuningSettings settings_of(const FinetuningWishes& wishes, const Dataset& train);

/// The largest eigenvalue of the mean of x x^T, to a percent or so: 1 at most for whitened features. Steps
/// whose rates are divided by it move as little along any direction as on those.
double largest_second_moment(const FeatureMatrix& features);

}  // namespace blindtuner::party
