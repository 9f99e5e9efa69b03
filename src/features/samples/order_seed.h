// What the order of samples and the hold-outs are drawn from.
#pragma once

#include <cstdint>
#include <string>

#include "base/random.h"

namespace blindtuner::features {

/// Either 256 fresh bits, so that the order tells nothing to whoever does not have them, or a number
/// that somebody chose to get an order again: 64 bits at most, and as guessable as it is.
class OrderSeed {
 public:
  /// The number 0.
  OrderSeed() = default;
  explicit OrderSeed(std::uint64_t number);
  static OrderSeed fresh();
  /// A number below 2^64, or 64 hexadecimal digits; the empty text is a fresh one. Throws DataError,
  /// which `option` opens.
  static OrderSeed parse(const std::string& text, const std::string& option);
  /// What parse() takes.
  std::string text() const;

  /// The number 0: samples stay in their order.
  bool keeps_order() const { return bytes_ == Seed{}; }
  const Seed& bytes() const { return bytes_; }

 private:
  Seed bytes_{};
};

}  // namespace blindtuner::features
