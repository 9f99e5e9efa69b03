#include "ckks/encoder.h"

#include <bit>
#include <cmath>
#include <numbers>

#include "math/bits.h"
#include "math/reproducible.h"

namespace blindtuner::ckks {
namespace {

constexpr double kLargestCoefficient = 4611686018427387904.0;  // 2^62

std::int64_t round_checked(double x) {
  require(std::abs(x) < kLargestCoefficient, "an encoded coefficient exceeds 2^62");
  return std::llrint(x);
}

void bit_reverse(std::span<Complex> values) {
  const int bits = std::countr_zero(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::size_t j = reverse_bits(i, bits);
    if (i < j) std::swap(values[i], values[j]);
  }
}

}  // namespace

Encoder::Encoder(int log_n) : log_n_(log_n), slots_(std::size_t{1} << (log_n - 1)) {
  const std::size_t two_n = std::size_t{2} << log_n;
  roots_.resize(two_n);
  for (std::size_t i = 0; i < two_n; ++i) {
    const double angle = 2 * std::numbers::pi * static_cast<double>(i) / static_cast<double>(two_n);
    roots_[i] = {math::reproducible::cos(angle), math::reproducible::sin(angle)};
  }
  powers_of_5_.resize(slots_);
  std::uint64_t power = 1;
  for (auto& p : powers_of_5_) {
    p = static_cast<std::uint32_t>(power);
    power = power * 5 & (two_n - 1);
  }
}

Complex Encoder::twiddle(std::size_t length, std::size_t j) const {
  const std::size_t two_n = std::size_t{2} << log_n_;
  return roots_[powers_of_5_[j] % (4 * length) * (two_n / (4 * length))];
}

void Encoder::fft(std::span<Complex> x) const {
  bit_reverse(x);
  const std::size_t two_n = std::size_t{2} << log_n_;
  for (std::size_t length = 2; length <= x.size(); length *= 2) {
    const std::size_t half = length / 2, mask = 4 * length - 1, gap = two_n / (4 * length);
    for (std::size_t i = 0; i < x.size(); i += length)
      for (std::size_t j = 0; j < half; ++j) {
        const Complex u = x[i + j];
        const Complex v = x[i + j + half] * roots_[(powers_of_5_[j] & mask) * gap];
        x[i + j] = u + v;
        x[i + j + half] = u - v;
      }
  }
}

void Encoder::inverse_fft(std::span<Complex> x) const {
  const std::size_t two_n = std::size_t{2} << log_n_;
  for (std::size_t length = x.size(); length >= 2; length /= 2) {
    const std::size_t half = length / 2, mask = 4 * length - 1, gap = two_n / (4 * length);
    for (std::size_t i = 0; i < x.size(); i += length)
      for (std::size_t j = 0; j < half; ++j) {
        const Complex u = x[i + j] + x[i + j + half];
        const Complex v = x[i + j] - x[i + j + half];
        x[i + j] = u;
        x[i + j + half] = v * std::conj(roots_[(powers_of_5_[j] & mask) * gap]);
      }
  }
  bit_reverse(x);
  const double factor = 1.0 / static_cast<double>(x.size());
  for (Complex& value : x) value *= factor;
}

Poly Encoder::encode(const Ring& ring, std::span<const Complex> slots, double scale,
                     std::size_t q_count, std::size_t p_count) const {
  require(slots.size() == slots_ && ring.log_n() == log_n_, "encode takes N/2 slots");
  std::vector<Complex> values(slots.begin(), slots.end());
  inverse_fft(values);
  std::vector<std::int64_t> coefficients(2 * slots_);
  for (std::size_t i = 0; i < slots_; ++i) {
    coefficients[i] = round_checked(values[i].real() * scale);
    coefficients[i + slots_] = round_checked(values[i].imag() * scale);
  }
  return from_signed(ring, coefficients, q_count, p_count);
}

std::vector<Complex> Encoder::decode(const Poly& message, double scale) const {
  require(message.ring().log_n() == log_n_, "message of another ring");
  const std::vector<double> coefficients = decode_coefficients(message, scale);
  std::vector<Complex> values(slots_);
  for (std::size_t i = 0; i < slots_; ++i) values[i] = {coefficients[i], coefficients[i + slots_]};
  fft(values);
  return values;
}

Poly encode_coefficients(const Ring& ring, std::span<const double> coefficients, double scale,
                         std::size_t q_count, std::size_t p_count) {
  require(coefficients.size() == ring.n(), "a polynomial has n coefficients");
  std::vector<std::int64_t> rounded(coefficients.size());
  for (std::size_t i = 0; i < rounded.size(); ++i)
    rounded[i] = round_checked(coefficients[i] * scale);
  return from_signed(ring, rounded, q_count, p_count);
}

std::vector<double> decode_coefficients(const Poly& message, double scale) {
  std::vector<double> coefficients = to_centred_doubles(message, 4);
  for (double& c : coefficients) c /= scale;
  return coefficients;
}

}  // namespace blindtuner::ckks
