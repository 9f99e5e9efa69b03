// Whitening, in the clear, on the owner's machine: what makes a handful of steps on large batches enough.
#pragma once

#include <blindtuner/context.h>
#include <blindtuner/data_set.h>
#include <blindtuner/model.h>

#include <cstddef>
#include <memory>
#include <vector>

#pragma GCC visibility push(default)
namespace blindtuner {

/// The map of the command `whiten` (docs/TRAINING.md): features of mean 0, not correlated, of variance 1 at most, in
/// whatever units the columns were. A value that does not change; copies share it. All functions throw ContractError
/// for one that was moved from.
class Whitening {
 public:
  /// epsilon: relative to the mean eigenvalue; directions far below it are left small. Labels are not looked at. Throws
  /// DataError for less than two samples, numbers that are not finite and samples that are all the same, ContractError
  /// unless epsilon is positive.
  static Whitening fit(const Context& context, const DataSet& data, double epsilon = 0.01);

  std::size_t features() const;  ///< of a sample that it was fitted to
  /// Of a whitened one: as many, or one less than there were samples where these were fewer.
  std::size_t width() const;
  /// samples x width, row after row. Throws DataError on another number of features.
  std::vector<float> apply(const DataSet& data) const;
  /// The model for features as they were, with the same scores as `whitened` has for whitened ones. Throws
  /// ContractError when its sizes do not fit.
  LinearModel unfold(const LinearModel& whitened) const;

  struct [[gnu::visibility("hidden")]] State;

 private:
  explicit Whitening(std::shared_ptr<const State> state) : state_(std::move(state)) {}
  const State& state() const;
  std::shared_ptr<const State> state_;
};

}  // namespace blindtuner
#pragma GCC visibility pop
