// Matrices in the clear and their ciphertexts, in a small ring of dimension 512, and the noise that
// every product is held to (docs/NOISE.md derives the formulas).
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <random>
#include <vector>

#include "ckks/encoder.h"
#include "linalg/encrypted_dataset.h"
#include "linalg/products_noise.h"
#include "secret/encryption.h"
#include "secret/product_keygen.h"

namespace blindtuner::testing_support {
using namespace secret;

struct SmallScheme {
  ParametersPtr parameters = Parameters::create(find_parameters("InsecureTest12"));
  SecretKeys secrets = SecretKeys::generate(parameters);
  const Ring& ring() const { return parameters->small_ring(); }
};

inline const SmallScheme& small_scheme() {
  static const SmallScheme scheme;
  return scheme;
}

/// Keys depend on the width alone.
inline const ProductKeys& product_keys(std::size_t width) {
  static std::map<std::size_t, ProductKeys> keys;
  const SmallScheme& s = small_scheme();
  if (!keys.contains(width))
    keys.emplace(
        width, make_product_keys(s.secrets, ProductLayout::create(*s.parameters, 1, 1, 2, width)));
  return keys.at(width);
}

using Matrix = std::vector<std::vector<double>>;

inline Matrix random_matrix(std::size_t rows, std::size_t columns, double bound, unsigned seed) {
  std::mt19937_64 generator(seed);
  std::uniform_real_distribution<double> uniform(-bound, bound);
  Matrix m(rows, std::vector<double>(columns));
  for (auto& row : m)
    for (double& x : row) x = uniform(generator);
  return m;
}

inline Ciphertext encrypt_coefficients(std::span<const double> x, double scale) {
  const SmallScheme& s = small_scheme();
  // Scales beyond 2^62 are made of an encoding at 2^40 and an integer.
  const double factor = scale > 0x1p50 ? std::nearbyint(scale / 0x1p40) : 1;
  Poly message = encode_coefficients(s.ring(), x, scale / factor, 2);
  if (factor != 1) mul_integer_inplace(message, static_cast<std::int64_t>(factor));
  return encrypt(std::move(message), scale, s.secrets.small, fresh_seed(), 0).expand();
}

inline std::vector<double> decrypt_coefficients(const Ciphertext& c) {
  return decode_coefficients(decrypt(c, small_scheme().secrets.small), c.scale);
}

/// A layout with its features, encrypted as a data set's are.
struct Features {
  ProductLayout layout;
  Matrix x;
  std::vector<Ciphertext> blocks;

  Features(const ProductLayout& l, unsigned seed)
      : layout(l), x(random_matrix(l.samples, l.features, 2, seed)) {
    for (std::size_t block = 0; block < l.blocks(); ++block)
      for (std::size_t group = 0; group < l.feature_groups(); ++group) {
        std::vector<double> c(l.n, 0.0);
        for (std::size_t i = 0; i < l.rows(); ++i)
          for (std::size_t j = 0; j < l.width; ++j) {
            const std::size_t sample = block * l.rows() + i, feature = group * l.width + j;
            if (sample < l.samples && feature < l.features) c[l.width * i + j] = x[sample][feature];
          }
        blocks.push_back(encrypt_coefficients(c, kFeatureScale));
      }
  }
  FeatureSource source() const {
    return [this](std::size_t block, std::size_t group) {
      return blocks[block * layout.feature_groups() + group].copy();
    };
  }
};

inline std::vector<Ciphertext> encrypt_weights(const ProductLayout& l, const Matrix& w,
                                               double scale) {
  Matrix packs(l.packs(), std::vector<double>(l.n, 0.0));
  for (std::size_t cls = 0; cls < l.classes; ++cls)
    for (std::size_t feature = 0; feature < l.features; ++feature) {
      const auto place = l.weight_place(cls, feature);
      packs[place.pack][place.coefficient] = w[cls][feature];
    }
  std::vector<Ciphertext> out;
  for (const auto& pack : packs) out.push_back(encrypt_coefficients(pack, scale));
  return out;
}

/// Ciphertexts of one super-block; value(block in super, row, class) for every place, those of
/// padding included.
template <typename F>
std::vector<Ciphertext> encrypt_errors(const ProductLayout& l, double scale, F&& value) {
  Matrix c(l.ratio, std::vector<double>(l.n, 0.0));
  for (std::size_t block = 0; block < l.blocks_per_super(); ++block)
    for (std::size_t cls = 0; cls < l.class_stride; ++cls) {
      const auto place = l.place(block, cls);
      for (std::size_t i = 0; i < l.rows(); ++i)
        c[place.small][l.width * i + place.residue] = value(block, i, cls);
    }
  std::vector<Ciphertext> out;
  for (const auto& row : c) out.push_back(encrypt_coefficients(row, scale));
  return out;
}

/// Calls f(first block, count) for every super-block.
template <typename F>
void for_each_super_block(const ProductLayout& l, F&& f) {
  for (std::size_t first = 0; first < l.blocks(); first += l.blocks_per_super())
    f(first, std::min(l.blocks_per_super(), l.blocks() - first));
}

inline const ProductNoise& product_noise() {
  static const ProductNoise noise(*small_scheme().parameters);
  return noise;
}

inline double norm(std::span<const double> x) {
  double sum = 0;
  for (double v : x) sum += v * v;
  return std::sqrt(sum);
}

/// Errors divided by their predicted standard deviations.
class NoiseCheck {
 public:
  void add(double error, double sigma) {
    sum_ += error * error / (sigma * sigma);
    worst_ = std::max(worst_, std::abs(error) / sigma);
    ++count_;
  }
  double rms() const { return std::sqrt(sum_ / static_cast<double>(count_)); }
  /// The root mean square is 1 within `slack` and five of its own standard deviations.
  void expect_mean(double slack = 0.1) const {
    const double allowed = slack + 5 / std::sqrt(2 * static_cast<double>(count_));
    EXPECT_LT(rms(), 1 + allowed) << count_ << " errors";
    EXPECT_GT(rms(), 1 - allowed) << count_ << " errors";
  }
  /// And no error is beyond 7 sigma (2^-38 for a Gaussian).
  void expect(double slack = 0.1) const {
    expect_mean(slack);
    EXPECT_LT(worst_, 7 * (1 + slack)) << count_ << " errors";
  }

 private:
  double sum_ = 0, worst_ = 0;
  std::size_t count_ = 0;
};

}  // namespace blindtuner::testing_support
