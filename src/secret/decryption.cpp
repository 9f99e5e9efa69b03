#include "secret/decryption.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/parallel.h"
#include "ckks/encoder.h"

namespace blindtuner::secret {
namespace {

std::vector<double> coefficients(const SecretKeys& secrets, const Ciphertext& c) {
  return decode_coefficients(decrypt(c, secrets.small), c.scale);
}

// What an honest run can leave, too, is refused with.
constexpr char kDiverged[] =
    "; either the training diverged and left the circuit's range, where numbers wrap "
    "around (a smaller learning rate, whitened features or a circuit of a wider range keeps them "
    "in it), "
    "or the server computed something else";

/// What a coefficient is for.
enum class Held : std::uint8_t { kNothing, kPadding, kValue };

/// The largest magnitudes of decrypted polynomials, by what their coefficients are for.
struct Largest {
  double value = 0, padding = 0, empty = 0;

  void add(std::span<const double> coefficients, std::span<const Held> held) {
    for (std::size_t i = 0; i < coefficients.size(); ++i) {
      double& most = held[i] == Held::kValue ? value : held[i] == Held::kPadding ? padding : empty;
      most = std::max(most, std::abs(coefficients[i]));
    }
  }
  void add(const Largest& other) {
    value = std::max(value, other.value);
    padding = std::max(padding, other.padding);
    empty = std::max(empty, other.empty);
  }
  void require_within(const PlausibleValues& plausible, const char* what) const {
    // Which check failed, and by how much nobody is told: whoever sent it may hear of it.
    if (!(empty <= plausible.empty))
      throw DataError(std::string(what) + ": numbers where there are none");
    if (!(std::max(value, padding) >= plausible.least))
      throw DataError(std::string(what) + ": nothing where there are numbers");
    if (!(padding <= plausible.padding))
      throw UntrustedResult(std::string(what) + ": numbers in padding" + kDiverged);
    if (!(value <= plausible.largest))
      throw UntrustedResult(std::string(what) + ": numbers larger than the rates allow" +
                            kDiverged);
  }
};

}  // namespace

std::vector<double> decrypt_model(const SecretKeys& secrets, const EncryptedModel& model,
                                  const PlausibleValues& plausible) {
  std::vector<std::vector<double>> packs;
  for (const Ciphertext& c : model.weights) packs.push_back(coefficients(secrets, c));
  return model_values(model.layout, packs, plausible);
}

std::vector<double> model_values(const ProductLayout& l, std::span<const std::vector<double>> packs,
                                 const PlausibleValues& plausible) {
  require(packs.size() == l.packs(), "a model of another layout");
  std::vector<std::vector<Held>> held(packs.size(), std::vector<Held>(l.n, Held::kNothing));
  std::vector<double> out(l.classes * l.features);
  for (std::size_t cls = 0; cls < l.classes; ++cls)
    for (std::size_t feature = 0; feature < l.feature_groups() * l.width; ++feature) {
      const auto place = l.weight_place(cls, feature);
      const bool padding = feature >= l.features;
      held[place.pack][place.coefficient] = padding ? Held::kPadding : Held::kValue;
      if (!padding) out[cls * l.features + feature] = packs[place.pack][place.coefficient];
    }
  Largest largest;
  for (std::size_t pack = 0; pack < packs.size(); ++pack) largest.add(packs[pack], held[pack]);
  largest.require_within(plausible, "weights");
  for (std::size_t cls = 0; cls < l.classes; ++cls) {
    double square = 0;
    for (std::size_t i = 0; i < l.features; ++i) square += std::pow(out[cls * l.features + i], 2);
    if (!(std::sqrt(square) <= plausible.norm))
      throw UntrustedResult("weights: larger together than those of a run on this data" +
                            std::string(kDiverged));
  }
  return out;
}

std::vector<ScorePlace> score_places(const ProductLayout& l, std::size_t samples) {
  std::vector<ScorePlace> out;
  for (std::size_t sample = 0; sample < samples; ++sample)
    for (std::size_t cls = 0; cls < l.classes; ++cls) {
      const std::size_t block = sample / l.rows(), super = block / l.blocks_per_super();
      const auto place = l.place(block % l.blocks_per_super(), cls);
      out.push_back({super * l.ratio + place.small, l.width * (sample % l.rows()) + place.residue});
    }
  return out;
}

std::vector<double> decrypt_scores(const SecretKeys& secrets, const EncryptedScores& scores,
                                   const PlausibleValues& plausible) {
  const ProductLayout& l = scores.layout;
  require(scores.scores.size() == l.supers() * l.ratio, "scores of another layout");
  std::vector<double> out(l.samples * l.classes);
  std::vector<Largest> largest(scores.scores.size());
  parallel_for(scores.scores.size(), [&](std::size_t index) {
    const std::size_t super = index / l.ratio, r = index % l.ratio;
    const std::vector<double> values = coefficients(secrets, scores.scores[index]);
    std::vector<Held> held(l.n, Held::kNothing);
    for (std::size_t in_super = 0; in_super < l.blocks_per_super(); ++in_super)
      for (std::size_t cls = 0; cls < l.classes; ++cls) {
        const auto place = l.place(in_super, cls);
        const std::size_t block = super * l.blocks_per_super() + in_super;
        if (place.small != r || block >= l.blocks()) continue;
        for (std::size_t i = 0; i < l.rows(); ++i) {
          const std::size_t sample = block * l.rows() + i, at = l.width * i + place.residue;
          const bool padding = sample >= l.samples;
          held[at] = padding ? Held::kPadding : Held::kValue;
          if (!padding) out[sample * l.classes + cls] = values[at];
        }
      }
    largest[index].add(values, held);
  });
  Largest all;
  for (const Largest& part : largest) all.add(part);
  all.require_within(plausible, "scores");
  return out;
}

std::vector<int> decrypt_labels(const SecretKeys& secrets, const EncryptedDataset& data) {
  if (data.labels.empty()) throw DataError("the data set holds no labels");
  EncryptedScores one_hot{data.layout, {}};
  for (const SeededCiphertext& c : data.labels) one_hot.scores.push_back(c.expand());
  std::vector<double> values;
  try {
    // 2^-24 an error, of fresh encryptions at kErrorScale.
    values = decrypt_scores(secrets, one_hot, {.largest = 1.25, .padding = 0.25, .empty = 0.25});
  } catch (const UntrustedResult&) {
    throw DataError("the labels do not decrypt to classes");
  }
  const std::size_t classes = data.layout.classes;
  std::vector<int> labels;
  for (std::size_t i = 0; i < data.layout.samples; ++i) {
    int label = -1;
    for (std::size_t k = 0; k < classes; ++k) {
      const double value = values[i * classes + k];
      const bool one = std::abs(value - 1) < 0.25;
      if ((!one && !(std::abs(value) < 0.25)) || (one && label >= 0))
        throw DataError("labels: a sample without a class of its own");
      if (one) label = static_cast<int>(k);
    }
    if (label < 0) throw DataError("labels: a sample without a class of its own");
    labels.push_back(label);
  }
  return labels;
}

}  // namespace blindtuner::secret
