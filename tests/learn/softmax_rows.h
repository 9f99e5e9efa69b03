// Rows of logits for the softmax circuits under encryption.
#pragma once

#include <algorithm>
#include <cmath>
#include <numbers>
#include <random>
#include <span>
#include <vector>

#include "learn/heads/softmax.h"
#include "learn/heads/softmax_circuit.h"

namespace blindtuner::testing_support {
using namespace learn;

/// Centred rows within the circuit's range: Gaussian ones of all sizes; among them rows that are
/// zero, have one class far above or below the others, two that tie at the top, or two that tie a
/// little above the others.
struct SoftmaxRows {
  std::size_t classes, stride, count;
  std::vector<double> logits;

  SoftmaxRows(const SoftmaxCircuit& circuit, std::size_t c, std::size_t class_stride,
              std::size_t rows, unsigned seed)
      : classes(c), stride(class_stride), count(rows), logits(rows * c) {
    std::mt19937_64 generator(seed);
    std::normal_distribution<double> normal;
    std::uniform_real_distribution<double> uniform;
    for (std::size_t i = 0; i < rows; ++i) {
      const std::span<double> z(logits.data() + i * c, c);
      const std::size_t kind = i % 16;
      for (double& x : z) x = kind < 5 ? 0 : normal(generator);
      if (kind == 1) z[i % c] = 1;
      if (kind == 2) z[i % c] = -1;
      if (kind == 3 || kind == 4) z[i % c] = z[(i + 1) % c] = 1;
      double mean = 0, largest = 0;
      for (double x : z) mean += x / static_cast<double>(c);
      for (double& x : z) largest = std::max(largest, std::abs(x -= mean));
      double size = kind < 4 ? 1 : uniform(generator);
      if (kind == 4) size *= std::min(1.0, 12 / circuit.range);
      for (double& x : z) x *= largest > 0 ? circuit.range * size / largest : 0;
      // Circuits of many classes ask for rows that are not crowded at the top.
      const auto crowd = [&] {
        double sum = 0;
        for (double x : z) sum += std::exp(3 * x / circuit.range);
        return sum / static_cast<double>(c);
      };
      while (circuit.crowd > 0 && crowd() > circuit.crowd)
        for (double& x : z) x *= 0.9;
    }
  }

  std::span<const double> row(std::size_t i) const {
    return {logits.data() + i * classes, classes};
  }
  /// The logit at coefficient stride * row + class of the big ring; 0 where there is none.
  double at_coefficient(std::size_t index) const {
    const std::size_t i = index / stride, k = index % stride;
    return i < count && k < classes ? row(i)[k] : 0;
  }
  /// What a half bootstrap makes of the coefficients.
  std::vector<double> sines(const SoftmaxCircuit& circuit) const {
    std::vector<double> out(count * stride);
    for (std::size_t i = 0; i < out.size(); ++i)
      out[i] = std::sin(2 * std::numbers::pi * circuit.rho * at_coefficient(i) / circuit.bound);
    return out;
  }
};

struct Measured {
  double rms = 0, worst = 0;  // against the circuit in the clear
  double from_exact = 0;      // the largest distance from softmax
  double padding = 0;         // the largest value in a class that is not there
  std::size_t far_rows = 0;   // rows with a value further than kFar from softmax
};
inline constexpr double kFar = 0.02;

inline Measured compare(const SoftmaxCircuit& circuit, const SoftmaxRows& rows,
                        std::span<const double> values) {
  Measured m;
  std::vector<double> clear(rows.classes), exact(rows.classes);
  for (std::size_t i = 0; i < rows.count; ++i) {
    evaluate_softmax_circuit(circuit, rows.row(i), clear);
    exact_softmax(rows.row(i), exact);
    double row_worst = 0;
    for (std::size_t k = 0; k < rows.stride; ++k) {
      const double p = values[i * rows.stride + k];
      if (k >= rows.classes) {
        m.padding = std::max(m.padding, std::abs(p));
        continue;
      }
      m.rms += (p - clear[k]) * (p - clear[k]);
      m.worst = std::max(m.worst, std::abs(p - clear[k]));
      row_worst = std::max(row_worst, std::abs(p - exact[k]));
    }
    m.from_exact = std::max(m.from_exact, row_worst);
    m.far_rows += row_worst > kFar;
  }
  m.rms = std::sqrt(m.rms / static_cast<double>(rows.count * rows.classes));
  return m;
}

}  // namespace blindtuner::testing_support
