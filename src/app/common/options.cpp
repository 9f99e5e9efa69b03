#include "app/common/options.h"

#include <charconv>
#include <cmath>
#include <sstream>

namespace blindtuner {
namespace {

template <typename T>
CLI::Validator number(T least, T most, const std::string& kind) {
  std::ostringstream range;
  range << least << " to " << most;
  const auto check = [=, range = range.str()](std::string& text) -> std::string {
    T value{};
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value);
    // Written so that NaN is out of range.
    if (error != std::errc() || stop != end || !(value >= least && value <= most))
      return "'" + text.substr(0, 64) + "', expected " + kind + " from " + range;
    // The parser would take a leading 0 for an octal number.
    if constexpr (std::is_integral_v<T>) text = std::to_string(value);
    return {};
  };
  return CLI::Validator(check, range.str());
}

}  // namespace

CLI::Validator real_number(double least, double most) { return number(least, most, "a number"); }

void add_range_option(CLI::App& command, double& range) {
  add_number(command, "--range", range,
             "largest |logit| that the circuit is to be fit for (the widest that takes no further "
             "bootstrap)",
             1, 1e4);
}

CLI::Validator whole_number(std::uint64_t least, std::uint64_t most) {
  return number(least, most, "a whole number");
}

}  // namespace blindtuner
