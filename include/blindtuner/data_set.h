// Samples in the clear, on their owner's machine.
#pragma once

#include <cstddef>
#include <span>

#pragma GCC visibility push(default)
namespace blindtuner {

/// What keys are made for. Features and classes, which follow from data, are refused by DataError where they are out
/// of range, and so are classes that a parameter set has no room for; a batch by ContractError.
struct DataShape {
  std::size_t features = 0;  ///< of a sample: 1 to 2^20 - 1
  std::size_t classes = 0;   ///< 2 to 128
  std::size_t batch = 4096;  ///< samples of a step, for which the layout of ciphertexts is chosen: 1 to 2^32 - 1
};

/// A view of rows of numbers, one row a sample, and of their labels. It owns nothing: what it shows must outlive
/// the call that it is given to, and no more.
struct DataSet {
  std::span<const float> features{};  ///< samples x width, row after row; finite, |x| <= 4096
  std::size_t width = 0;              ///< features of a sample
  std::span<const int> labels{};      ///< one class a sample, from 0; or none

  std::size_t samples() const { return width == 0 ? 0 : features.size() / width; }
};

/// Of numbers that are to be a DataSet's, row after row, before they become single precision. Throws DataError for a
/// column whose rounding errors are more than a hundredth of its standard deviation, as of times in seconds: an offset
/// that is large beside what a column varies by takes what tells samples apart; and for one whose deviation is more than
/// nothing and 2^-24 of its mean or less, which Whitening takes for a constant. `encrypt` and `finetune` refuse such
/// tables. ContractError unless these are whole rows.
void check_single_precision(std::span<const double> features, std::size_t width);

}  // namespace blindtuner
#pragma GCC visibility pop
