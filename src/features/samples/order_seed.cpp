#include "features/samples/order_seed.h"

#include <algorithm>
#include <charconv>

#include "base/error.h"
#include "base/sha256.h"
#include "features/samples/shuffle.h"

namespace blindtuner::features {
namespace {

constexpr std::size_t kNumberBytes = 8;

}  // namespace

OrderSeed::OrderSeed(std::uint64_t number) : bytes_(numbered_seed(number)) {}

OrderSeed OrderSeed::fresh() {
  OrderSeed out;
  out.bytes_ = fresh_seed();
  return out;
}

OrderSeed OrderSeed::parse(const std::string& text, const std::string& option) {
  if (text.empty()) return fresh();
  const char *begin = text.data(), *end = begin + text.size();
  std::uint64_t number = 0;
  if (text.size() == 2 * std::tuple_size_v<Seed>) {
    OrderSeed out;
    if (from_hex(text, out.bytes_)) return out;
  } else if (const auto [stop, error] = std::from_chars(begin, end, number);
             error == std::errc() && stop == end) {
    return OrderSeed(number);
  }
  throw DataError(option + " is '" + text.substr(0, 80) +
                  "', expected a number below 2^64, or the 64 hexadecimal digits of a report");
}

std::string OrderSeed::text() const {
  if (std::any_of(bytes_.begin() + kNumberBytes, bytes_.end(), [](auto byte) { return byte != 0; }))
    return to_hex(bytes_);
  std::uint64_t number = 0;
  for (std::size_t i = kNumberBytes; i-- > 0;) number = number << 8 | bytes_[i];
  return std::to_string(number);
}

}  // namespace blindtuner::features
