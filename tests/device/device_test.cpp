// Which devices there are, and what they refuse.
#include "device/device.h"

#include <gtest/gtest.h>

#include <set>

#include "math/primes.h"

namespace blindtuner::device {
using namespace math;
namespace {

TEST(Devices, HaveNamesOfTheirOwnAndTheActiveOneIsAmongThem) {
  std::set<std::string_view> names;
  for (const Device* device : available_devices()) names.insert(device->name());
  EXPECT_EQ(names.size(), available_devices().size());
  EXPECT_TRUE(names.contains("cpu-scalar"));
  EXPECT_TRUE(names.contains(active_device().name()));
}

TEST(Devices, RefusePrimesThatDoNotFit) {
  const std::vector<u64> primes = ntt_primes(30, 64, 2);
  const std::vector<u64> one = {primes[0]}, none, wrong = {primes[0] - 2};
  for (const Device* device : available_devices()) {
    EXPECT_NO_THROW(device->make_arithmetic(5, primes, none));
    EXPECT_THROW(device->make_arithmetic(5, one, one), ContractError);
    EXPECT_THROW(device->make_arithmetic(5, none, one), ContractError);
    EXPECT_THROW(device->make_arithmetic(5, wrong, none), ContractError);
    EXPECT_THROW(device->make_arithmetic(3, primes, none), ContractError);
  }
}

}  // namespace
}  // namespace blindtuner::device
