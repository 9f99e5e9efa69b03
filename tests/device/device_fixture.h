// What every device is held to, bit for bit: one test per device, ring and operation. A device that is
// not here shows as skipped.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>

#include "device/reference.h"

namespace blindtuner::testing_support {

/// A ring's shape.
struct RingCase {
  const char* name;
  int log_n;
  std::vector<int> q_bits, p_bits;
};
inline std::ostream& operator<<(std::ostream& out, const RingCase& c) { return out << c.name; }

/// Residues in a device's memory.
class OnDevice {
 public:
  /// n values a limb; to be written.
  OnDevice(const device::Arithmetic& arithmetic, std::size_t n, std::size_t q_count,
           std::size_t p_count, bool wiped = false)
      : arithmetic_(&arithmetic),
        memory_(arithmetic.allocate(n * (q_count + p_count), wiped)),
        view_{memory_->address(), n, q_count, p_count},
        wiped_(wiped) {}
  OnDevice(const device::Arithmetic& arithmetic, const PlainPoly& x, bool wiped = false)
      : OnDevice(arithmetic, x.n(), x.q.size(), x.p.size(), wiped) {
    Buffer space;
    u64* to = arithmetic.map_for_writing(view_, space, wiped);
    for (const auto* limbs : {&x.q, &x.p})
      for (const Limb& limb : *limbs) to = std::copy(limb.begin(), limb.end(), to);
    arithmetic.unmap(view_, space);
  }
  operator device::View() { return view_; }
  operator device::ConstView() const { return view_; }
  PlainPoly plain() const {
    Buffer space;
    const u64* from = arithmetic_->map_for_reading(view_, space, wiped_);
    PlainPoly out;
    for (std::size_t i = 0; i < view_.limbs(); ++i, from += view_.n)
      (i < view_.q_count ? out.q : out.p).emplace_back(from, from + view_.n);
    return out;
  }

 private:
  const device::Arithmetic* arithmetic_;
  std::unique_ptr<device::Memory> memory_;
  device::View view_;
  bool wiped_;
};

/// A key in a device's memory.
struct KeyOnDevice {
  KeyOnDevice(const device::Arithmetic& arithmetic, const PlainRing::Key& plain) {
    for (const PlainPoly& x : plain.b) polynomials.emplace_back(arithmetic, x);
    for (const PlainPoly& x : plain.a) polynomials.emplace_back(arithmetic, x);
    for (std::size_t d = 0; d < plain.b.size(); ++d) {
      key.b.push_back(polynomials[d]);
      key.a.push_back(polynomials[plain.b.size() + d]);
    }
    key.digit_ends = plain.digit_ends;
    key.p_count = plain.p_count;
  }
  std::vector<OnDevice> polynomials;
  device::Key key;
};

class DeviceTest : public ::testing::TestWithParam<std::tuple<std::string, RingCase>> {
 protected:
  void SetUp() override {
    const auto& [name, shape] = GetParam();
    for (const device::Device* device : device::available_devices())
      if (device->name() == name) device_ = device;
    if (device_ == nullptr) GTEST_SKIP() << "no " << name << " here";
    ring_.log_n = shape.log_n;
    std::vector<u64> taken;
    for (const auto& [bits, primes] :
         {std::pair{&shape.q_bits, &ring_.q}, std::pair{&shape.p_bits, &ring_.p}})
      for (const int b : *bits) {
        primes->push_back(ntt_primes(b, u64{2} << shape.log_n, 1, taken).front());
        taken.push_back(primes->back());
      }
    arithmetic_ = device_->make_arithmetic(shape.log_n, ring_.q, ring_.p);
  }
  const device::Arithmetic& on() const { return *arithmetic_; }
  std::size_t n() const { return ring_.n(); }
  std::size_t q_size() const { return ring_.q.size(); }
  std::size_t p_size() const { return ring_.p.size(); }

  const device::Device* device_ = nullptr;
  PlainRing ring_;
  Source source_{ring_};
  std::unique_ptr<device::Arithmetic> arithmetic_;
};

inline std::string device_case_name(
    const ::testing::TestParamInfo<std::tuple<std::string, RingCase>>& info) {
  std::string name = std::get<0>(info.param) + "_" + std::get<1>(info.param).name;
  std::ranges::replace(name, '-', '_');
  return name;
}

inline const std::vector<std::string> kDevices = {"cpu-scalar", "cpu-avx2", "cpu-avx512ifma"};
/// Below a vector, within a chunk of a limb, and two chunks; primes of several widths.
inline const RingCase kSmallest = {"16", 4, {50, 30}, {50}};
inline const RingCase kSmall = {"256", 8, {50, 42, 36, 30}, {50, 49, 25}};
inline const RingCase kTwoChunks = {"8192", 13, {50, 42, 36}, {50, 49}};

#define BLINDTUNER_FOR_EACH_DEVICE(Suite, ...)                                           \
  INSTANTIATE_TEST_SUITE_P(                                                              \
      All, Suite,                                                                        \
      ::testing::Combine(::testing::ValuesIn(kDevices), ::testing::Values(__VA_ARGS__)), \
      device_case_name)

}  // namespace blindtuner::testing_support
