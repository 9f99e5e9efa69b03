#include "linalg/sums.h"

#include <cmath>

#include "ckks/encoder.h"
#include "ckks/noise_model.h"

namespace blindtuner::linalg {
namespace {

// What integers of doubles hold; the rest of the scale is multiplied in.
constexpr int kEncodedBits = 60, kRoom = 12;

int log2_up(std::uint64_t x) {
  int bits = 0;
  while (bits < 64 && (std::uint64_t{1} << bits) < x) ++bits;
  return bits;
}

int log2_scale(const Parameters& parameters, std::uint64_t rows) {
  return static_cast<int>(std::floor(parameters.small_ring().log2_modulus(2, 0))) - kRoom -
         log2_up(rows);
}

}  // namespace

double SumsShape::scale(const Parameters& parameters) const {
  return std::ldexp(1.0, log2_scale(parameters, rows));
}

SumsShape sums_shape(const Parameters& parameters, std::uint64_t rows, std::size_t numbers) {
  require(rows >= 1 && rows <= UINT32_MAX && numbers >= 1, "sums over 1 to 2^32 - 1 rows");
  require(log2_scale(parameters, rows) >= kEncodedBits - log2_up(rows),
          "primes too small for sums");
  return {rows, numbers};
}

Poly encode_sums(const Ring& ring, const Parameters& parameters, const SumsShape& shape,
                 std::span<const double> numbers, std::size_t pack) {
  require(numbers.size() == shape.numbers && pack < shape.packs(parameters), "numbers of a shape");
  std::vector<double> own(ring.n(), 0.0);
  for (std::size_t i = 0; i < own.size() && pack * ring.n() + i < numbers.size(); ++i) {
    own[i] = numbers[pack * ring.n() + i];
    require(std::abs(own[i]) <= static_cast<double>(shape.rows) * (1 + 0x1p-40),
            "sums of what is 1 at most");
  }
  const int encoded = kEncodedBits - log2_up(shape.rows);
  Poly out = ckks::encode_coefficients(ring, own, std::ldexp(1.0, encoded), 2);
  wipe(own.data(), own.size() * sizeof(double));
  mul_integer_inplace(out, std::int64_t{1} << (log2_scale(parameters, shape.rows) - encoded));
  return out;
}

void add_sums(EncryptedSums& sum, const Parameters& parameters,
              std::span<const SeededCiphertext> own, const KeySwitchKey& way_in) {
  require(own.size() == sum.shape.packs(parameters), "sums of one shape");
  const bool first = sum.packs.empty();
  for (std::size_t i = 0; i < own.size(); ++i) {
    require(own[i].c0.q_count() == 2 && own[i].scale == sum.shape.scale(parameters),
            "sums have their level and scale");
    Ciphertext c = key_switch(own[i].expand(), way_in);
    if (first)
      sum.packs.push_back(std::move(c));
    else
      add_inplace(sum.packs[i], c);
  }
}

double sums_error(const Parameters& parameters, std::size_t owners) {
  namespace noise = ckks::noise;
  const Ring& ring = parameters.small_ring();
  const KeyShape shape{2, parameters.small_special(), {2}};
  const auto k = static_cast<double>(owners);
  return std::sqrt(k) * std::hypot(noise::fresh(),
                                   std::sqrt(k) * noise::key_switch_inner(ring, shape, 2),
                                   noise::rounding(k * noise::ternary_weight(ring.n())));
}

}  // namespace blindtuner::linalg
